/** The workspace alive: actors follow what planes did, touch only what changed, and come back right. */
import t from 'tap'
import { startActors } from '../../../core/actor/start.ts'
import type { ActorSnapshot, ActorSystem } from '../../../core/actor/system.ts'
import { defineActor } from '../../../core/actor/define.ts'
import { simulatedClock } from '../../../core/clock.ts'
import { memoryJournal } from '../../../core/journal/memory.ts'
import type { Journal } from '../../../core/journal/journal.ts'
import type { AuditData, AuditEvent } from '../../../core/protocol/audit.ts'
import { emptyModel, foldAudit } from '../../../core/protocol/fold.ts'
import type { OpBody } from '../../../core/protocol/op.ts'
import { dimensionMachine, gateMachine } from '../../../machines/index.ts'
import type { DimensionContext } from '../../../machines/index.ts'
import { judgeGates } from '../../../plugins/workspace/conditions.ts'
import { LiveWorkspace } from '../../../plugins/workspace/live.ts'
import type { WorkspaceModel } from '../../../plugins/workspace/model.ts'
import { bodyOf } from '../../../plugins/workspace/ops.ts'
import { modelOf } from '../../../plugins/workspace/parse.ts'
import { standingOf } from '../../../plugins/workspace/standing.ts'
import { exportWorkspace, sampleFolder } from '../../support/sample.ts'

const sample = modelOf(exportWorkspace(sampleFolder).files)
const dimension = defineActor({ type: 'dimension', version: 1, machine: dimensionMachine })
const gate = defineActor({ type: 'gate', version: 1, machine: gateMachine })
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A workspace over a journal, fed with events by hand; `restart` is another life over the same journal. */
async function living(
  t: { teardown(undo: () => unknown): unknown },
  options: { readonly model?: WorkspaceModel; readonly journal?: Journal } = {},
) {
  const clock = simulatedClock()
  const journal = options.journal ?? memoryJournal({ clock })
  const model = options.model ?? sample
  let ops = emptyModel()
  let n = 0
  let actors: ActorSystem
  let live: LiveWorkspace
  const start = async (declared: WorkspaceModel) => {
    actors = await startActors({ journal, clock })
    actors.register(dimension)
    actors.register(gate)
    const standing = () => standingOf(declared, ops)
    live = new LiveWorkspace({
      model: declared,
      actors,
      dimension,
      gate,
      standing,
      log: quiet,
      ops: () => ops,
    })
    await live.start()
  }
  await start(model)
  t.teardown(() => actors.close())

  const event = <T extends keyof AuditData>(type: T, op: string, data: Partial<AuditData[T]>) =>
    ({
      type: `prov.${type}`,
      subject: op,
      id: `test:1:${++n}`,
      time: '2026-01-01T00:00:00.000Z',
      data,
    }) as unknown as AuditEvent
  /** In the fold; `live` hears of it unless it sleeps. */
  const happens = (one: AuditEvent, { heard = true } = {}) => {
    ops = foldAudit(ops, one)
    if (heard) live.take(one)
  }
  const submit = (op: string, body: OpBody, heard = true) =>
    happens(
      event('op.submitted', op, { op: body, by: 'alice', op_digest: 'd', kid: 'k', intent: 'i' }),
      {
        heard,
      },
    )
  const claim = (op: string, heard = true) => {
    const writes = ops.ops.get(op)?.body.achieves.map((move) => move.dimension) ?? []
    happens(event('op.claimed', op, { writes, seq: 1, provider_token: 'x' }), { heard })
  }
  const apply = (op: string, heard = true) => {
    const { achieves, gains, loses } = (ops.ops.get(op) as { body: OpBody }).body
    const moves = achieves.map((move) => ({
      ...move,
      version: (ops.positions[move.dimension]?.version ?? 0) + 1,
    }))
    happens(event('op.applied', op, { moves, gained: gains, lost: loses, detail: {} }), { heard })
  }
  const run = (op: string, type: string, target: string, heard = true) => {
    submit(op, bodyOf(model, standingOf(model, ops), { type, target }), heard)
    claim(op, heard)
    apply(op, heard)
  }
  const of = (address: `${string}/${string}`) => actors.ref(address)?.snapshot()
  return {
    model,
    happens,
    event,
    submit,
    claim,
    apply,
    run,
    idle: () => live.idle(),
    gate: (id: string) => of(`gate/${id}`),
    dimension: (id: string) => of(`dimension/${id}`) as ActorSnapshot<DimensionContext> | undefined,
    /** Do the actors say what the pure functions say? */
    agree: (declared = model) =>
      judgeGates(declared, standingOf(declared, ops)).map(({ id, status }) => [
        id,
        of(`gate/${id}`)?.value === status,
      ]),
    restart: async (declared = model) => {
      await actors.close()
      await start(declared)
    },
    list: () => actors.list().filter((row) => row.status === 'active'),
  }
}

