/** Simulated actors: one seed is one run, and a life that ends loses nothing that was promised. */
import { spawnSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import t from 'tap'
import { assign, setup } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { Durability } from '../../core/actor/define.ts'
import { actorCrashPoints, simulateActors } from '../../core/actor/simulate.ts'
import type { SimulateActorsOptions } from '../../core/actor/simulate.ts'
import { codeOf } from '../../core/kit.ts'
import { repoRoot } from '../support/root.ts'
import { counter } from './counter.ts'

type LineEvent =
  | { readonly type: 'note'; readonly what: string }
  | { readonly type: 'pass'; readonly to: string; readonly what: string }
  | { readonly type: 'pay' }
  | { readonly type: 'rest' }
  | { readonly type: 'effect.done.pay' }

/** Notes what it hears in the order in which it hears it; passes on; pays; rests for a day. */
const lineOf = (type: string, durability: Durability) =>
  defineActor({
    type,
    durability,
    version: 1,
    machine: setup({
      types: {
        context: {} as { readonly heard: readonly string[]; readonly paid: number },
        events: {} as LineEvent,
      },
      actions: {
        tell: (_args, _params: { to: string; event: { type: string } }) => {},
        pay: () => {},
        noted: assign({
          heard: ({ context, event }) => [...context.heard, 'what' in event ? event.what : ''],
        }),
        paid: assign({ paid: ({ context }) => context.paid + 1 }),
      },
    }).createMachine({
      context: { heard: [], paid: 0 },
      initial: 'up',
      states: {
        up: {
          on: {
            note: { actions: 'noted' },
            pass: {
              actions: {
                type: 'tell',
                params: ({ event }) => ({
                  to: event.to,
                  event: { type: 'note', what: event.what },
                }),
              },
            },
            pay: { actions: ['pay', 'pay'] },
            'effect.done.pay': { actions: 'paid' },
            rest: 'resting',
          },
        },
        resting: { after: { 86_400_000: 'up' } },
      },
    }),
    effects: { pay: async (_params, { id }) => ({ receipt: id }) },
  })
const line = lineOf('sim.line', 'journal')

/** Two who pass on to a third: who comes first is chance. */
async function race(options: Partial<SimulateActorsOptions>) {
  const world = simulateActors({ defs: [line], ...options })
  const heard = await world.run(async ({ system }) => {
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((id) => system.spawn(line, id)))
    for (const what of ['1', '2', '3']) {
      a?.send({ type: 'pass', to: 'sim.line/c', what: `a${what}` })
      b?.send({ type: 'pass', to: 'sim.line/c', what: `b${what}` })
    }
    return c
  })
  return { world, heard: (heard?.snapshot().context.heard ?? []).join(' ') }
}

t.test(
  'the same seed gives the same journal, byte for byte; others give other orders',
  async (t) => {
    const orders = new Set<string>()
    for (let seed = 1; seed <= 8; seed++) {
      const first = await race({ seed })
      const again = await race({ seed })
      t.ok(first.world.journal().length > 500)
      t.equal(first.world.journal(), again.world.journal(), `seed ${seed}`)
      orders.add(first.heard)
    }
    t.ok(orders.size > 1, `${orders.size} orders in 8 seeds`)
    for (const order of orders) {
      t.match(order, /a1.*a2.*a3/, 'what one actor sends another arrives in order all the same')
      t.match(order, /b1.*b2.*b3/)
    }
  },
)

t.test('questions repeat, too: a reply address is the same in the same run', async (t) => {
  const asking = async () => {
    const def = counter()
    const world = simulateActors({ seed: 2, defs: [def] })
    const answer = await world.run(async ({ system }) => {
      const { address } = await system.spawn(def, 'a', { count: 4 })
      return system.ask(address, (replyTo) => ({ type: 'question', replyTo }) as never)
    })
    t.match(answer, { type: 'answer', count: 4 })
    return world.journal()
  }
  const first = await asking()
  t.match(first, '"replyTo":"ask/')
  t.equal(first, await asking())
})

