/** What XState tells of its own actor is what we tell of ours, running the same machine. */
import t from 'tap'
import { assign, createActor, enqueueActions, raise, setup } from 'xstate'
import type { ActorRefLike, AnyMachineSnapshot, AnyStateMachine, InspectionEvent } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorEvent } from '../../core/actor/define.ts'
import { inspectAsXState } from '../../core/actor/xstate-inspect.ts'
import type { EffectContext } from '../../core/actor/define.ts'
import { counter, House, settle } from './counter.ts'

const flat = setup({
  types: { context: {} as { readonly n: number }, input: {} as { readonly n: number } },
  actions: {
    note: () => {},
    paid: (_args, _params: { amount: number }) => {},
    more: assign({ n: ({ context }) => context.n + 1 }),
  },
  guards: { enough: ({ context }) => context.n > 2 },
}).createMachine({
  id: 'flat',
  context: ({ input }) => ({ n: input.n }),
  entry: 'note',
  initial: 'low',
  states: {
    low: {
      always: { guard: 'enough', target: 'high' },
      exit: 'note',
      on: { more: { actions: ['more', { type: 'paid', params: { amount: 7 } }] }, end: 'over' },
    },
    high: { entry: raise({ type: 'echo' }), on: { echo: { actions: 'note' }, end: 'over' } },
    over: { type: 'final' },
  },
  output: ({ context }) => ({ n: context.n }),
})

const nested = setup({
  types: { context: {} as { readonly log: readonly string[] } },
  actions: {
    note: () => {},
    both: enqueueActions(({ enqueue }) => {
      enqueue('note')
      enqueue.assign({ log: ['both'] })
      enqueue.raise({ type: 'inner' })
    }),
  },
}).createMachine({
  id: 'nested',
  type: 'parallel',
  context: { log: [] },
  states: {
    left: {
      initial: 'a',
      states: {
        a: { after: { 60_000: 'b' }, on: { go: { target: 'b', actions: 'both' } } },
        b: { initial: 'b1', states: { b1: { on: { inner: 'b2' } }, b2: {} } },
      },
    },
    right: { initial: 'a', states: { a: { on: { go: 'b' } }, b: { entry: 'note' } } },
  },
})

interface Case {
  readonly title: string
  readonly machine: AnyStateMachine
  readonly effects: readonly string[]
  readonly input?: unknown
  readonly events: readonly ActorEvent[]
}

const cases: readonly Case[] = [
  {
    title: 'guards, always, raise, params, a final state',
    machine: flat,
    effects: ['note', 'paid'],
    input: { n: 1 },
    events: [{ type: 'more' }, { type: 'nothing.known' }, { type: 'more' }, { type: 'end' }],
  },
  {
    title: 'a first state that goes on by itself',
    machine: flat,
    effects: ['note', 'paid'],
    input: { n: 5 },
    events: [{ type: 'echo' }],
  },
  {
    title: 'parallel regions, nested states, enqueued actions, a timer that is cancelled',
    machine: nested,
    effects: ['note'],
    events: [{ type: 'go' }, { type: 'inner' }],
  },
]

/** Everything of a record but whose it is; `me` stands for the actor. */
function plain(event: InspectionEvent, me: string) {
  const of = (ref: unknown) =>
    ref === undefined ? undefined : (ref as ActorRefLike).sessionId === me ? 'me' : 'another'
  const { type, rootId, actorRef, snapshot, sourceRef, _transitions, ...rest } =
    event as InspectionEvent & {
      readonly snapshot?: AnyMachineSnapshot
      readonly sourceRef?: unknown
      readonly _transitions?: readonly { readonly source: { readonly id: string } }[]
    }
  return {
    type,
    root: rootId === me ? 'me' : rootId,
    actor: of(actorRef),
    ...('sourceRef' in event && { source: of(sourceRef) }),
    ...(snapshot && {
      snapshot: {
        value: snapshot.value,
        context: snapshot.context,
        status: snapshot.status,
        output: snapshot.output,
        tags: [...snapshot.tags],
        can: snapshot.can({ type: 'end' }),
        matches: snapshot.matches('over' as never),
      },
    }),
    ...(_transitions && { transitions: _transitions.map(({ source }) => source.id) }),
    ...rest,
  }
}