const allAgree = (pairs: readonly (readonly unknown[])[]) => pairs.filter(([, same]) => !same)

t.test('every dimension and gate is an actor, born in the state its files say', async (t) => {
  const ws = await living(t)
  t.equal(ws.list().length, sample.dimensions.length + sample.gates.length)
  t.same(allAgree(ws.agree()), [])
  t.match(ws.dimension('observability')?.context, { current: 'partial', version: 0 })
  t.equal(ws.gate('base-to-apps')?.sequence, 1, 'one step at birth')
})

t.test(
  'an operation moves its dimension, opens the gate that waited, and leaves others alone',
  async (t) => {
    const ws = await living(t)
    const before = ws.gate('base-to-monitoring')?.sequence
    t.equal(ws.gate('secrets-to-apps')?.value, 'closed')
    ws.run('op_1', 'deploy', 'app-cluster/cert-manager')
    await ws.idle()
    t.match(ws.dimension('cluster_provisioning')?.context, {
      current: 'operational',
      version: 1,
      movedBy: 'op_1',
      heldBy: null,
    })
    t.equal(ws.gate('secrets-to-apps')?.value, 'open')
    t.equal(
      ws.gate('base-to-monitoring')?.sequence,
      before,
      'a gate that looks elsewhere took no step',
    )
    t.same(allAgree(ws.agree()), [])
  },
)

t.test('a gate closes again when its evidence goes', async (t) => {
  const ws = await living(t)
  ws.run('op_1', 'deploy', 'app-cluster/cert-manager')
  ws.run('op_2', 'drain', 'app-cluster')
  await ws.idle()
  t.equal(ws.gate('secrets-to-apps')?.value, 'closed')
  t.match(ws.dimension('cluster_provisioning')?.context, { current: 'bootstrapped', version: 2 })
  t.same(allAgree(ws.agree()), [])
})

t.test('the same event twice moves once', async (t) => {
  const ws = await living(t)
  ws.submit(
    'op_1',
    bodyOf(sample, standingOf(sample, emptyModel()), {
      type: 'deploy',
      target: 'app-cluster/cert-manager',
    }),
  )
  const applied = ws.event('op.applied', 'op_1', {
    moves: [
      { dimension: 'cluster_provisioning', from: 'bootstrapped', to: 'operational', version: 1 },
    ],
    gained: ['cert-manager'],
    lost: [],
    detail: {},
  })
  ws.happens(applied)
  ws.happens(applied)
  await ws.idle()
  t.match(ws.dimension('cluster_provisioning'), { value: 'free', context: { version: 1 } })
})

t.test('a gate that waits for a gate follows it, open and closed', async (t) => {
  const chained: WorkspaceModel = {
    ...sample,
    gates: ['third', 'second', 'first'].map((id, at) => ({
      ...(sample.gates[0] as (typeof sample.gates)[number]),
      id,
      condition: {
        all: [at === 2 ? { capability: 'cert-manager' } : { gate: at === 0 ? 'second' : 'first' }],
      },
    })),
  }
  const ws = await living(t, { model: chained })
  t.same(
    ['first', 'second', 'third'].map((id) => ws.gate(id)?.value),
    ['closed', 'closed', 'closed'],
  )
  ws.run('op_1', 'deploy', 'app-cluster/cert-manager')
  await ws.idle()
  t.same(
    ['first', 'second', 'third'].map((id) => ws.gate(id)?.value),
    ['open', 'open', 'open'],
  )
  ws.run('op_2', 'drain', 'app-cluster')
  await ws.idle()
  t.same(
    ['first', 'second', 'third'].map((id) => ws.gate(id)?.value),
    ['closed', 'closed', 'closed'],
  )
})

