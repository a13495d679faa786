/**
 * Who is named when a function of somebody never comes back: in every place where users' functions are
 * called, the watchdog finds their owner and what they were for.
 */
import t from 'tap'
import { assign, fromPromise, raise, setup, spawnChild } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorDef, Durability } from '../../core/actor/define.ts'
import { during, followRunners, place, runnerOf, running } from '../../core/running.ts'
import { House, settle } from './counter.ts'

const runners = new Map<number, string>()
t.teardown(followRunners((number, { owner, doing }) => runners.set(number, `${owner}: ${doing}`)))

/** Where each function was called, and who would have been named there. */
let called: Record<string, string> = {}
const mark = <T>(name: string, value: T): T => {
  const now = runners.get(running[place.who] as number) ?? 'nobody'
  called[name] ??= now
  return value
}

/** Functions in every place that a type has for them. */
function busy(version: number, durability: Durability): ActorDef {
  return defineActor({
    type: 'busy.bee',
    version,
    durability,
    machine: setup({
      actions: { work: (_args: unknown, _params: unknown) => {}, note: () => {} },
      actors: { kid: fromPromise(async () => 1) },
      delays: { soon: () => mark('delay', 1_000) },
      guards: { may: () => mark('guard', true) },
    }).createMachine({
      context: () => mark('first context', { n: 0 }),
      initial: 'on',
      states: {
        on: {
          on: {
            go: {
              guard: 'may',
              actions: [
                assign({ n: ({ context }) => mark('assign', context.n + 1) }),
                { type: 'work', params: () => mark('params', {}) },
                raise({ type: 'late' }, { delay: 'soon' as never }),
                spawnChild('kid', {
                  id: 'kid',
                  input: () => mark('input of a child', {}),
                } as never),
                ...(durability === 'journal' ? [{ type: 'note' as const }] : []),
              ],
            },
            end: 'off',
          },
        },
        off: { type: 'final', output: () => mark('output of a state', 1) },
      },
      output: () => mark('output', 1),
    } as never) as unknown as AnyStateMachine,
    mailbox: { overflow: 'coalesce', key: () => mark('key of a mailbox', undefined) },
    supervision: { group: () => mark('group', 'all') },
    effects: { work: () => mark('effect', {}) },
    ...(durability === 'journal' && {
      records: { note: () => mark('record', { partition: 'busy', type: 'noted', body: {} }) },
    }),
    migrate: { 1: (state) => mark('migrate', state) },
    upcast: { 1: (event) => mark('upcast', event) },
  }) as ActorDef
}

for (const durability of ['journal', 'volatile'] as const) {
  t.test(`every function of a type is put down to its owner (${durability})`, async (t) => {
    called = {}
    const house = new House()
    const open = async (version: number) => {
      const system = await house.start()
      const def = busy(version, durability)
      called = {}
      system.register(def, { owner: 'busy' })
      return { system, def }
    }
    const { system, def } = await open(1)
    t.same(called, {}, 'the proof of a machine calls nothing of its author')
    const ref = await system.spawn(def, 'a')
    // Whoever sends is at work, and is not who is looked for.
    during(runnerOf('caller', 'a request'), () => ref.send({ type: 'go' }))
    await settle()
    const step = 'busy: a step of busy.bee'
    const expected: Record<string, string> = {
      'first context': step,
      group: step,
      'key of a mailbox': step,
      guard: step,
      assign: step,
      params: step,
      delay: step,
      'input of a child': step,
      effect: 'busy: effect work',
      ...(durability === 'journal' && { record: step }),
    }
    t.same(called, expected)
    if (durability === 'journal') {
      house.crash()
      const later = await open(2)
      t.match(called, { migrate: step, upcast: step, group: step })
      await later.system.close()
    } else {
      await ref.apply({ type: 'end' })
      t.match(called, { output: step, 'output of a state': step })
      await system.close()
    }
  })
}

t.test('who listens is named for its own, not whom it listens to', async (t) => {
  called = {}
  const house = new House()
  const system = await house.start({ inspect: (_record) => mark('inspector', undefined) })
  t.teardown(() => system.close())
  const def = busy(1, 'volatile')
  system.register(def, { owner: 'busy' })
  const ref = await system.spawn(def, 'a')
  called = {}
  during(runnerOf('nosy', 'its setup'), () => {
    ref.changes(() => mark('changes', undefined))
    system.watch(ref.address, () => mark('watch', undefined))
    system.tap(ref.address, () => mark('tap', undefined))
    const face = ref.asXState()
    face.subscribe(() => mark('subscribe', undefined))
    face.select(() => mark('selector', {})).subscribe(() => mark('select', undefined))
  })
  // It is called once when it subscribes, by who does that.
  t.same(called, { selector: 'nosy: its setup' })
  called = {}
  await ref.apply({ type: 'go' })
  await system.stop(ref.address)
  const listener = 'nosy: a listener to busy.bee'
  t.match(called, {
    changes: listener,
    watch: listener,
    tap: listener,
    subscribe: listener,
    selector: listener,
    select: listener,
    inspector: 'Prov: an inspector',
  })
})
