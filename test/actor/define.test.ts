import t from 'tap'
import { assign, createMachine, fromPromise, setup, spawnChild } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { simulatedClock } from '../../core/clock.ts'
import { defineActor, isActorDef } from '../../core/actor/define.ts'
import { startActors } from '../../core/actor/start.ts'
import { codeOf } from '../../core/kit.ts'
import { counter } from './counter.ts'

const codeAt = (run: () => unknown): Promise<string> => codeOf(Promise.resolve().then(run))

const plain = (config: object, implementations: object = {}): AnyStateMachine =>
  createMachine(config as never, implementations as never) as unknown as AnyStateMachine

t.test('a definition fills in its defaults and names what is wrong with it', async (t) => {
  const def = counter()
  t.ok(isActorDef(def))
  t.notOk(isActorDef({ type: 'test.counter' }))
  t.match(def, {
    durability: 'journal',
    mailbox: { capacity: 1024, overflow: 'reject' },
    supervision: { restart: 'transient', intensity: 3, onFailure: 'restart' },
  })
  const audit = { audit: () => [] }
  for (const spec of [
    { type: 'Not A Name' },
    { type: 'ask' },
    { version: 0 },
    { mailbox: { capacity: 0 } },
    { effects: { tell: () => {} } },
    { effects: { audit: () => {} }, records: audit },
    { supervision: { group: 'pair' as never } },
    { durability: 'volatile' as const, records: audit },
  ]) {
    t.equal(await codeAt(() => counter([], spec)), 'PROV_ACTOR_DEF_INVALID', JSON.stringify(spec))
  }
  t.throws(() => counter([], { type: 'Not A Name' }), /lower case letters, digits.*`acme\.quota`/)
})

t.test('what the kernel cannot run is refused by name when the type is registered', async (t) => {
  const system = await startActors({ clock: simulatedClock() })
  t.teardown(() => system.close())
  const on = (actions: unknown) => plain({ on: { go: { actions } } })
  const logic = fromPromise(async () => 1)
  const machines: Record<string, AnyStateMachine> = {
    'the child work': plain({ invoke: { src: 'work' } }),
    'a child whose logic has no name': on(spawnChild(logic as never)),
    notify: on('notify'),
    'an inline function': on(() => {}),
    inEntry: plain({
      initial: 'a',
      states: { a: { initial: 'b', states: { b: { entry: 'inEntry' } } } },
    }),
    inAlways: plain({ always: { guard: () => false, actions: 'inAlways' } }),
  }
  for (const [what, machine] of Object.entries(machines)) {
    const def = defineActor({ type: 'test.refused', version: 1, machine, durability: 'volatile' })
    try {
      system.register(def)
      t.fail(what)
    } catch (thrown) {
      t.match(thrown, {
        code: 'PROV_ACTOR_UNSUPPORTED',
        message: new RegExp(what),
      })
    }
  }
})

t.test('what hides from registration fails its step and leaves no trace', async (t) => {
  const system = await startActors({ clock: simulatedClock() })
  t.teardown(() => system.close())
  const machine = setup({ types: { context: {} as { child?: unknown } } }).createMachine({
    context: {},
    on: {
      spawn: {
        actions: assign({
          child: ({ spawn }) => (spawn as (logic: unknown) => unknown)(fromPromise(async () => 1)),
        }),
      },
    },
  })
  const def = defineActor({
    type: 'test.sly',
    version: 1,
    machine,
    durability: 'volatile',
    supervision: { onFailure: 'resume' },
  })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  t.equal(await codeOf(ref.apply({ type: 'spawn' } as never)), 'PROV_ACTOR_STEP_FAILED')
  t.same(ref.snapshot().context, {})
})

t.test('a machine that never comes to rest fails its step instead of hanging', async (t) => {
  const system = await startActors({ clock: simulatedClock() })
  t.teardown(() => system.close())
  const machine = plain({
    initial: 'rest',
    states: { rest: { on: { go: 'a' } }, a: { always: 'b' }, b: { always: 'a' } },
  })
  const def = defineActor({ type: 'test.loop', version: 1, machine, durability: 'volatile' })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  t.equal(await codeOf(ref.apply({ type: 'go' } as never)), 'PROV_ACTOR_STEP_FAILED')
  t.equal(ref.snapshot().value, 'rest')
})

t.test(
  'a type has one definition, a journal where it needs one, and is registered first',
  async (t) => {
    const system = await startActors({ clock: simulatedClock() })
    t.teardown(() => system.close())
    const loose = counter([], { durability: 'volatile' })
    t.equal(await codeOf(system.spawn(loose, 'a')), 'PROV_ACTOR_UNREGISTERED')
    system.register(loose, { owner: 'tests' })
    system.register(loose)
    t.equal(
      await codeAt(() => system.register(counter([], { durability: 'volatile' }))),
      'PROV_ACTOR_TYPE_TAKEN',
    )
    t.equal(
      await codeAt(() => system.register(counter([], { type: 'test.kept' }))),
      'PROV_ACTOR_JOURNAL_MISSING',
    )
    t.equal(await codeOf(system.spawn(loose, '')), 'PROV_ACTOR_ADDRESS_INVALID')
    await system.spawn(loose, 'a')
    t.match(system.list({ type: 'test.counter' }), [{ owner: 'tests', status: 'active' }])
    t.same(system.list({ type: 'test.other' }), [])
  },
)

t.test('an actor whose first state cannot be made does not exist', async (t) => {
  const system = await startActors({ clock: simulatedClock() })
  t.teardown(() => system.close())
  const machine = plain({
    context: () => {
      throw new Error('no such region')
    },
  })
  const def = defineActor({ type: 'test.stillborn', version: 1, machine, durability: 'volatile' })
  system.register(def)
  t.equal(await codeOf(system.spawn(def, 'a')), 'PROV_ACTOR_START_FAILED')
  t.equal(system.ref('test.stillborn/a'), undefined)
})