t.test('failures repeat, too: back-offs have the jitter of the seed', async (t) => {
  const failing = async (seed: number) => {
    const def = counter([], { supervision: { intensity: 9 } })
    const world = simulateActors({ seed, defs: [def] })
    const endMs = await world.run(async ({ system, clock }) => {
      const ref = await system.spawn(def, 'a')
      for (let n = 0; n < 3; n++) ref.send({ type: 'break' })
      await ref.apply({ type: 'add' })
      return clock.monotonic()
    })
    return `${endMs} ${world.journal()}`
  }
  const first = await failing(4)
  t.match(first, 'this assign is broken')
  t.equal(first, await failing(4))
  t.not(first, await failing(5))
})

t.test('crashes repeat, too', async (t) => {
  let lives = 0
  for (let seed = 1; seed <= 5; seed++) {
    const torn = () => race({ seed, crashAt: 'random' })
    const [first, again] = [await torn(), await torn()]
    t.equal(first.world.starts, again.world.starts)
    t.equal(first.world.journal(), again.world.journal(), `seed ${seed}`)
    lives += first.world.starts
  }
  t.ok(lives > 8, `${lives} lives in 5 runs`)
})

t.test('wherever a life ends, what was paid is paid, and no answer counts twice', async (t) => {
  for (const durability of ['journal', 'snapshot'] as const) {
    const payer = lineOf(`sim.${durability}`, durability)
    for (const crashAt of actorCrashPoints) {
      const world = simulateActors({ seed: 3, defs: [payer], crashAt, snapshotEvery: 2 })
      await world.run(async ({ system }) => {
        const ref = await system.spawn(payer, 'eu')
        // Outcome unknown is an answer of its own: look before acting again.
        if (ref.snapshot().sequence === 1) await ref.apply({ type: 'pay' })
      })
      t.equal(world.starts, 2, `${durability} died at ${crashAt}`)
      const { context } = await world.run(async ({ system }) =>
        (await system.spawn(payer, 'eu')).snapshot(),
      )
      t.equal(context.paid, 2, 'each of the two answers is handled once')
      const ids = new Set(world.effects.map(({ id }) => id))
      t.equal(ids.size, 2, 'an effect that runs again has its old id')
      const lost = crashAt === 'effect.done'
      t.ok(lost ? world.count('pay') > 2 : world.count('pay') >= 2, 'and only then runs again')
    }
  }
})

t.test('between two effects of a step: one has begun, the other has not', async (t) => {
  const world = simulateActors({ seed: 3, defs: [line], crashAt: 'effect.started:2' })
  await world.run(async ({ system }) => {
    const ref = await system.spawn(line, 'eu')
    if (ref.snapshot().sequence === 1) await ref.apply({ type: 'pay' })
  })
  t.same(
    world.effects.map(({ id, life }) => [id, life]),
    [
      ['sim.line/eu:2:0', 1],
      ['sim.line/eu:2:0', 2],
      ['sim.line/eu:2:1', 2],
    ],
  )
})

t.test(
  'a dead life keeps nothing: what it was told of as kept is there, the rest is not',
  async (t) => {
    let cut = 0
    const world = simulateActors({ seed: 9, defs: [line], crashAt: 'append:3' })
    const heard = await world.run(async ({ system, life }) => {
      const ref = await system.spawn(line, 'a')
      const known = ref.snapshot().context.heard
      for (let n = known.length; n < 4; n++) {
        await ref.apply({ type: 'note', what: `${n}` }).catch(async (thrown: unknown) => {
          cut++
          t.equal(life, 1)
          t.equal(await codeOf(Promise.reject(thrown as Error)), 'PROV_JOURNAL_CLOSED')
          throw thrown
        })
      }
      return ref.snapshot().context.heard
    })
    t.equal(cut, 1)
    t.same(heard, ['0', '1', '2', '3'])
    const steps = await world.steps()
    t.equal(steps.length, 4, 'each is in the journal once')
  },
)

t.test('a day of sleep takes no time, and moves only while somebody waits for it', async (t) => {
  const world = simulateActors({ seed: 1, defs: [line], writeMs: 0 })
  const startMs = world.clock.now()
  await world.run(async ({ system }) => {
    const ref = await system.spawn(line, 'a')
    await ref.apply({ type: 'rest' })
  })
  t.ok(world.clock.now() - startMs < 1_000, 'nobody waited for the timer')
  await world.run(async ({ system }) => {
    const ref = await system.spawn(line, 'a')
    const woke = new Promise<void>((resolve) => {
      ref.changes(({ value }) => value === 'up' && resolve())
    })
    t.equal(ref.snapshot().value, 'resting')
    await woke
  })
  t.ok(world.clock.now() - startMs >= 86_400_000)
})

