import t from 'tap'
import type { SnapshotFrom } from 'xstate'
import { initialTransition, transition } from 'xstate'
import type { LeaseEvent } from '../../machines/lease.ts'
import { leaseCodes, leaseMachine } from '../../machines/lease.ts'
import { keepsTheLaws } from '../support/machine-laws.ts'

const input = { id: 'lease_1', provider: 'local', tier: 's', for: 'op_1' }
const machine = { ref: 'm1', host: '127.0.0.1', port: 2222 }
type State = SnapshotFrom<typeof leaseMachine>

/** The state after the events, and the names of the effects asked for on the way. */
function run(...events: readonly LeaseEvent[]): { state: State; effects: string[] } {
  const asked = (actions: readonly { type: string }[]) =>
    actions.map((action) => action.type).filter((type) => !type.startsWith('xstate.'))
  const [born, first] = initialTransition(leaseMachine, input)
  const effects = asked(first)
  let state: State = born
  for (const event of events) {
    const [next, actions] = transition(leaseMachine, state, event)
    state = next
    effects.push(...asked(actions))
  }
  return { state, effects }
}
/** The event that the kernel sends when a delay is over. */
const timer = (delay: string, state: string) =>
  ({ type: `xstate.after.${delay}.lease.${state}` }) as unknown as LeaseEvent
const granted: LeaseEvent = { type: 'lease.granted' }
const created: LeaseEvent = { type: 'machine.created', machine }
const absent: LeaseEvent = { type: 'machine.absent' }
const destroy: LeaseEvent = { type: 'lease.destroy', why: 'enough' }
const toUse: readonly LeaseEvent[] = [
  granted,
  created,
  { type: 'ssh.ready' },
  { type: 'lease.taken', holder: 'op_1' },
]

t.test('a lease goes from request to use and is destroyed when it is released', async (t) => {
  const { state, effects } = run(
    ...toUse,
    { type: 'lease.released', holder: 'op_1' },
    absent,
    absent,
  )
  t.equal(state.value, 'destroyed')
  t.same(effects, ['grantLease', 'createMachine', 'reachMachine', 'destroyMachine'])
  t.same(state.output, { code: null, why: 'released' })
})

t.test('destroy asked while creating waits until there is something to destroy', async (t) => {
  const asked = run(granted, destroy)
  t.equal(asked.state.value, 'creating')
  t.notOk(asked.effects.includes('destroyMachine'))
  const known = run(granted, destroy, created)
  t.equal(known.state.value, 'destroying')
  t.equal(known.state.context.machine?.ref, 'm1')
  t.equal(known.effects.at(-1), 'destroyMachine')
})

t.test('a lost answer is asked about, and two absences make another attempt', async (t) => {
  const lost: LeaseEvent = { type: 'machine.unknown', code: 'PROV_PROVIDER_UNKNOWN' }
  t.equal(run(granted, lost).state.value, 'probing')
  t.equal(run(granted, timer('create', 'creating')).state.value, 'probing')
  t.equal(run(granted, lost, { type: 'machine.found', machine }).state.value, 'waiting-ssh')
  t.equal(run(granted, lost, absent).state.value, 'probing', 'one absence proves nothing')
  const again = run(granted, lost, absent, timer('probe', 'probing'), absent)
  t.equal(again.state.value, 'creating')
  t.equal(again.state.context.attempt, 2)
})

t.test('destroy asked while the outcome is unknown needs no second machine', async (t) => {
  const lost: LeaseEvent = { type: 'machine.unknown', code: 'X' }
  t.equal(run(granted, lost, destroy, absent, absent).state.value, 'destroyed')
  const found = run(granted, lost, destroy, { type: 'machine.found', machine })
  t.equal(found.state.value, 'destroying')
})

t.test('a machine that has our name and is not ours is left alone', async (t) => {
  const { state, effects } = run(
    granted,
    { type: 'machine.unknown', code: 'X' },
    { type: 'machine.foreign' },
  )
  t.equal(state.value, 'rejected')
  t.equal(state.context.code, leaseCodes.foreign)
  t.notOk(effects.includes('destroyMachine'))
})

t.test('where absences prove nothing it ends in doubt, and is not asked for again', async (t) => {
  const doubt: LeaseEvent = { type: 'machine.doubtful', code: 'PROV_PROVIDER_OPAQUE' }
  const lost: LeaseEvent = { type: 'machine.unknown', code: 'X' }
  for (const way of [
    [granted, doubt],
    [granted, lost, doubt],
  ]) {
    const { state, effects } = run(...way)
    t.match([state.value, state.context.code], ['doubtful', 'PROV_PROVIDER_OPAQUE'])
    t.equal(effects.filter((name) => name === 'createMachine').length, 1)
  }
})

