/**
 * Where programs do otherwise than XState, and why: each known case in its smallest form, with XState
 * itself beside it. Whoever updates XState learns here what it has changed its mind about.
 *
 * @module
 */
import t from 'tap'
import { assign, cancel, createActor, createMachine, raise, sendTo, SimulatedClock } from 'xstate'
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { defineActor } from '../../../core/actor/define.ts'
import type { ActorEvent } from '../../../core/actor/define.ts'
import { programFor } from '../../../core/actor/program/choose.ts'
import type { Step } from '../../../core/actor/program/program.ts'
import { persisted } from '../../../core/actor/state.ts'

const make = (config: object): AnyStateMachine =>
  createMachine(config as never, { actions: { note: () => {} } } as never) as never

const programOf = (machine: AnyStateMachine) =>
  programFor(defineActor({ type: 'test.case', version: 1, machine, effects: { note: () => {} } }))

/** Where a program stands after these events. */
function after(machine: AnyStateMachine, types: readonly string[]): Step {
  const program = programOf(machine)
  return types.reduce((at, type) => program.step(at, { type }, 0), program.start(undefined, 0))
}

t.test('order of entry: conflicts are decided by the document, also after a restore', async (t) => {
  const positive = ({ context }: { context: { n: number } }) => context.n > 0
  const machine = make({
    context: { n: 0 },
    initial: 'p',
    on: {
      count: {
        actions: assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 } as never),
      },
    },
    states: {
      p: {
        type: 'parallel',
        states: {
          a: {
            initial: 'a1',
            states: {
              a1: { on: { move: 'a2' } },
              a2: { always: { guard: positive, target: '#x' } },
            },
          },
          b: { initial: 'b1', states: { b1: { always: { guard: positive, target: '#y' } } } },
        },
      },
      x: { id: 'x' },
      y: { id: 'y' },
    },
  })
  const live = createActor(machine).start()
  live.send({ type: 'move' })
  const kept = JSON.parse(JSON.stringify(live.getPersistedSnapshot())) as never
  const restored = createActor(machine, { snapshot: kept }).start()
  live.send({ type: 'count' })
  restored.send({ type: 'count' })
  t.equal((live.getSnapshot() as AnyMachineSnapshot).value, 'y', 'XState, alive')
  t.equal((restored.getSnapshot() as AnyMachineSnapshot).value, 'x', 'XState, restored')

  const program = programOf(machine)
  const moved = after(machine, ['move'])
  const back = program.restore(JSON.parse(JSON.stringify(persisted(moved))) as never)
  for (const at of [moved, back]) {
    t.equal(program.step(at, { type: 'count' }, 0).config.value, 'x', 'ours, alive and restored')
  }
})

t.test('a state that is left for its own history is entered again', async (t) => {
  const machine = make({
    initial: 'p',
    states: {
      p: {
        type: 'parallel',
        tags: 'within',
        entry: { type: 'note', params: { what: 'in' } },
        exit: { type: 'note', params: { what: 'out' } },
        states: { a: { on: { again: '#h' } }, b: {}, h: { id: 'h', type: 'history' } },
      },
    },
  })
  const actor = createActor(machine).start()
  actor.send({ type: 'again' })
  const snapshot = actor.getSnapshot() as AnyMachineSnapshot
  t.same(snapshot.value, { p: { a: {}, b: {} } })
  t.notOk(snapshot.hasTag('within'), 'XState has left it and is still in it')

  const step = after(machine, ['again'])
  t.same(step.config.value, { p: { a: {}, b: {} } })
  t.ok(step.config.tags.has('within'))
  t.same(
    step.asked.map(({ params }) => params),
    [{ what: 'out' }, { what: 'in' }],
  )
})

