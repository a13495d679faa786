import t from 'tap'
import { assign, createMachine, not, setup } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { defineActor } from '../../../core/actor/define.ts'
import type { ActorDef } from '../../../core/actor/define.ts'
import { programFor } from '../../../core/actor/program/choose.ts'
import { CompiledProgram } from '../../../core/actor/program/compile.ts'
import { none } from '../../../core/actor/program/program.ts'
import type { Standing } from '../../../core/actor/program/program.ts'
import { StandIns } from '../../../core/actor/program/stand-ins.ts'
import { difference } from '../../../core/actor/program/verify.ts'
import { persisted } from '../../../core/actor/state.ts'
import * as house from '../../../machines/index.ts'
import { randomFrom, randomMachine } from '../../support/random-machine.ts'

const plain = (config: object, implementations: object = {}): AnyStateMachine =>
  createMachine(config as never, implementations as never) as unknown as AnyStateMachine

function typed(machine: AnyStateMachine, durability: ActorDef['durability'] = 'journal'): ActorDef {
  const names = Object.keys(machine.implementations.actions).filter((name) => name !== 'tell')
  const effects = Object.fromEntries(names.map((name) => [name, () => {}]))
  return defineActor({ type: 'test.compiled', version: 1, machine, durability, effects })
}

const flip = setup({
  types: { context: {} as { count: number } },
  actions: { add: assign({ count: ({ context }) => context.count + 1 }) },
}).createMachine({
  context: { count: 0 },
  initial: 'a',
  states: {
    a: { on: { flip: { target: 'b', actions: 'add' } } },
    b: { on: { flip: { target: 'a', actions: 'add' } } },
  },
}) as unknown as AnyStateMachine

/** Regions that turn on their own event: two configurations for each one. */
const regions = (count: number): AnyStateMachine =>
  plain({
    type: 'parallel',
    states: Object.fromEntries(
      Array.from({ length: count }, (_, at) => [
        `r${at}`,
        {
          initial: 'off',
          states: { off: { on: { [`e${at}`]: 'on' } }, on: { on: { [`e${at}`]: 'off' } } },
        },
      ]),
    ),
  })

t.test('one configuration is one object, and nothing asked for is told by identity', async (t) => {
  const program = new CompiledProgram(typed(flip))
  const first = program.start(undefined, 0)
  const second = program.step(first, { type: 'flip' }, 0)
  const third = program.step(second, { type: 'flip' }, 0)
  t.equal(third.config, first.config)
  t.equal(program.restore(persisted(third)).config, first.config)
  t.same(third.context, { count: 2 })
  t.equal(third.asked, none)
  t.equal(third.logs, none)
  t.equal(third.timers, none)
  t.equal(program.step(third, { type: 'other' }, 0).context, third.context)
})

t.test('a throw leaves nothing behind, and a context cannot be written into', async (t) => {
  const machine = plain(
    {
      context: { list: [1], n: 0 },
      on: {
        write: {
          actions: assign(
            ({ context }: never) => ((context as { list: number[] }).list.push(2), {}),
          ),
        },
        late: {
          actions: [
            { type: 'note' },
            assign(() => {
              throw new Error('too late')
            }),
          ],
        },
        grow: {
          actions: assign({
            list: ({ context }: never) => [...(context as { list: number[] }).list, 3],
          } as never),
        },
      },
    },
    { actions: { note: () => {} } },
  )
  for (const durability of ['journal', 'volatile'] as const) {
    const program = new CompiledProgram(typed(machine, durability))
    const start = program.start(undefined, 0)
    t.throws(() => program.step(start, { type: 'write' }, 0), TypeError, durability)
    t.throws(() => program.step(start, { type: 'late' }, 0), /too late/)
    const grown = program.step(start, { type: 'grow' }, 0)
    t.same(
      [grown.context, grown.asked, start.context],
      [{ list: [1, 3], n: 0 }, [], { list: [1], n: 0 }],
    )
    t.ok(Object.isFrozen(grown.context['list']))
  }
})

t.test(
  'a machine of very many configurations is dropped and begun anew, with no difference',
  async (t) => {
    const machine = regions(12)
    const bounded = new CompiledProgram(typed(machine), undefined, 60)
    const whole = new CompiledProgram(typed(machine))
    const random = randomFrom(3)
    let [a, b]: Standing[] = [bounded.start(undefined, 0), whole.start(undefined, 0)] as never
    const old = a
    for (let at = 0; at < 500; at++) {
      const event = { type: `e${random(12)}` }
      a = bounded.step(a as Standing, event, 0)
      b = whole.step(b as Standing, event, 0)
      t.equal(a.config.text, b.config.text)
      if (bounded.size > 70) t.fail(`${bounded.size} things are kept`)
    }
    t.ok(whole.size > 300)
    // Whoever stood still meanwhile goes on from where it stands.
    const [one, two] = [bounded, whole].map((program) =>
      program.step(old as Standing, { type: 'e1' }, 0),
    )
    t.equal(one?.config.text, two?.config.text)
  },
)

t.test('what this house registers is compiled, and the proof costs little', async (t) => {
  for (const [name, machine] of Object.entries(house)) {
    if (!(typeof machine === 'object' && 'root' in machine)) continue
    const program = programFor(typed(machine as unknown as AnyStateMachine))
    t.same([program.mode, program.why], ['compiled', undefined], name)
    const longer = difference(typed(machine as unknown as AnyStateMachine), { steps: 400, seed: 9 })
    t.equal(longer, undefined, `${name}, walked at length`)
  }
})

