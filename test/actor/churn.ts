/**
 * Coming and going, many times, in a process of its own, and what is still held afterwards.
 * `leaks.test.ts` starts it.
 *
 *     node --expose-gc dist/test/actor/churn.js <durability> <times> [<scenario>]
 *
 * Prints a line `{ name, times, bytes }` for each scenario: what the heap grew by over so many rounds,
 * after as many more as its bounded stores need to be full. No figure depends on time.
 *
 * @module
 */
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { assign, fromCallback, setup } from 'xstate'
import type { Address } from '../../core/actor/address.ts'
import { defineActor } from '../../core/actor/define.ts'
import { defineGroup } from '../../core/actor/groups.ts'
import { startActors } from '../../core/actor/start.ts'
import type { Journal } from '../../core/journal/journal.ts'

/** A journal that keeps nothing, so that what is held is held by the kernel. */
function forgetful(): Journal {
  let last = 0
  const none = async function* (): AsyncGenerator<never> {}
  const journal: Partial<Journal> = {
    id: 'none',
    epoch: 1,
    read: none,
    head: async () => ({ journal: 'none', epoch: 1, position: last, hash: '' }),
    snapshot: async () => undefined,
    append: async (entries) => {
      const first = last + 1
      last += entries.length
      return first
    },
    follow: () => () => {},
    putSnapshot: async () => {},
    close: async () => {},
  }
  return journal as Journal
}

const machine = setup({
  types: { context: {} as { readonly n: number } },
  actions: {
    work: () => {},
    tell: (_args, _params: { to: string; event: { type: string } }) => {},
    add: assign({ n: ({ context }) => context.n + 1 }),
    broken: assign(() => {
      throw new Error('broken')
    }),
  },
  actors: { guest: fromCallback(() => () => {}) },
}).createMachine({
  context: { n: 0 },
  initial: 'idle',
  on: {
    add: { actions: 'add' },
    break: { actions: 'broken' },
    work: { actions: 'work' },
    question: {
      actions: {
        type: 'tell',
        params: ({ event }) => ({
          to: (event as unknown as { replyTo: string }).replyTo,
          event: { type: 'answer' },
        }),
      },
    },
  },
  states: {
    idle: { on: { nap: 'napping', host: 'hosting', bear: 'bearing' } },
    napping: { after: { 3_600_000: 'idle' }, on: { wake: 'idle' } },
    hosting: { invoke: { src: 'guest', id: 'one' }, on: { wake: 'idle' } },
    bearing: { invoke: { src: 'kid' as never, id: 'one' }, on: { wake: 'idle' } },
  },
})

type Durability = 'journal' | 'volatile' | 'snapshot'
const group = defineGroup({ name: 'all', intensity: 1e9 })

const kid = (durability: Durability) =>
  defineActor({
    type: `kid.${durability}`,
    version: 1,
    durability,
    machine: setup({}).createMachine({ initial: 'a', states: { a: {} } }),
  })
const typed = (durability: Durability, more: object = {}) =>
  defineActor({
    type: `leak.${durability}`,
    version: 1,
    durability,
    machine,
    children: { kid: kid(durability) },
    effects: { work: () => ({ done: true }) },
    supervision: { onFailure: 'resume' },
    ...more,
  })

async function prepare(durability: Durability, more: object = {}) {
  const system = await startActors({ journal: forgetful(), memory: { hot: 1_000 } })
  const def = typed(durability, more)
  system.register(def)
  const ref = await system.spawn(def, 'one')
  return { system, def, ref }
}