function byXState({ machine, input, events }: Case) {
  const told: InspectionEvent[] = []
  const actor = createActor(machine, { input, inspect: (event) => told.push(event) })
  actor.start()
  for (const event of events) actor.send(event)
  const { sessionId } = actor
  const done = actor.getSnapshot().status === 'done'
  if (!done) actor.stop()
  return told.map((event) => plain(event, sessionId))
}

/** Gives no answer: XState's actions give none either. */
const untilStopped = (_params: unknown, { signal }: EffectContext) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))

async function byProv({ machine, effects, input, events }: Case) {
  const house = new House()
  const told: InspectionEvent[] = []
  const system = await house.start({
    inspect: inspectAsXState((event) => told.push(event)),
  })
  const def = defineActor({
    type: 'test.seen',
    version: 1,
    machine,
    effects: Object.fromEntries(effects.map((name) => [name, untilStopped])),
  })
  system.register(def)
  const ref = await system.spawn(def, 'a', input as never)
  for (const event of events) await ref.apply(event as never)
  if (ref.snapshot().status !== 'done') await system.stop(ref.address)
  await system.close()
  return told.map((event) => plain(event, ref.address))
}

for (const one of cases) {
  t.test(`we tell what XState tells: ${one.title}`, async (t) => {
    const theirs = byXState(one)
    const ours = await byProv(one)
    t.ok(theirs.length > 6)
    t.same(ours, theirs)
  })
}

t.test(
  'a restored actor is told as XState tells a restored one, and goes on from there',
  async (t) => {
    const house = new House()
    const def = counter()
    const first = await house.start()
    first.register(def)
    await (await first.spawn(def, 'a')).apply({ type: 'sleep' })
    await first.close()
    house.crash()
    const told: InspectionEvent[] = []
    const second = await house.start({ inspect: inspectAsXState({ next: (e) => told.push(e) }) })
    t.teardown(() => second.close())
    second.register(def)
    await second.ref('test.counter/a')?.apply({ type: 'wake' })
    t.same(
      told.map(({ type }) => type),
      [
        '@xstate.actor',
        '@xstate.event',
        '@xstate.snapshot',
        '@xstate.event',
        '@xstate.action',
        '@xstate.action',
        '@xstate.microstep',
        '@xstate.snapshot',
      ],
    )
    t.match(told.at(2), { event: { type: 'xstate.init' }, snapshot: { value: 'asleep' } })
    t.match(told.at(-1), { event: { type: 'wake' }, snapshot: { value: 'awake' } })
  },
)

t.test('who told whom is a reference to an actor; a timer is the actor itself', async (t) => {
  const house = new House()
  const told: InspectionEvent[] = []
  const system = await house.start({ inspect: inspectAsXState((event) => told.push(event)) })
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const [a, b] = [await system.spawn(def, 'a'), await system.spawn(def, 'b')]
  await a.apply({ type: 'forward', to: b.address, hops: 1 })
  await settle()
  await b.apply({ type: 'sleep' })
  await house.clock.advance(1_000)
  const sources = told.flatMap((event) =>
    event.type === '@xstate.event' && event.event.type !== 'xstate.init'
      ? [[event.event.type, event.sourceRef?.sessionId, event.actorRef.sessionId]]
      : [],
  )
  t.match(sources, [
    ['forward', undefined, a.address],
    ['forward', a.address, b.address],
    ['sleep', undefined, b.address],
    [/^xstate\.after/, b.address, b.address],
  ])
})

t.test('the façade’s own system has an inspector: it hears this one actor', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const [a, b] = [await system.spawn(def, 'a'), await system.spawn(def, 'b')]
  const told: InspectionEvent[] = []
  const subscription = a.asXState().system.inspect((event) => told.push(event))
  await a.apply({ type: 'add' })
  await b.apply({ type: 'add' })
  const types = () => told.map(({ type }) => type)
  t.same(types(), ['@xstate.event', '@xstate.microstep', '@xstate.snapshot'])
  t.match(told.at(-1), { snapshot: { context: { count: 1 } } })
  told.at(-1)?.actorRef.send({ type: 'sleep' })
  await settle()
  t.equal(a.snapshot().value, 'asleep', 'its references can be sent to')
  subscription.unsubscribe()
  const { length } = told
  await a.apply({ type: 'wake' })
  t.equal(told.length, length)
})