t.test('destroy is possible from every state in which there may be a machine', async (t) => {
  for (let upTo = 2; upTo <= toUse.length; upTo++) {
    t.equal(run(...toUse.slice(0, upTo), destroy).state.value, 'destroying')
  }
  t.equal(run(destroy).state.value, 'destroyed', 'and nothing was asked of the provider')
})

t.test('a heartbeat of the holder keeps a lease, another one or silence does not', async (t) => {
  const beat = timer('heartbeat', 'in-use.heard')
  const lost = run(...toUse, beat).state
  t.equal(lost.value, 'destroying')
  t.equal(lost.context.code, leaseCodes.heartbeat)
  const actions = (holder: string) =>
    transition(leaseMachine, run(...toUse).state, { type: 'lease.heartbeat', holder })[1].length
  t.ok(actions('op_1') > 0, 'the clock of the heartbeat starts again')
  t.equal(actions('op_2'), 0)
  t.equal(run(...toUse, { type: 'lease.released', holder: 'op_2' }).state.context.holder, 'op_1')
  t.match(run(...toUse, { type: 'lease.released', holder: 'op_2' }).state.value, {
    'in-use': 'heard',
  })
})

t.test('the longest use is not stretched by heartbeats', async (t) => {
  const use = run(...toUse).state
  const [, actions] = transition(leaseMachine, use, { type: 'lease.heartbeat', holder: 'op_1' })
  const timers = JSON.stringify(actions.map((action) => action.params))
  t.ok(timers.includes('after.heartbeat'), 'its own clock starts again')
  t.notOk(timers.includes('after.ttl'))
  const spent = run(...toUse, timer('ttl', 'in-use')).state
  t.match([spent.value, spent.context.code], ['destroying', leaseCodes.ttl])
})

t.test('destroying is retried for ever and becomes visible when it is in vain', async (t) => {
  const retry = timer('destroyRetry', 'destroying')
  const failed: LeaseEvent = { type: 'destroy.failed', code: 'PROV_PROVIDER_PROTECTED' }
  const begun = [...toUse, destroy, failed]
  t.equal(run(...begun, retry).effects.filter((name) => name === 'destroyMachine').length, 2)
  const vain = run(...begun, ...Array.from({ length: 30 }, () => retry))
  t.equal(vain.state.value, 'quarantined')
  t.equal(vain.effects.at(-1), 'alarm')
  t.equal(vain.state.context.code, 'PROV_PROVIDER_PROTECTED')
  const on = [...Array.from({ length: 30 }, () => retry), timer('quarantineRetry', 'quarantined')]
  t.equal(run(...begun, ...on).state.value, 'destroying')
})

t.test('one absence is not enough to call a machine gone', async (t) => {
  t.equal(run(...toUse, destroy, absent).state.value, 'destroying')
  const seenAgain = run(...toUse, destroy, absent, { type: 'machine.found', machine }, absent)
  t.equal(seenAgain.state.value, 'destroying')
})

t.test('an effect answers with the next fact', async (t) => {
  const done = (name: string, output: unknown) => ({
    type: `effect.done.${name}` as const,
    id: 'x',
    output,
  })
  const { state } = run(
    done('grantLease', granted),
    done('createMachine', created),
    done('reachMachine', { type: 'ssh.refused', code: 'PROV_PROVIDER_HOST_KEY' }),
  )
  t.match([state.value, state.context.code], ['destroying', 'PROV_PROVIDER_HOST_KEY'])
  for (const output of [undefined, null, 'x', {}, { type: 'lease.taken', holder: 'evil' }]) {
    t.equal(run(granted, created, { type: 'ssh.ready' }, done('x', output)).state.value, 'ready')
  }
  const crashed: LeaseEvent = {
    type: 'effect.failed.createMachine',
    id: 'x',
    error: { code: 'C', message: '' },
  }
  t.equal(run(granted, crashed).state.value, 'probing', 'a broken attempt may have made one')
})

const events = (list: readonly LeaseEvent[]) => list

keepsTheLaws(t, {
  name: 'lease',
  machine: leaseMachine,
  input: { ...input, limits: { destroyAttempts: 1 } },
  events: events([
    ...toUse,
    destroy,
    absent,
    { type: 'machine.refused', code: 'X' },
    { type: 'machine.unknown', code: 'X' },
    { type: 'machine.doubtful', code: 'X' },
    { type: 'lease.released', holder: 'op_1' },
  ]),
  transient: ['absent'],
  key: (context: { absences: number; destroyAsked: string | null }) => [
    Math.min(context.absences, 1),
    context.destroyAsked !== null,
  ],
})
