/**
 * What an engineer tries who wants to see actors lose time or messages, with what everybody has: clocks
 * that are set by a year at the worst moments, floods, keys that lie, a chain that dies half way.
 */
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { assign, setup } from 'xstate'
import { createRuntime, defineActor, definePlugin, simulatedClock, sleep } from 'prov'
import type { ActorDef, ActorRef, Address, Clock } from 'prov'
import { simulateActors } from 'prov/testing'
import type { ActorLife } from 'prov/testing'
import { temporaryFolder } from '../support/folder.ts'

t.setTimeout(600_000)

const year = 365 * 86_400_000
const napMs = 10_000
/** Longest write of a simulated disk: what rings is seen so much later at most. */
const writeMs = 3

const sleeper = setup({ delays: { nap: napMs } }).createMachine({
  id: 'sleeper',
  initial: 'awake',
  states: { awake: { on: { sleep: 'asleep' } }, asleep: { after: { nap: 'awake' } } },
})

const napping = (policy: 'fire' | 'skip' | 'restart') =>
  defineActor({ type: `acme.${policy}`, version: 1, machine: sleeper, timers: { nap: policy } })

const policies = ['fire', 'skip', 'restart'] as const
const nappers = policies.map(napping)
const [fire] = nappers as [ActorDef]

for (const [name, ms] of [
  ['+1 year', year],
  ['-1 year', -year],
] as const) {
  for (const moment of ['before it is set', 'between its step and the disk', 'once it is set']) {
    t.test(`${name} ${moment}: a timer waits its ten seconds`, async (t) => {
      for (let seed = 1; seed <= 8; seed++) {
        const world = simulateActors({ seed, defs: [fire], writeMs })
        const tookMs = await world.run(async ({ system, clock }) => {
          const ref = await system.spawn(fire, 'a')
          let woke = (_atMs: number): void => {}
          const waking = new Promise<number>((resolve) => (woke = resolve))
          if (moment.startsWith('before')) clock.jump(ms)
          const setMs = clock.monotonic()
          let kept = false
          const applied = ref.apply({ type: 'sleep' } as never).then(() => (kept = true))
          if (moment.startsWith('between')) {
            for (let turn = 0; turn < 50; turn++) await Promise.resolve()
            t.notOk(kept)
            clock.jump(ms)
          }
          await applied
          ref.changes(({ value }) => value === 'awake' && woke(clock.monotonic()))
          if (moment.startsWith('once')) clock.jump(ms)
          return (await waking) - setMs
        })
        t.ok(tookMs >= napMs && tookMs <= napMs + writeMs, `seed ${seed}: ${tookMs} ms`)
      }
    })
  }

  t.test(`${name} between two lives: each timer does what its type chose`, async (t) => {
    const world = simulateActors({ seed: 3, defs: nappers, writeMs })
    const values = ({ system }: ActorLife) =>
      Object.fromEntries(system.list().map(({ type, value }) => [type.slice(5), value]))
    await world.run(async ({ system, clock }) => {
      for (const def of nappers) {
        await (await system.spawn(def as ActorDef, 'a')).apply({ type: 'sleep' })
      }
      await sleep(clock, napMs / 2)
      // What was left is known up to the newest record.
      await (await system.spawn(fire, 'a')).apply({ type: 'other' } as never)
    })
    world.clock.jump(ms)
    const seen = await world.run(async (life) => {
      await sleep(life.clock, 2 * writeMs)
      const first = values(life)
      await sleep(life.clock, napMs / 2)
      const half = values(life)
      await sleep(life.clock, napMs / 2)
      return [first, half, values(life)]
    })
    const asleep = { fire: 'asleep', skip: 'asleep', restart: 'asleep' }
    t.same(
      seen,
      ms > 0
        ? [
            { ...asleep, fire: 'awake' },
            { ...asleep, fire: 'awake' },
            { fire: 'awake', skip: 'asleep', restart: 'awake' },
          ]
        : [
            asleep,
            { fire: 'awake', skip: 'awake', restart: 'awake' },
            { fire: 'awake', skip: 'awake', restart: 'awake' },
          ],
    )
  })
}

/** A runtime of two plugins that a script hands in. */
async function runtimeOf(t: Test, defs: readonly ActorDef[], more: { clock?: Clock } = {}) {
  const { dir } = temporaryFolder(t, {
    'ws/.ontology/keep': '',
    'ws/package.json': { prov: { name: 'here' } },
  })
  const runtime = await createRuntime({
    ...more,
    workspace: join(dir, 'ws'),
    home: join(dir, 'home'),
    discover: false,
    memory: { hot: 1 },
    plugins: defs.map((def, at) =>
      definePlugin({ name: `plugin-${at}`, api: 1, actors: { own: def } }),
    ),
  })
  t.teardown(() => runtime.close())
  return runtime
}

t.test('whoever rests keeps its ten seconds over both years', async (t) => {
  const clock = simulatedClock()
  const { actors } = await runtimeOf(t, [fire], { clock })
  const rows = () => actors.list({ type: fire.type })
  for (let at = 0; at < 20; at++) {
    await (await actors.spawn(fire, `n${at}`)).apply({ type: 'sleep' })
  }
  while (!rows().some(({ passive }) => passive)) await new Promise((turn) => setImmediate(turn))
  for (const ms of [year, -2 * year, year]) {
    clock.jump(ms)
    await clock.advance(napMs / 4)
  }
  t.ok(rows().every(({ value }) => value === 'asleep'))
  await clock.advance(napMs / 4)
  while (rows().some(({ value }) => value === 'asleep')) {
    await new Promise((turn) => setImmediate(turn))
  }
  t.equal(rows().length, 20)
})