type Round = (at: number, world: Awaited<ReturnType<typeof prepare>>) => unknown

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const rounds: Readonly<Record<string, Round>> = {
  'spawn and stop': async (at, { system, def }) => {
    const { address } = await system.spawn(def, `x${at}`)
    await system.stop(address)
  },
  'the same address': async (_, { system, def }) => {
    const { address } = await system.spawn(def, 'x')
    await system.stop(address)
  },
  apply: (_, { ref }) => ref.apply({ type: 'add' } as never),
  'apply with a signal that lives on': (_, { ref }) =>
    ref.apply({ type: 'add' } as never, { signal: forever }),
  'apply aborted': (_, { ref }) => {
    const stop = new AbortController()
    const applied = ref.apply({ type: 'add' } as never, { signal: stop.signal }).catch(() => {})
    stop.abort()
    return applied
  },
  effects: async (_, { ref }) => {
    await ref.apply({ type: 'work' } as never)
    await turn()
  },
  'ask answered': (_, { system, ref }) =>
    system.ask(ref.address, (replyTo) => ({ type: 'question', replyTo }) as never, {
      signal: forever,
    }),
  'ask timed out': (at, { system, ref }) => {
    const asked = system.ask(ref.address, () => ({ type: 'add' }), { timeoutMs: 0 })
    const over = asked.catch(() => {})
    return at % 64 === 0 ? over : undefined
  },
  'ask aborted': (_, { system, ref }) => {
    const stop = new AbortController()
    const asked = system
      .ask(ref.address, () => ({ type: 'add' }), { signal: stop.signal })
      .catch(() => {})
    stop.abort()
    return asked
  },
  timers: async (_, { ref }) => {
    await ref.apply({ type: 'nap' } as never)
    await ref.apply({ type: 'wake' } as never)
  },
  'timers and a stop': async (at, { system, def }) => {
    const ref = await system.spawn(def, `t${at}`)
    await ref.apply({ type: 'nap' } as never)
    await system.stop(ref.address)
  },
  'subscriptions, watches and taps': async (at, { system, ref }) => {
    const elsewhere = `leak.none/${at}` as Address
    const stops = [
      ref.changes(() => {}),
      system.watch(ref.address, () => {}),
      system.watch(elsewhere, () => {}),
      system.tap(ref.address, () => {}),
      system.tap(elsewhere, () => {}),
    ]
    if (at % 16 === 0) await ref.apply({ type: 'add' } as never)
    for (const stop of stops) stop()
  },
  façades: async (_, { ref }) => {
    const actor = ref.asXState()
    const stops = [
      actor.subscribe(() => {}),
      actor.on('*', () => {}),
      actor.select((snapshot) => (snapshot as { value: unknown }).value).subscribe(() => {}),
    ]
    actor.send({ type: 'add' })
    await turn()
    for (const stop of stops) stop.unsubscribe()
  },
  'letters nobody reads': async (at, { system }) => {
    system.send(`leak.none/${at}` as Address, { type: `e${at}`, more: 'x'.repeat(100) } as never)
    if (at % 64 === 0) await turn()
  },
  'letters that are replayed': async (at, { system }) => {
    system.send('leak.none/x' as Address, { type: 'e' })
    if (at % 64 !== 63) return
    await turn()
    await system.replay({ type: 'leak.none' })
    await turn()
  },
  failures: async (_, { ref }) => {
    ref.send({ type: 'break' } as never)
    await turn()
  },
  guests: async (_, { ref }) => {
    await ref.apply({ type: 'host' } as never)
    await ref.apply({ type: 'wake' } as never)
  },
  children: async (_, { ref, system, def }) => {
    await ref.apply({ type: 'bear' } as never)
    while (!system.ref(`kid.${def.durability}/one.one` as Address)) await turn()
    await ref.apply({ type: 'wake' } as never)
    while (system.ref(`kid.${def.durability}/one.one` as Address)) await turn()
  },
  'children of many': async (at, { system, def }) => {
    const ref = await system.spawn(def, `p${at}`)
    await ref.apply({ type: 'bear' } as never)
    while (!system.ref(`kid.${def.durability}/p${at}.one` as Address)) await turn()
    await system.stop(ref.address)
  },
  'rests and wakes': async (at, { system, def }) => {
    const ref = await system.spawn(def, `r${at % 4_000}`)
    await ref.apply({ type: 'add' } as never)
    if (at % 64 === 0) await turn()
  },
  'members of a group': async (at, { system, def }) => {
    const { address } = await system.spawn(def, `g${at}`)
    await system.stop(address)
  },
  'a group each': async (at, { system, def }) => {
    const { address } = await system.spawn(def, `g${at}`)
    await system.stop(address)
  },
  'starts that fail': async (at, { system }) => {
    await system.spawn(unlucky, `u${at}`).catch(() => {})
  },
}

const forever = new AbortController().signal
const unlucky = defineActor({
  type: 'leak.unlucky',
  version: 1,
  machine: setup({}).createMachine({
    context: () => {
      throw new Error('no first state')
    },
  }),
})

const more: Readonly<Record<string, object>> = {
  'members of a group': { supervision: { onFailure: 'resume', group: () => group } },
  'a group each': { supervision: { onFailure: 'resume', group: (id: string) => `group ${id}` } },
}

/** Rounds until what is bounded is full: ended actors that are remembered, letters. */
const warmUp = (name: string): number => (/many|stop|group|rests/.test(name) ? 12_000 : 1_500)

const slow = /many|stop|group|rests|replayed|guests|failures|starts/

function heap(): number {
  const gc = (globalThis as { gc?: () => void }).gc as () => void
  for (let again = 0; again < 4; again++) gc()
  return process.memoryUsage().heapUsed
}

async function churn(name: string, durability: Durability, times: number): Promise<void> {
  const world = await prepare(durability, more[name])
  world.system.register(unlucky)
  const round = rounds[name] as Round
  let at = 0
  const run = async (count: number): Promise<number> => {
    for (const end = at + count; at < end; at++) await round(at, world)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await turn()
    return heap()
  }
  const before = await run(warmUp(name))
  const bytes = (await run(times)) - before
  process.stdout.write(`${JSON.stringify({ name, times, bytes })}\n`)
  await world.system.close({ deadlineMs: 10 })
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [durability = 'journal', times = '4000', only] = process.argv.slice(2)
  // Whose bounded stores are large wavers by as much, so it takes many rounds to tell.
  const all = Object.keys(rounds).filter((name) => Number(times) >= 20_000 || !slow.test(name))
  for (const name of only === undefined ? all : [only]) {
    await churn(name, durability as Durability, Number(times))
  }
  process.exit(0)
}
