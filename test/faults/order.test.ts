/**
 * In which order a plane acts: nothing leaves it (an acknowledgement, an effect) before the record
 * that answers for it is on the disk, and what is on record is what is judged. Each test names a
 * mutant of `mutants.ts`.
 */
import t from 'tap'
import type { Test } from 'tap'
import type { Bus, Delivery } from '../../core/bus/bus.ts'
import { digestOf } from '../../core/json.ts'
import { bus } from '../../core/plugin/core-services.ts'
import { opDigest } from '../../core/protocol/claims.ts'
import type { OpBody } from '../../core/protocol/op.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { signTokenNow } from '../../core/protocol/tokens.ts'
import { lossyBus } from '../planes/lossy-bus.ts'
import { live, people, stage } from '../plugins/stage.ts'
import type { Life, Stage } from '../plugins/stage.ts'

/** A stage over a bus of its own, on which a test may look at each acknowledgement as it is made. */
async function watched(t: Test) {
  const on = stage(t, signsAll)
  const lossy = await lossyBus(on.clock)
  t.teardown(() => lossy.close())
  const watch: Watch = { acked: () => {}, comes: async () => {} }
  on.bus = async () => looking(lossy.open(), watch)
  const life = await live(on)
  t.teardown(() => life.close())
  const keys = people(on)
  for (const [actor, kind] of [
    ['alice', 'human'],
    ['robot', 'agent'],
  ] as const) {
    const record = await keys.create({ actor, kind, passphrase: '' })
    await life.deal.enrol({ record, as: 'alice' })
  }
  await life.desk.activatePolicy({ as: 'alice' })
  return { ...life, on, lossy, watch, keys }
}

function looking(inner: Bus, watch: Watch): Bus {
  return {
    ...inner,
    async *pull(stream, consumer, options) {
      for await (const delivery of inner.pull(stream, consumer, options)) {
        await watch.comes(delivery, consumer)
        const { subject, id, sequence, attempt, headers, body } = delivery
        yield {
          subject,
          stream,
          id,
          sequence,
          attempt,
          headers,
          body,
          nak: (again) => delivery.nak(again),
          term: (reason) => delivery.term(reason),
          working: () => delivery.working(),
          ack() {
            watch.acked(delivery)
            return delivery.ack()
          },
        }
      }
    },
  }
}

interface Watch {
  /** Called before a message is acknowledged. */
  acked: (delivery: Delivery) => void
  /** Awaited before a message comes to its consumer: a bus that takes its time. */
  comes: (delivery: Delivery, consumer: string) => Promise<void>
}

/** Signs everything by itself. */
const signsAll = `{ policy = { version = 1, auto_sign = [{ id = "some", op_type = "deploy" }, { id = "others", op_type = "gated" }] } }\n`

/** What the disk holds at this moment, as text. */
const onDisk = ({ disk }: Stage): string => disk.batches.map(({ text }) => text).join('')

const noWait = Promise.resolve()
const deploy = { type: 'deploy', target: 'app/x', as: 'alice' } as const

t.test(
  'a command is acknowledged, and its effect begins, after its CLAIM is on disk',
  async (t) => {
    const { on, watch, ops, until } = await watched(t)
    const claimed: Record<string, boolean> = {}
    const look = (what: string): void => {
      claimed[what] = onDisk(on).includes('"type":"prov.op.claimed"')
    }
    watch.acked = ({ id }) => {
      if (id.startsWith('command:')) look('acknowledged')
    }
    on.run = async () => {
      look('effect')
      return { outcome: 'applied', detail: {} }
    }
    const { op } = await ops.submit(deploy)
    await until(op, 'applied')
    t.same(claimed, { acknowledged: true, effect: true })
    t.equal(on.effects.get(op), 1)
  },
)

t.test('an intent is acknowledged after the keeper has it on disk', async (t) => {
  const { on, watch, ops, until } = await watched(t)
  const kept: boolean[] = []
  watch.acked = ({ id }) => {
    if (id.startsWith('intent:')) kept.push(onDisk(on).includes(`"keeper/${op}"`))
  }
  const op = 'op_order'
  await ops.submit({ ...deploy, opId: op })
  await until(op, 'applied')
  t.same(kept, [true])
})

t.test(
  'the token of a provider is made of journal and operation, in each life the same',
  async (t) => {
    const tokens: string[] = []
    const { on, ops, deal, close } = await watched(t)
    const begun = new Promise<void>((resolve) => {
      on.run = (_, token) => {
        tokens.push(token)
        resolve()
        return new Promise(() => {})
      }
    })
    const { op } = await ops.submit(deploy)
    await begun
    const closing = close()
    await on.clock.advance(10_000)
    await closing
    on.run = async (_, token) => {
      tokens.push(token)
      return { outcome: 'applied', detail: {} }
    }
    const second = await live(on)
    t.teardown(() => second.close())
    await second.until(op, 'applied')
    const token = digestOf({ journal: deal.journal, op, step: 'run' })
    t.same(tokens, [token, token])
  },
)

