/**
 * Whoever only looks does their worst: throws, hangs, changes what they are given, takes themselves and
 * others away, answers with more messages, keeps all of it. No send, no step and no other listener is harmed.
 */
import t from 'tap'
import { assign, setup } from 'xstate'
import type { Address } from '../../core/actor/address.ts'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import type { InspectRecord } from '../../core/actor/inspect.ts'
import { startActors } from '../../core/actor/start.ts'
import { memoryJournal, MemoryDisk } from '../../core/journal/memory.ts'
import { settle } from './counter.ts'

interface Context {
  readonly n: number
  readonly seen: readonly { readonly by: number }[]
}

const machine = setup({
  types: { context: {} as Context, events: {} as { type: 'add'; by: { n: number } } },
  actions: {
    add: assign(({ context, event }) => ({
      n: context.n + event.by.n,
      seen: [...context.seen, { by: event.by.n }],
    })),
  },
}).createMachine({
  type: 'parallel',
  context: { n: 0, seen: [] },
  states: {
    left: {
      initial: 'a',
      states: {
        a: { on: { add: { target: 'b', actions: 'add' } } },
        b: { on: { add: { target: 'a', actions: 'add' } } },
      },
    },
    right: { initial: 'x', states: { x: {}, y: {} } },
  },
})

const kept = defineActor({ type: 'watched.kept', version: 1, machine })
const light = defineActor({ type: 'watched.light', version: 1, machine, durability: 'volatile' })
const add = { type: 'add' as const, by: { n: 1 } }

/** Changes all that it can reach, however deep. */
function spoil(value: unknown, depth = 0, known = new Set<unknown>()): void {
  if (typeof value !== 'object' || value === null || depth > 4 || known.has(value)) return
  known.add(value)
  for (const key of Object.keys(value)) {
    const at = value as Record<string, unknown>
    const item = at[key]
    spoil(item, depth + 1, known)
    try {
      if (typeof item === 'string') at[key] = 'spoiled'
      else if (typeof item === 'number') at[key] = -1_000
      else if (Array.isArray(item)) item.length = 0
    } catch {
      // Frozen: as it should be.
    }
  }
}

type Look = (record: InspectRecord) => unknown

/** Does its worst; `system` and `address` are what it watches. */
const attacks: Readonly<Record<string, (system: () => ActorSystem, address: Address) => Look>> = {
  throws: () => () => {
    throw new Error('not me')
  },
  hangs: () => () => new Promise(() => {}),
  rejects: () => () => Promise.reject(new Error('not me')),
  changes: () => (record) => spoil(record),
  sends: (system, address) => {
    let left = 50
    return ({ kind }) => {
      // What it causes causes more, until it has had enough.
      if (kind === 'transition' && left-- > 0) system().send(address, { type: 'nothing' })
    }
  },
  subscribes: (system, address) => {
    const again = (): void => {
      const stop = system().tap(address, () => {
        stop()
        again()
      })
    }
    let begun = false
    return () => {
      if (!begun) again()
      begun = true
    }
  },
  keeps: () => {
    const all: InspectRecord[] = []
    return (record) => all.push(record)
  },
  stops: (system, address) => () => void system().ref(address)?.snapshot(),
}

for (const [name, attack] of Object.entries(attacks)) {
  t.test(`an inspector and a tap whose like ${name} harm nobody`, async (t) => {
    const disk = new MemoryDisk()
    const held: { system?: ActorSystem } = {}
    const system = () => held.system as ActorSystem
    const heard: number[] = []
    for (const def of [kept, light]) {
      const address: Address = `${def.type}/a`
      const journal = memoryJournal({ disk: def === kept ? disk : new MemoryDisk() })
      held.system = await startActors({
        journal,
        inspect: [attack(system, address), { transition: ({ sequence }) => heard.push(sequence) }],
      })
      system().register(def)
      system().tap(address, attack(system, address))
      const ref = await system().spawn(def, 'a')
      const look = attack(system, address)
      const spoilt = ref.changes((snapshot) => look({ kind: 'log', address, value: snapshot }))
      for (let at = 0; at < 9; at++) {
        t.equal(ref.send({ ...add, by: { ...add.by } } as never).accepted, true)
        await ref.apply({ ...add, by: { ...add.by } } as never)
      }
      await settle()
      const { context, value } = ref.snapshot()
      t.equal((context as Context).n, 18, `${def.type}: every send counts`)
      t.same((context as Context).seen, Array(18).fill({ by: 1 }))
      t.same(value, { left: 'a', right: 'x' })
      spoilt()
      await system().close()
      await journal.close()
    }
    t.ok(heard.length >= 36, 'and who listens beside it hears all of it')
    const again = await startActors({ journal: memoryJournal({ disk }) })
    again.register(kept)
    t.match(again.ref('watched.kept/a')?.snapshot(), {
      value: { left: 'a', right: 'x' },
      context: { n: 18 },
    })
    await again.close()
  })
}

t.test('who is taken away by another one hears nothing from that moment', async (t) => {
  const system = await startActors({ journal: memoryJournal() })
  t.teardown(() => system.close())
  system.register(light)
  let stop = (): void => {}
  const heard: string[] = []
  system.tap('watched.light/a', ({ kind }) => {
    heard.push(`first ${kind}`)
    stop()
  })
  stop = system.tap('watched.light/a', ({ kind }) => heard.push(`second ${kind}`))
  await system.spawn(light, 'a')
  t.same(heard, ['first actor.up'])
})

t.test(
  'who looks at an actor that keeps nothing cannot change it, however long it runs',
  async (t) => {
    const system = await startActors({ journal: memoryJournal() })
    t.teardown(() => system.close())
    system.register(light)
    const ref = await system.spawn(light, 'a')
    // Contexts of a type are frozen for its first 1,000 steps only.
    for (let at = 0; at < 1_100; at++) await ref.apply({ ...add })
    ref.changes(spoil)
    ref.asXState().subscribe(spoil)
    spoil(ref.snapshot())
    for (let at = 0; at < 4; at++) await ref.apply({ ...add })
    t.equal((ref.snapshot().context as Context).n, 1_104)
    t.equal((ref.asXState().getSnapshot().context as Context).n, 1_104)
  },
)
