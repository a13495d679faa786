/** The machines as live actors: effects answer with facts, records share the frame, timers are kept. */
import t from 'tap'
import { defineActor } from '../../core/actor/define.ts'
import { House } from '../actor/counter.ts'
import { ownEffects } from '../../machines/answer.ts'
import type { LeaseContext } from '../../machines/lease.ts'
import { leaseEffects, leaseLimits, leaseMachine } from '../../machines/lease.ts'
import type {
  OperationContext,
  OperationEffect,
  OperationRecord,
} from '../../machines/operation.ts'
import { operationEffects, operationMachine } from '../../machines/operation.ts'

const input = {
  id: 'op_1',
  workspace: 'my-infra',
  op: 'deploy',
  target: 'app-cluster/cert-manager',
  digest: 'sha256:0',
  by: 'alice',
  at: 1,
}

/** All planes in one definition; what they were asked to do is written down. */
function planes(asked: string[], execute: () => Promise<{ type: string; at: number }>) {
  return defineActor({
    type: 'operation',
    version: 1,
    machine: operationMachine,
    records: {
      record: ({ op, fact }: OperationRecord) =>
        fact === null ? [] : { partition: 'audit', type: fact.type, body: { op } },
    },
    effects: ownEffects(operationEffects, {
      judge: () => {
        asked.push('judge')
        return { type: 'op.approved', seq: 1, keeperEpoch: 1, at: 2 }
      },
      dispatch: ({ seq }: OperationEffect) => {
        asked.push(`dispatch ${seq}`)
        return { type: 'op.claimed', seq: 1, epoch: 1, providerToken: 'tok', at: 3 }
      },
      execute: ({ providerToken }: OperationEffect) => {
        asked.push(`execute ${providerToken}`)
        return execute()
      },
    }),
  })
}

/** Resolves when the condition holds; tap's timeout is the deadline. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

t.test('an operation runs from submission to its result on answers alone', async (t) => {
  const house = new House()
  const asked: string[] = []
  const system = await house.start()
  const def = planes(asked, async () => ({ type: 'op.applied', at: 4 }))
  system.register(def)
  const ref = await system.spawn(def, 'op_1', input)
  await until(() => ref.snapshot().status === 'done')
  const { value, output, context } = ref.snapshot()
  t.equal(value, 'applied')
  t.match(output, { outcome: 'applied' })
  t.same(
    (context as OperationContext).trail.map((entry) => entry.fact),
    ['op.submitted', 'op.approved', 'op.claimed', 'op.applied'],
  )
  t.same(asked, ['judge', 'dispatch 1', 'execute tok'])
  await system.close()
})

t.test(
  'killed while executing, it executes again under the same token and ends once',
  async (t) => {
    const house = new House()
    const before: string[] = []
    const first = await house.start()
    const hanging = planes(before, () => new Promise(() => {}))
    first.register(hanging)
    const ref = await first.spawn(hanging, 'op_1', input)
    await until(() => before.includes('execute tok'))
    t.equal(ref.snapshot().value, 'claimed', 'claimed is on disk before anything is executed')

    house.crash()
    const after: string[] = []
    const second = await house.start()
    const def = planes(after, async () => ({ type: 'op.applied', at: 9 }))
    second.register(def)
    const again = await second.spawn(def, 'op_1', input)
    await until(() => again.snapshot().status === 'done')
    t.same(after, ['execute tok'], 'nothing that was answered is asked again')
    const facts = (await house.records('audit')).map((record) => record.type)
    t.same(facts, ['op.approved', 'op.claimed', 'op.applied'], 'each fact is written once')
    await second.close()
  },
)

t.test('the deadlines of a lease are kept by the kernel, over a restart as well', async (t) => {
  const house = new House()
  const alarms: unknown[] = []
  const def = defineActor({
    type: 'lease',
    version: 1,
    machine: leaseMachine,
    effects: ownEffects(leaseEffects, {
      grantLease: () => ({ type: 'lease.granted' }),
      createMachine: () => ({
        type: 'machine.created',
        machine: { ref: 'm1', host: null, port: null },
      }),
      destroyMachine: () => ({ type: 'destroy.failed', code: 'PROV_PROVIDER_PROTECTED' }),
      alarm: (params: { lease: string }) => void alarms.push(params),
    }),
  })
  const lease = { id: 'lease_1', provider: 'local', tier: 's', for: 'op_1' }
  const first = await house.start()
  first.register(def)
  const born = await first.spawn(def, 'lease_1', lease)
  await until(() => born.snapshot().value === 'waiting-ssh')
  await house.clock.advance(leaseLimits.bootMs - 1_000)
  house.crash()

  const second = await house.start()
  second.register(def)
  const ref = await second.spawn(def, 'lease_1', lease)
  t.equal(ref.snapshot().value, 'waiting-ssh')
  await house.clock.advance(1_000)
  await until(() => ref.snapshot().value === 'destroying')
  const attempts = () => (ref.snapshot().context as LeaseContext).destroyAttempt
  for (let at = 1; at < leaseLimits.destroyAttempts; at++) {
    await house.clock.advance(leaseLimits.destroyRetryMs)
    await until(() => attempts() > at)
  }
  await house.clock.advance(leaseLimits.destroyRetryMs)
  await until(() => ref.snapshot().value === 'quarantined')
  await until(() => alarms.length > 0)
  t.match(alarms, [{ lease: 'lease_1', code: 'PROV_PROVIDER_PROTECTED' }])
  await second.close()
})