t.test('an operation on record is judged by its own intent, whoever signs another', async (t) => {
  const life = await watched(t)
  const { on, lossy, ops, until, deal, keys, refused } = life
  const op = 'op_own'
  // The own intent is late; one of somebody who is enrolled comes first, under the same id.
  let late = true
  lossy.loses = (_, { id }) => late && id.startsWith(`intent:${op}`)
  await ops.submit({ ...deploy, opId: op })
  const robot = await keys.signer('robot')
  await forge(life, op, robot)
  await refused('PROV_OP_ID_REUSED')
  t.equal(on.effects.get(op), undefined)
  late = false
  const done = until(op, 'applied')
  let over = false
  void done.finally(() => (over = true)).catch(() => {})
  while (!over) await on.clock.advance(500)
  t.equal(deal.store.get().ops.get(op)?.by, 'alice')
  t.equal(on.effects.get(op), 1)
})

t.test('what another policy governs by now is not signed under the one before', async (t) => {
  const { on, watch, ops, until, deal, events } = await watched(t)
  const before = deal.store.get().policy?.digest
  let tell = (): void => {}
  const told = new Promise<void>((resolve) => (tell = resolve))
  // The trail has the new policy, and the keeper has not heard of it yet.
  watch.comes = ({ body }, consumer) =>
    consumer === 'keeper' && Object(body)['type'] === 'prov.policy.activated' ? told : noWait
  const policy = { version: 1, deny: [{ id: 'none', op_type: 'deploy' }] }
  const bound = { version: 2, digest: digestOf({ policy, sources: {} }) }
  const said = { act: 'policy.activate', subject: 'policy', reason: '' } as const
  const act = await deal.act({ ...said, as: 'alice', with: bound })
  const data = { ...bound, by: 'alice', policy, act }
  await deal.emit('keeper', { type: 'policy.activated', subject: 'keeper_policy.ncl', data })
  const { op } = await ops.submit(deploy)
  await until(op, 'refused')
  tell()
  const types = (await events(op)).map(({ type }) => type)
  t.notOk(types.includes('prov.op.approved'), 'nothing was signed')
  t.match(deal.store.get().ops.get(op), { code: 'PROV_OP_DENIED' })
  t.not(deal.store.get().policy?.digest, before)
  t.equal(on.effects.size, 0)
})

t.test('an operation whose intent is over is not signed once more', async (t) => {
  const { on, watch, ops, until, events } = await watched(t)
  const minute = 60_000
  on.pause = async () => {
    on.pause = async () => {}
    on.clock.jump(11 * minute)
  }
  // The command was late; by the time the keeper hears of it the intent is over as well.
  watch.comes = async ({ body }, consumer) => {
    if (consumer !== 'keeper' || Object(body)['type'] !== 'prov.op.expired') return
    on.clock.jump(2 * minute)
  }
  const { op } = await ops.submit({ ...deploy, type: 'gated', expiresInMs: 12 * minute })
  await until(op, 'expired', 'refused', 'applied')
  const told = (await events(op)).map(({ type, data }) => ({ type, ...data }))
  t.match(
    told.filter(({ type }) => /approved|expired|refused/.test(type)),
    [
      { type: 'prov.op.approved', seq: 1 },
      { type: 'prov.op.expired', what: 'command', code: 'PROV_OP_COMMAND_LATE' },
      { type: 'prov.op.expired', what: 'intent', code: 'PROV_TOKEN_EXPIRED' },
    ],
  )
})

/** The same type, which policy signs by itself, with other work behind it. */
async function forge(
  { deal, on, prov }: Pick<Life, 'deal' | 'prov'> & { readonly on: Stage },
  sub: string,
  signer: Awaited<ReturnType<ReturnType<typeof people>['signer']>>,
): Promise<void> {
  const op: OpBody = {
    type: 'deploy',
    target: 'app/x',
    scope: [],
    destructive: false,
    achieves: [],
    gains: [],
    loses: [],
    requires: [],
    run: { provider: 'test', steps: [{ id: 'own', script: 'what I like' }] },
  }
  const iat = Math.floor(on.clock.now() / 1_000)
  const { kid: iss } = signer.record
  const at = { iat, nbf: iat, exp: iat + 600, aud: deal.journal, workspace: 'my-infra' }
  const what = { op, op_digest: opDigest(op), scope: [], expected_state_version: {} }
  const token = signTokenNow('intent', { iss, sub, jti: `forged_${sub}`, ...at, ...what }, signer)
  const subject = subjects.pending('my-infra', 'deploy')
  await prov.service(bus).publish(subject, { id: `forged:${sub}`, body: { kind: 'intent', token } })
}