t.test(
  'of transitions that would leave each other’s states the first in the document is taken',
  async (t) => {
    const machine = plain({
      initial: 'p',
      states: {
        p: {
          type: 'parallel',
          states: { a: { on: { go: '#x' } }, b: { on: { go: '#y' } }, c: { on: { go: '#z' } } },
        },
        x: { id: 'x' },
        y: { id: 'y' },
        z: { id: 'z' },
      },
    })
    // Not by way of the proof, which would take XState in the place of one that chooses otherwise.
    const program = new CompiledProgram(typed(machine))
    const start = program.start(undefined, 0)
    t.equal(program.step(start, { type: 'go' }, 0).config.value, 'x')
  },
)

t.test('a program that does not do what XState does is found out', async (t) => {
  const right = (to: string, extra: object = {}) =>
    plain({
      initial: 'a',
      states: {
        a: { on: { go: { target: to, ...extra }, stay: {} } },
        b: { initial: 'x', states: { x: {} }, on: { back: 'a' } },
        c: { on: { back: 'a' } },
      },
    })
  const def = typed(right('b'))
  t.equal(difference(def), undefined)
  const of = (machine: AnyStateMachine) => () => {
    const other = typed(machine)
    return new CompiledProgram(other, new StandIns(other, new Map()))
  }
  t.match(difference(def, { make: of(right('c')) }), /state in/)
  t.match(difference(def, { make: of(right('b', { guard: () => false })) }), /state in/)
  const noisy = setup({ actions: { add: () => {} } }).createMachine({
    initial: 'a',
    states: { a: { on: { go: { target: 'b', actions: 'add' } } }, b: {} },
  }) as unknown as AnyStateMachine
  t.match(difference(def, { make: of(noisy) }), /(state|actions) in/)
})

t.test('what cannot be compiled runs through XState and says why', async (t) => {
  const own = Object.assign(() => true, { check: () => false })
  const config = (guard: unknown) => ({
    initial: 'a',
    states: { a: { on: { go: [{ guard, target: 'b' }, { target: 'c' }] } }, b: {}, c: {} },
  })
  for (const machine of [
    plain(config(own)),
    plain(config(not('own' as never)), { guards: { own } }),
  ]) {
    const program = programFor(typed(machine))
    t.equal(program.mode, 'interpreted')
    t.match(program.why, /guard .*kind/)
  }
  const program = programFor(typed(plain(config(own))))
  const at = program.start(undefined, 0)
  t.equal(program.step(at, { type: 'go' }, 0).config.value, 'c')
})

t.test('a guard is asked as often as XState asks it, and with what XState gives it', async (t) => {
  const asked: unknown[] = []
  const machine = plain(
    {
      context: { n: 1 },
      on: {
        go: [
          {
            guard: (args: unknown, params: unknown) => (
              asked.push(structuredClone(args), params),
              false
            ),
          },
          {
            guard: {
              type: 'named',
              params: ({ context }: never) => ({ by: (context as { n: number }).n }),
            },
          },
        ],
      },
    },
    {
      guards: {
        named: (args: unknown, params: unknown) => (
          asked.push(structuredClone(args), params),
          false
        ),
      },
    },
  )
  const program = new CompiledProgram(typed(machine))
  program.step(program.start(undefined, 0), { type: 'go' }, 0)
  const args = { context: { n: 1 }, event: { type: 'go' } }
  t.same(asked, [args, undefined, args, { by: 1 }])
})

t.test('a standing of another program is taken up', async (t) => {
  const { machine } = randomMachine(randomFrom(5))
  const [mine, other] = [flip, flip].map((machine) => new CompiledProgram(typed(machine)))
  const at = (other as CompiledProgram).start(undefined, 0)
  t.equal((mine as CompiledProgram).step(at, { type: 'flip' }, 0).config.value, 'b')
  t.throws(
    () => new CompiledProgram(typed(machine)).restore({ ...persisted(at), value: 'nowhere' }),
    /does not exist/,
  )
})

t.test('a standing is XState’s own snapshot for those who speak it', async (t) => {
  const program = programFor(typed(flip))
  const snapshot = program.snapshot(program.step(program.start(undefined, 0), { type: 'flip' }, 0))
  t.ok(snapshot.matches('b' as never))
  t.ok(snapshot.can({ type: 'flip' }))
  t.notOk(snapshot.can({ type: 'flop' }))
  t.same(snapshot.context, { count: 1 })
})

t.test('a leap comes to what a step comes to; only a leap changes what a leap gave', async (t) => {
  const program = programFor(typed(flip as unknown as AnyStateMachine, 'volatile'))
  const shown = ({ config, context, timers, asked, logs }: ReturnType<typeof program.step>) => ({
    value: config.value,
    context,
    timers,
    asked,
    logs,
  })
  const first = program.start(undefined, 0)
  const event = { type: 'flip' }
  const step = program.step(first, event, 1)
  const kept = shown(step)
  const leap = program.leap(first, event, 1)
  t.same(shown(leap), kept)
  const second = program.step(step, event, 2)
  t.same(shown(leap), kept, 'a step makes an object of its own')
  t.same(shown(program.leap(step, event, 2)), shown(second))
  t.same(shown(step), kept)
  t.equal(second.context['count'], 2)
  const broken = programFor(
    typed(
      plain(
        { context: {}, on: { bad: { actions: 'bad' } } },
        {
          actions: {
            bad: assign(() => {
              throw new Error('no')
            }),
          },
        },
      ),
    ),
  )
  const at = broken.start(undefined, 0)
  t.throws(() => broken.leap(at, { type: 'bad' }, 0))
  t.not(broken.step(at, { type: 'x' }, 0), broken.step(at, { type: 'x' }, 0), 'also after a throw')
})