t.test('a delayed event under an id that is set takes the place of the one before', async (t) => {
  const machine = make({
    context: { seen: [] },
    entry: [
      raise({ type: 'first' }, { id: 'one', delay: 10 }),
      raise({ type: 'second' }, { id: 'one', delay: 20 }),
    ],
    on: {
      stop: { actions: cancel('one') },
      '*': {
        actions: assign({
          seen: ({ context, event }: never) => [
            ...(context as { seen: string[] }).seen,
            (event as ActorEvent).type,
          ],
        } as never),
      },
    },
  })
  const clock = new SimulatedClock()
  const actor = createActor(machine, { clock }).start()
  actor.send({ type: 'stop' })
  clock.increment(50)
  const { context } = actor.getSnapshot() as AnyMachineSnapshot
  t.same(context, { seen: ['first'] }, 'XState forgets the first one and cannot cancel it')

  const program = programOf(machine)
  const start = program.start(undefined, 0)
  t.match(start.timers, [{ id: 'one', dueMs: 20, event: { type: 'second' } }])
  t.same(program.step(start, { type: 'stop' }, 0).timers, [])
})

t.test(
  'a message to a child that is not there is for the kernel to refuse, not a failure',
  async (t) => {
    const machine = make({ on: { go: { actions: sendTo('nobody', { type: 'hi' }) } } })
    const actor = createActor(machine)
    actor.subscribe({ error: () => {} })
    actor.start().send({ type: 'go' })
    t.equal(actor.getSnapshot().status, 'error', 'XState: the sender has failed for good')

    const step = after(machine, ['go'])
    t.equal(step.config.status, 'active')
    t.same(step.asked, [{ name: 'xstate.send', params: { to: 'nobody', event: { type: 'hi' } } }])
  },
)

t.test('so many eventless transitions fail their step, also where they would end', async (t) => {
  const isOver = ({ context }: { context: { n: number } }) => context.n >= 1_500
  const add = assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 } as never)
  const machine = make({
    context: { n: 0 },
    initial: 'rest',
    states: {
      rest: { on: { go: 'a' } },
      a: {
        always: [
          { guard: isOver, target: 'rest' },
          { target: 'b', actions: add },
        ],
      },
      b: { always: 'a' },
    },
  })
  const actor = createActor(machine).start()
  actor.send({ type: 'go' })
  t.match(actor.getSnapshot(), { value: 'rest', context: { n: 1_500 } }, 'XState gets there')
  const program = programOf(machine)
  const rest = program.start(undefined, 0)
  t.throws(() => program.step(rest, { type: 'go' }, 0), /1000 microsteps/)
})

t.test(
  'a circle of eventless transitions fails its step; XState goes round for ever',
  async (t) => {
    const machine = make({
      initial: 'rest',
      states: { rest: { on: { go: 'a' } }, a: { always: 'b' }, b: { always: 'a' } },
    })
    t.equal(machine.options.maxIterations, Infinity)
    const program = programOf(machine)
    const rest = program.start(undefined, 0)
    t.throws(() => program.step(rest, { type: 'go' }, 0), /1000 microsteps/)
    t.equal(program.step(rest, { type: 'other' }, 0).config.value, 'rest', 'and goes on from there')
  },
)

t.test('a child that got no name gets one that the same step gives again', async (t) => {
  const machine = createMachine(
    {
      context: {},
      on: {
        go: {
          actions: assign({
            child: ({ spawn }: never) => (spawn as (src: string) => unknown)('work'),
          } as never),
        },
      },
    } as never,
    { actors: { work: createMachine({}) } } as never,
  ) as unknown as AnyStateMachine
  const actor = createActor(machine).start()
  actor.send({ type: 'go' })
  const { child } = (actor.getSnapshot() as AnyMachineSnapshot).context as { child: { id: string } }
  t.match(child.id, /^x:\d+$/, 'XState: whatever number is next in this process')

  const program = programOf(machine)
  const start = program.start(undefined, 0)
  const [once, again] = [0, 0].map(() => program.step(start, { type: 'go' }, 5))
  t.same(once, again)
  t.same(once?.context, { child: { xstate$$type: 1, id: 'work-5' } })
  const twice = program.step(once as Step, { type: 'go' }, 5)
  t.same(twice.context, { child: { xstate$$type: 1, id: 'work-5-1' } })
})