t.test(
  'an operation holds what it writes, in doubt keeps it and closes what relies on it',
  async (t) => {
    const ws = await living(t)
    ws.run('op_1', 'deploy', 'app-cluster/cert-manager')
    ws.submit(
      'op_2',
      bodyOf(
        sample,
        {
          positions: { cluster_provisioning: { state: 'operational', version: 1 } },
          capabilities: [],
        },
        { type: 'drain', target: 'app-cluster' },
      ),
    )
    ws.claim('op_2')
    await ws.idle()
    t.match(ws.dimension('cluster_provisioning'), { value: 'held', context: { heldBy: 'op_2' } })
    t.equal(ws.gate('secrets-to-apps')?.value, 'open', 'a hold alone closes nothing')

    ws.happens(ws.event('op.in_doubt', 'op_2', { code: 'X', message: 'who knows', detail: {} }))
    await ws.idle()
    t.equal(ws.dimension('cluster_provisioning')?.value, 'held')
    t.equal(ws.gate('secrets-to-apps')?.value, 'partial')
    t.equal(ws.gate('base-to-apps')?.value, 'partial')

    ws.happens(ws.event('op.failed', 'op_2', { code: 'X', message: 'it did not', detail: {} }))
    await ws.idle()
    t.match(ws.dimension('cluster_provisioning'), { value: 'free', context: { heldBy: null } })
    t.equal(ws.gate('secrets-to-apps')?.value, 'open')
    t.same(allAgree(ws.agree()), [])
  },
)

t.test('a declaration stands beside the position until it is judged', async (t) => {
  const ws = await living(t)
  const body = bodyOf(sample, standingOf(sample, emptyModel()), {
    type: 'dimension.declare',
    target: 'observability',
    params: { to: 'full_stack' },
  })
  ws.submit('edit-1', body)
  await ws.idle()
  t.match(ws.dimension('observability')?.context, { current: 'partial', declared: 'full_stack' })
  ws.happens(ws.event('op.refused', 'edit-1', { code: 'X', message: 'no', remedy: '' }))
  await ws.idle()
  t.match(ws.dimension('observability')?.context, { current: 'partial', declared: null })
})

t.test('whoever slept through events is brought up to the journal at the next start', async (t) => {
  const ws = await living(t)
  ws.run('op_1', 'deploy', 'app-cluster/cert-manager', false)
  ws.run('op_2', 'drain', 'app-cluster', false)
  ws.run('op_3', 'deploy', 'app-cluster/cert-manager', false)
  t.match(ws.dimension('cluster_provisioning')?.context, { current: 'bootstrapped', version: 0 })
  await ws.restart()
  t.match(ws.dimension('cluster_provisioning'), {
    value: 'free',
    context: { current: 'operational', version: 3 },
  })
  t.equal(ws.gate('secrets-to-apps')?.value, 'open')
  t.same(allAgree(ws.agree()), [])
})

t.test('a restart with nothing new takes no step at all', async (t) => {
  const ws = await living(t)
  ws.run('op_1', 'deploy', 'app-cluster/cert-manager')
  await ws.idle()
  const steps = () => ws.list().map(({ address, sequence }) => `${address} ${sequence}`)
  const before = steps()
  await ws.restart()
  t.same(steps(), before)
})

t.test(
  'files that changed between two lives redefine what stays and end what is gone',
  async (t) => {
    const ws = await living(t)
    const edited: WorkspaceModel = {
      ...sample,
      dimensions: sample.dimensions.map((one) =>
        one.id === 'observability' ? { ...one, desired: 'partial' } : one,
      ),
      gates: sample.gates
        .filter(({ id }) => id !== 'base-to-monitoring')
        .map((one) => (one.id === 'base-to-apps' ? { ...one, active: false } : one)),
    }
    await ws.restart(edited)
    t.equal(ws.dimension('observability')?.context.desired, 'partial')
    t.equal(ws.gate('base-to-apps')?.value, 'closed')
    t.notOk(ws.list().some(({ address }) => address === 'gate/base-to-monitoring'))
    t.same(allAgree(ws.agree(edited)), [])
  },
)