const counter = setup({
  types: { context: {} as { readonly n: number }, events: {} as { type: 'ok'; about?: string } },
  actions: { count: assign(({ context }) => ({ n: context.n + 1 })) },
}).createMachine({ context: { n: 0 }, on: { ok: { actions: 'count' } } })

t.test('a million messages of one plugin in one turn do not hold up another one', async (t) => {
  const most = 1_000_000
  const [loud, quiet] = ['loud', 'quiet'].map((name) =>
    defineActor({
      type: `acme.${name}`,
      version: 1,
      machine: counter,
      durability: 'volatile',
      mailbox: { capacity: most },
    }),
  ) as [ActorDef<{ n: number }>, ActorDef<{ n: number }>]
  const { actors } = await runtimeOf(t, [loud as ActorDef, quiet as ActorDef])
  const flood = await actors.spawn(loud, 'a')
  const other = await actors.spawn(quiet, 'a')
  let behind = -1
  other.changes(({ context }) => {
    if (context.n === 100) behind = flood.snapshot().context.n
  })
  let accepted = 0
  for (let at = 0; at < most; at++) if (flood.send({ type: 'ok' }).accepted) accepted++
  for (let at = 0; at < 100; at++) other.send({ type: 'ok' })
  while (flood.snapshot().context.n < accepted) await new Promise((turn) => setImmediate(turn))
  t.equal(accepted, most)
  t.ok(behind >= 0 && behind < 50_000, `${behind} of them came before a hundred of the other one`)
  t.equal(other.snapshot().context.n, 100)
})

t.test('a key that throws or lies costs nobody a message and fills no mailbox', async (t) => {
  let asked = 0
  const keys: Readonly<Record<string, () => string | undefined>> = {
    throws: () => {
      throw new Error('no key')
    },
    // Something else each time that it is asked about the same message.
    lies: () => (asked++ % 2 === 0 ? 'same' : undefined),
  }
  const def = defineActor({
    type: 'acme.keyed',
    version: 1,
    machine: counter,
    durability: 'volatile',
    mailbox: {
      overflow: 'coalesce',
      capacity: 4,
      key: ({ about }: { about: string }) => keys[about]?.(),
    },
  })
  const { actors } = await runtimeOf(t, [def as ActorDef])
  for (const about of Object.keys(keys)) {
    const ref = await actors.spawn(def, about)
    await ref.apply({ type: 'ok', about: 'none' })
    let [taken, refused] = [0, 0]
    for (let at = 0; at < 1_000; at++) {
      if (ref.send({ type: 'ok', about }).accepted) taken++
      else refused++
    }
    const [row] = actors.list({ type: def.type }).filter(({ address }) => address === ref.address)
    t.ok((row?.depth ?? 0) <= 4, `${about}: ${row?.depth} wait where four may`)
    t.equal(taken + refused, 1_000)
    const steps = () => ref.snapshot().sequence - 2
    while (steps() < (row?.depth ?? 0)) await new Promise((turn) => setImmediate(turn))
    t.equal(steps(), row?.depth, 'each that waits is a step')
  }
})

/** Hands a token on, as often as the token says. */
const ring = 1_000
const hop = defineActor({
  type: 'acme.hop',
  version: 1,
  machine: setup({
    types: {
      context: {} as { readonly at: number; readonly n: number; readonly begun: boolean },
      input: {} as { readonly at: number },
      events: {} as { readonly type: 'begin' | 'token'; readonly left: number },
    },
    guards: { goesOn: ({ event }) => event.left > 0 },
    actions: {
      tell: (_args, _params: { to: string; event: object }) => {},
      begins: assign({ begun: true }),
      counts: assign({ n: ({ context }) => context.n + 1 }),
    },
  }).createMachine({
    context: ({ input }) => ({ at: input.at, n: 0, begun: false }),
    on: {
      begin: {
        actions: [
          'begins',
          {
            type: 'tell',
            params: ({ context, event }) => ({
              to: `acme.hop/${context.at}`,
              event: { type: 'token', left: event.left },
            }),
          },
        ],
      },
      token: [
        {
          guard: 'goesOn',
          actions: [
            'counts',
            {
              type: 'tell',
              params: ({ context, event }) => ({
                to: `acme.hop/${(context.at + 1) % ring}`,
                event: { type: 'token', left: event.left - 1 },
              }),
            },
          ],
        },
        { actions: 'counts' },
      ],
    },
  }),
})

t.test('a thousand chains that die half way: each hop is taken once', async (t) => {
  const hops = 100
  const world = simulateActors({
    seed: 1,
    defs: [hop],
    writeMs: 0,
    snapshotEvery: 200_000,
    crashAt: 'appended:2800',
  })
  let half = 0
  const sum = await world.run(async ({ system, clock, life }) => {
    const refs = await Promise.all(
      Array.from({ length: ring }, (_, at) => system.spawn(hop, `${at}`, { at })),
    )
    const taken = () => refs.reduce((all, ref) => all + ref.snapshot().context.n, 0)
    if (life === 2) half = taken()
    for (const ref of refs) {
      if (!ref.snapshot().context.begun) await ref.apply({ type: 'begin', left: hops - 1 })
    }
    while (taken() < ring * hops) await sleep(clock, 1)
    return taken()
  })
  t.equal(sum, ring * hops)
  t.ok(half > ring && half < ring * hops, `it died behind ${half} hops`)
  t.equal(world.starts, 2)
  const counts = await world.run(async ({ system }) =>
    Array.from({ length: ring }, (_, at) => {
      const ref = system.ref(`acme.hop/${at}` as Address) as ActorRef
      return (ref.snapshot().context as { n: number }).n
    }),
  )
  t.ok(
    counts.every((n) => n === hops),
    'and no hop twice',
  )
})
