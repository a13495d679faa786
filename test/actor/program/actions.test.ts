/**
 * XState's own actions as data: the same in both modes.
 *
 * @module
 */
import t from 'tap'
import type { Test } from 'tap'
import {
  assign,
  cancel,
  emit,
  enqueueActions,
  forwardTo,
  fromPromise,
  log,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate'
import type { AnyActorRef, AnyStateMachine } from 'xstate'
import { defineActor } from '../../../core/actor/define.ts'
import { programFor } from '../../../core/actor/program/choose.ts'
import { CompiledProgram } from '../../../core/actor/program/compile.ts'
import { interpreted } from '../../../core/actor/program/interpret.ts'
import { none } from '../../../core/actor/program/program.ts'
import type { Program, Step } from '../../../core/actor/program/program.ts'

const work = fromPromise(async () => 1)
const types = { context: {} as { n: number; child?: unknown; all?: string[] } }
const build = setup({ types, actors: { work }, actions: { note: () => {}, audit: () => {} } })

/** Runs the same in both modes; they must give the same. */
function inBoth(
  t: Test,
  machine: unknown,
  run: (program: Program) => readonly Step[],
): readonly Step[] {
  const def = defineActor({
    type: 'test.actions',
    version: 1,
    machine: machine as AnyStateMachine,
    effects: { note: () => {} },
    records: { audit: () => [] },
  })
  const compiled = run(new CompiledProgram(def))
  const theirs = run(interpreted(def, undefined))
  const plain = (steps: readonly Step[]) => {
    return steps.map(({ config, context, timers, asked, logs }) => {
      const { value, status, output } = config
      return { value, status, output, context, timers, asked, logs }
    })
  }
  t.same(plain(compiled), plain(theirs), 'both modes agree')
  return compiled
}

t.test(
  'messages are asked for as data, to children, addresses, the parent and oneself',
  async (t) => {
    const later = { delay: 50, id: 'soon' }
    const [, step] = inBoth(
      t,
      build.createMachine({
        context: { n: 3 },
        on: {
          go: {
            actions: [
              sendTo('kid', ({ context }) => ({ type: 'count', n: context.n })),
              sendTo('shop/7', { type: 'order' }),
              sendTo(({ system }) => system.get('shop/8') as AnyActorRef, { type: 'order' }),
              sendTo(({ self }) => self, { type: 'myself' }),
              sendParent({ type: 'up' }),
              forwardTo('kid'),
              sendTo('kid', { type: 'later' }, later),
              emit({ type: 'seen' }),
              {
                type: 'note',
                params: ({ context }: { context: { n: number } }) => ({ n: context.n }),
              },
              log(({ context }) => context.n, 'counted'),
            ],
          },
        },
      }),
      (program) => {
        const start = program.start(undefined, 1_000)
        return [start, program.step(start, { type: 'go' }, 2_000)]
      },
    ) as [Step, Step]
    t.same(step.asked, [
      { name: 'xstate.send', params: { to: 'kid', event: { type: 'count', n: 3 } } },
      { name: 'xstate.send', params: { to: 'shop/7', event: { type: 'order' } } },
      { name: 'xstate.send', params: { to: 'shop/8', event: { type: 'order' } } },
      { name: 'xstate.send', params: { to: '#self', event: { type: 'myself' } } },
      { name: 'xstate.send', params: { to: '#parent', event: { type: 'up' } } },
      { name: 'xstate.send', params: { to: 'kid', event: { type: 'go' } } },
      { name: 'xstate.emit', params: { event: { type: 'seen' } } },
      { name: 'note', params: { n: 3 } },
    ])
    t.same(step.timers, [{ id: 'soon', dueMs: 2_050, event: { type: 'later' }, to: 'kid' }])
    t.same(step.logs, [{ label: 'counted', value: 3 }])
  },
)

t.test('the id of a delayed event is text, as it is in XState; a function is refused', (t) => {
  const given = { delay: 10, id: 7 as unknown as string }
  const machine = build.createMachine({
    context: { n: 0 },
    entry: [raise({ type: 'ring' }, given), sendTo('job', { type: 'hi' }, given)],
    on: { stop: { actions: cancel(7 as unknown as string) } },
  })
  const [, stopped] = inBoth(t, machine, (program) => {
    const start = program.start(undefined, 0)
    t.match(start.timers, [{ id: '7' }])
    return [start, program.step(start, { type: 'stop' }, 0)]
  })
  t.same(stopped?.timers, [])

  const moving = { delay: 10, id: (() => 'r7') as unknown as string }
  for (const action of [raise({ type: 'ring' }, moving), sendTo('job', { type: 'hi' }, moving)]) {
    const odd = build.createMachine({ context: { n: 0 }, on: { go: { actions: action as never } } })
    const def = defineActor({ type: 'test.actions', version: 1, machine: odd })
    t.throws(() => programFor(def), { code: 'PROV_ACTOR_UNSUPPORTED', message: /id of a delayed/ })
  }
  t.end()
})

t.test('an invoked child begins on entry with its input, and ends on exit', async (t) => {
  const [, entered, failed] = inBoth(
    t,
    build.createMachine({
      context: { n: 3 },
      initial: 'idle',
      states: {
        idle: { on: { go: 'busy' } },
        busy: {
          invoke: {
            id: 'job',
            src: 'work',
            input: ({ context, event }: never) => ({
              n: (context as { n: number }).n,
              of: (event as { type: string }).type,
            }),
            onDone: {
              target: 'idle',
              actions: assign({ n: ({ event }) => event.output as number }),
            },
            onError: { target: 'idle', actions: assign({ n: -1 }) },
            onSnapshot: {},
          },
        },
      },
    } as never),
    (program) => {
      const start = program.start(undefined, 0)
      const entered = program.step(start, { type: 'go' }, 0)
      const failed = program.step(entered, { type: 'xstate.error.actor.job' }, 0)
      const done = { type: 'xstate.done.actor.job', output: 7 }
      return [start, entered, failed, program.step(entered, done, 0)]
    },
  ) as [Step, Step, Step]
  const params = { id: 'job', src: 'work', input: { n: 3, of: 'go' }, syncSnapshot: true }
  t.same(entered.asked, [{ name: 'xstate.spawn', params }])
  t.same(failed.asked, [{ name: 'xstate.stop', params: { id: 'job' } }])
  t.match(failed, { context: { n: -1 }, config: { value: 'idle' } })
})

t.test('a failed child that nobody handles fails the step', async (t) => {
  const machine = build.createMachine({ context: { n: 0 }, invoke: { id: 'job', src: 'work' } })
  const def = defineActor({ type: 'test.unhandled', version: 1, machine: machine as never })
  for (const program of [new CompiledProgram(def), interpreted(def, undefined)]) {
    const start = program.start(undefined, 0)
    const event = { type: 'xstate.error.actor.job', error: new Error('no luck') }
    t.throws(() => program.step(start, event, 0), /no luck/, program.mode)
  }
})

t.test(
  'a spawned child is a reference in the context, which sendTo and stopChild take',
  async (t) => {
    const [, spawned, told, stopped] = inBoth(
      t,
      build.createMachine({
        context: { n: 0 },
        on: {
          spawn: {
            actions: assign({ child: ({ spawn }) => spawn('work', { id: 'w1' }) }),
          },
          tell: { actions: sendTo(({ context }) => context.child as AnyActorRef, { type: 'hi' }) },
          stop: { actions: stopChild(({ context }) => context.child as never) },
          twin: {
            actions: spawnChild('work', {
              id: ({ context }: { context: { n: number } }) => `w${context.n}`,
            } as never),
          },
        },
      }),
      (program) => {
        const steps = [program.start(undefined, 0)]
        for (const type of ['spawn', 'tell', 'stop', 'twin']) {
          steps.push(program.step(steps.at(-1) as Step, { type }, 0))
        }
        return steps
      },
    ) as Step[] as [Step, Step, Step, Step]
    t.same(spawned.context, { n: 0, child: { xstate$$type: 1, id: 'w1' } })
    t.same(spawned.asked, [{ name: 'xstate.spawn', params: { id: 'w1', src: 'work' } }])
    t.same(told.asked, [{ name: 'xstate.send', params: { to: 'w1', event: { type: 'hi' } } }])
    t.same(stopped.asked, [{ name: 'xstate.stop', params: { id: 'w1' } }])
  },
)

t.test(
  'what enqueueActions collects runs in its place, and checks see what was assigned',
  async (t) => {
    const [, step] = inBoth(
      t,
      build.createMachine({
        context: { n: 0 },
        on: {
          go: {
            actions: [
              assign({ n: 1 }),
              enqueueActions(({ context, enqueue, check }) => {
                enqueue.assign({ n: context.n + 1 })
                enqueue({ type: 'note' })
                if (check(({ context }) => context.n === 1)) enqueue.raise({ type: 'again' })
                enqueue(
                  enqueueActions(({ context, enqueue }) => enqueue.assign({ n: context.n * 10 })),
                )
              }),
              'audit',
            ],
          },
          again: { actions: assign({ all: ({ context }) => [`at ${context.n}`] }) },
        },
      }),
      (program) => {
        const start = program.start(undefined, 0)
        return [start, program.step(start, { type: 'go' }, 0)]
      },
    ) as [Step, Step]
    t.same(step.context, { n: 20, all: ['at 20'] })
    t.same(
      step.asked.map(({ name }) => name),
      ['note', 'audit'],
    )
  },
)

t.test(
  'a first context may spawn; self and system do nothing behind the back of a step',
  async (t) => {
    const [start] = inBoth(
      t,
      build.createMachine({
        context: ({ spawn }: { spawn: (src: string, options: object) => unknown }) => ({
          n: 0,
          child: spawn('work', { id: 'first', input: { a: 1 } }),
        }),
      } as never),
      (program) => [program.start({ any: 1 }, 0)],
    )
    const params = { id: 'first', src: 'work', input: { a: 1 } }
    t.same(start?.asked, [{ name: 'xstate.spawn', params }])
    const sly = build.createMachine({
      context: { n: 0 },
      on: {
        send: { actions: assign(({ self }) => (self.send({ type: 'x' } as never), {})) },
        nameless: {
          actions: assign({
            child: ({ spawn }) =>
              (spawn as never as (of: unknown) => unknown)(fromPromise(async () => 1)),
          }),
        },
      },
    })
    const def = defineActor({ type: 'test.sly', version: 1, machine: sly as never })
    for (const program of [new CompiledProgram(def), interpreted(def, undefined)]) {
      const at = program.start(undefined, 0)
      for (const type of ['send', 'nameless']) {
        t.throws(() => program.step(at, { type }, 0), { code: 'PROV_ACTOR_UNSUPPORTED' }, type)
      }
      t.same(program.step(at, { type: 'other' }, 0).asked, none, 'and nothing is left of it')
    }
  },
)