t.test('a script that waits for what cannot come is told so, with the seed', async (t) => {
  const world = simulateActors({ seed: 77, defs: [line] })
  const thrown = (await world
    .run(async () => new Promise<never>(() => {}))
    .catch((error: unknown) => error)) as Error & { code: string }
  t.equal(thrown.code, 'PROV_INTERNAL')
  t.match(thrown.message, 'seed 77')
  t.equal(await world.run(async () => 'again'), 'again', 'and the world can be used again')
})

t.test('what a script throws reaches whoever ran it', async (t) => {
  const world = simulateActors({ seed: 1, defs: [line] })
  await t.rejects(
    world.run(async () => Promise.reject(new Error('mine'))),
    { message: 'mine' },
  )
})

t.test('an answer that waits while its actor restarts is handled once', async (t) => {
  const def = counter([], { supervision: { intensity: 9 } })
  const world = simulateActors({ seed: 8, defs: [def] })
  const context = await world.run(async ({ system }) => {
    const ref = await system.spawn(def, 'a')
    ref.send({ type: 'pay', amount: 1 })
    for (let n = 0; n < 3; n++) ref.send({ type: 'break' })
    await ref.apply({ type: 'add' })
    return () => ref.snapshot().context
  })
  t.same(context().log, ['effect.done.charge'])
  t.equal(world.count('charge'), 1, 'and what was answered does not run again')
})

t.test('40 seeds of random crashes double nothing and forget nothing', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const def = counter()
    const world = simulateActors({ seed, defs: [def], crashAt: 'random', crashes: 4 })
    await world.run(async ({ system, random }) => {
      const refs = await Promise.all(['a', 'b', 'c'].map((id) => system.spawn(def, id)))
      for (let n = 0; n < 8; n++) {
        const [from, to] = [refs[random(3)], refs[random(3)]]
        if (!from || !to) continue
        const dice = random(5)
        if (dice < 2) void from.apply({ type: 'pay', amount: 1 }).catch(() => {})
        else if (dice === 2) from.send({ type: 'break' })
        else from.send({ type: 'forward', to: to.address, hops: random(4) })
      }
    })
    const steps = await world.steps()
    const causes = steps.flatMap(({ cause }) => (cause === undefined ? [] : [cause]))
    const promised = steps.reduce((sum, { effects = [] }) => sum + effects.length, 0)
    const ok = new Set(causes).size === causes.length && causes.length === promised
    if (!ok) t.fail(`seed ${seed}: ${causes.length} answers to ${promised} promises`)
  }
  t.pass('every promise was kept once')
})

t.test('a process that fails names the seeds it ran', async (t) => {
  const module = pathToFileURL(join(repoRoot, 'dist/core/actor/simulate.js')).href
  const script = `
    import { simulateActors } from ${JSON.stringify(module)}
    await simulateActors({ seed: 4711, defs: [] }).run(async () => {})
    process.exitCode = Number(process.argv[1])`
  const run = (code: string) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script, code], { encoding: 'utf8' })
  t.match(run('1').stderr, 'simulated with seed 4711')
  t.equal(run('0').stderr, '')
})

t.test('a child counts as its parent does, also where its type is given by itself', async (t) => {
  const payer = defineActor({
    type: 'test.payer',
    version: 1,
    machine: setup({ actions: { pay: () => {} } }).createMachine({
      initial: 'paying',
      states: {
        paying: { entry: 'pay', on: { 'effect.done.pay': 'paid' } },
        paid: { type: 'final' },
      },
    }),
    effects: { pay: async () => ({}) },
  })
  const owner = defineActor({
    type: 'test.owner',
    version: 1,
    machine: setup({ actors: { payer: payer.machine } }).createMachine({
      initial: 'waiting',
      states: { waiting: { invoke: { src: 'payer', onDone: 'over' } }, over: {} },
    }),
    children: { payer },
  })
  const world = simulateActors({ seed: 7, defs: [owner, payer], crashAt: 'effect.done' })
  await world.run(async ({ system }) => void (await system.spawn(owner, 'a')))
  const owned = (await world.steps()).filter(({ address }) => address === 'test.owner/a')
  t.match(owned.at(-1)?.event.type, /^xstate\.done\.actor\./, 'it heard the end of its child')
  t.equal(world.count('pay'), 2, 'once in each life')
})
