import { mkdtempSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { assign, setup } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorEvent } from '../../core/actor/define.ts'
import type { InspectRecord } from '../../core/actor/inspect.ts'
import type { ActorSnapshot, ActorSystem } from '../../core/actor/system.ts'
import type { JsonObject } from '../../core/json.ts'
import { codeOf } from '../../core/kit.ts'
import { seedFor } from '../../core/seed.ts'
import { counter, House, settle } from './counter.ts'
import type { Charge } from './counter.ts'
import { events, generator, randomMachine, typed } from './random-actor.ts'

const day = 86_400_000
const nobody = { hot: 0 }
const count = async (system: ActorSystem, id: string): Promise<unknown> =>
  (await system.ref(`test.counter/${id}`)?.apply({ type: 'add' }))?.context

/** Whether it rests now. Looking at the rows wakes nobody. */
const rests = (system: ActorSystem, address: string): boolean | undefined => {
  const row = system.list().find((one) => one.address === address)
  return row && row.passive === true
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

function essence(snapshot: ActorSnapshot | undefined): unknown {
  if (!snapshot) return undefined
  const { value, context, status, sequence, tags, output } = snapshot
  return plain({ value, context, status, sequence, output, tags: [...tags].sort() })
}

/** A counter that answers nobody and keeps nothing. */
const plainCounter = defineActor({
  type: 'test.plain',
  version: 1,
  durability: 'volatile',
  machine: setup({
    types: { context: {} as { readonly n: number; readonly odd?: unknown } },
    actions: {
      odd: assign({ odd: () => new Date(0) }),
      even: assign({ odd: undefined }),
      add: assign({ n: ({ context }) => context.n + 1 }),
    },
  }).createMachine({
    context: { n: 0 },
    initial: 'on',
    states: { on: { on: { add: { actions: 'add' }, odd: { actions: 'odd' } } } },
  }),
})

for (const durability of ['journal', 'snapshot', 'volatile'] as const) {
  t.test(`random ${durability} machines: resting in between changes nothing`, async (t) => {
    const first = seedFor('passivation')
    let went = 0
    let steps = 0
    for (let seed = first; seed < first + 12; seed++) {
      const lives: unknown[][] = []
      for (const memory of [{ hot: Infinity }, { hot: seed % 2 }]) {
        const random = generator(seed)
        const house = new House()
        const inspect = { passivated: () => void went++ }
        const system = await house.start({ memory, inspect })
        const def = typed(randomMachine(random), durability)
        system.register(def)
        const life: unknown[] = []
        const addresses = ['test.random/x', 'test.random/y'] as const
        for (const id of ['x', 'y']) await system.spawn(def, id).catch(() => life.push('none'))
        for (let at = 0; at < 24; at++) {
          const event = { type: events[random(4)] as string }
          const ms = random(3) === 0 ? random(80) : 0
          const address = addresses[random(2)] as (typeof addresses)[number]
          if (ms > 0) await house.clock.advance(ms)
          else {
            const applied = system.ref(address)?.apply(event)
            life.push(await applied?.then(essence, (error: Error) => error.message))
          }
          await settle(3)
        }
        for (const address of addresses) life.push(essence(system.ref(address)?.snapshot()))
        steps += system.ref(addresses[0])?.snapshot().sequence ?? 0
        lives.push(life)
        await system.close()
      }
      t.same(lives[1], lives[0], `seed ${seed}`)
    }
    t.ok(steps > 400 && went > 100, `${steps} steps, ${went} times somebody went to rest`)
  })
}

t.test('whoever is needed wakes: for a message, a question, a tell, a look', async (t) => {
  const house = new House()
  const woken: string[] = []
  const inspect = { woken: (record: InspectRecord) => void woken.push(wokenBy(record)) }
  const system = await house.start({ memory: nobody, inspect })
  const def = counter()
  system.register(def)
  const refs = await Promise.all(['a', 'b', 'c'].map((id) => system.spawn(def, id)))
  await settle()
  t.ok(['a', 'b', 'c'].every((id) => rests(system, `test.counter/${id}`)))
  t.equal(system.list({ type: 'test.counter' }).length, 3, 'rows show them')
  t.same(woken, [], 'and wake nobody')
  t.same((await refs[0]?.apply({ type: 'add' }))?.context, { count: 1, log: [] })
  await settle()
  t.ok(system.send('test.counter/a', { type: 'add' }).accepted)
  await settle()
  const answer = await system.ask('test.counter/a', (replyTo) => ({ type: 'question', replyTo }))
  t.same(answer, { type: 'answer', count: 2 })
  await settle()
  t.equal(refs[0]?.snapshot().sequence, 4, 'a look at it')
  await settle()
  t.ok(rests(system, 'test.counter/a'))
  refs[1]?.send({ type: 'forward', to: 'test.counter/c', hops: 1 })
  await settle(6)
  t.match(refs[2]?.snapshot().context, { count: 1 }, 'what it was told')
  t.same([...new Set(woken)].sort(), [
    'message test.counter/a',
    'message test.counter/b',
    'message test.counter/c',
    'query test.counter/a',
    'query test.counter/c',
  ])
  t.equal(await system.spawn(def, 'a').then((ref) => ref.snapshot().sequence), 4, 'not begun anew')
  await settle()
  await system.stop('test.counter/b')
  t.same(system.send('test.counter/b', { type: 'add' }), { accepted: false, reason: 'stopped' })
  await system.close()
})

const wokenBy = (record: InspectRecord): string =>
  record.kind === 'woken' ? `${record.by} ${record.address}` : record.kind

t.test('timers of those who rest wake them, whatever the wall clock is set to', async (t) => {
  const house = new House()
  const woken: string[] = []
  const inspect = { woken: (record: InspectRecord) => void woken.push(wokenBy(record)) }
  const system = await house.start({ memory: nobody, inspect })
  const def = counter()
  system.register(def)
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((id) => system.spawn(def, id)))
  for (const ref of [a, b, c]) await ref?.apply({ type: 'sleep' })
  await settle()
  t.ok(rests(system, 'test.counter/a'))
  house.clock.jump(-day)
  // Cancelled after their actors came back: these must not ring all the same, nor wake anybody.
  await c?.apply({ type: 'wake' })
  await b?.apply({ type: 'wake' })
  await b?.apply({ type: 'sleep' })
  await settle()
  await house.clock.advance(999)
  t.equal(a?.snapshot().value, 'asleep')
  await settle()
  woken.length = 0
  await house.clock.advance(1)
  t.same(woken, ['timer test.counter/a', 'timer test.counter/b'])
  await settle()
  t.match(a?.snapshot(), { value: 'awake', context: { log: ['xstate.after.1000.counter.asleep'] } })
  await system.close()
})

t.test('what rests is in the snapshot and comes back after a restart or a crash', async (t) => {
  const house = new House()
  const def = counter()
  let system = await house.start({ memory: nobody, snapshotEvery: 5 })
  system.register(def)
  for (const id of ['a', 'b', 'c', 'd']) {
    const ref = await system.spawn(def, id, { count: 10 })
    await ref.apply({ type: 'sleep' })
    await settle()
  }
  t.ok(rests(system, 'test.counter/a'))
  const before = plain(system.list().map(({ passive: _, ...row }) => row))
  house.crash()
  for (const end of ['crash', 'close'] as const) {
    system = await house.start({ memory: nobody })
    system.register(def)
    await settle()
    t.ok(rests(system, 'test.counter/d'), 'they rest again')
    t.same(plain(system.list().map(({ passive: _, ...row }) => row)), before, end)
    if (end === 'close') break
    await system.close()
  }
  await house.clock.advance(1_000)
  await settle()
  t.match(await count(system, 'd'), { count: 11, log: ['xstate.after.1000.counter.asleep'] })
  await system.close()
})

t.test('nobody rests whom something still holds', async (t) => {
  const house = new House()
  const answers: (() => void)[] = []
  const def = counter([], {
    effects: { charge: () => new Promise((resolve) => answers.push(() => resolve({}))) },
    supervision: { onFailure: 'park' },
  } as never)
  const system = await house.start({ memory: nobody })
  system.register(def)
  const ids = ['free', 'paying', 'followed', 'tapped', 'parked'] as const
  const [free, paying, followed, , parked] = await Promise.all(
    ids.map((id) => system.spawn(def, id)),
  )
  paying?.send({ type: 'pay', amount: 1 })
  const seen: number[] = []
  const unfollow = followed?.changes(({ sequence }) => seen.push(sequence))
  const untap = system.tap('test.counter/tapped', () => {})
  await parked?.apply({ type: 'break' }).catch(() => {})
  await settle(6)
  const now = (): string[] => ids.filter((id) => rests(system, `test.counter/${id}`))
  t.same(now(), ['free'])
  answers.shift()?.()
  await settle(6)
  followed?.send({ type: 'add' })
  await settle()
  t.same(seen, [2], 'the follower hears of it')
  unfollow?.()
  untap()
  await system.resume('test.counter/parked', { skip: true })
  // Nobody looks for a second after a round in vain.
  await house.clock.advance(1_000)
  await settle(6)
  t.same(now(), [...ids])
  t.match(paying?.snapshot().context, { log: ['effect.done.charge'] }, 'paid once')
  t.match(free?.snapshot(), { value: 'awake', sequence: 1 })
  await system.close()
})

t.test('a parent stays as long as it has a child; the child may rest', async (t) => {
  const house = new House()
  const work = setup({ types: { events: {} as { type: 'finish' } } }).createMachine({
    initial: 'busy',
    states: { busy: { on: { finish: 'over' } }, over: { type: 'final' } },
  })
  const worker = defineActor({ type: 'test.worker', version: 1, machine: work })
  const machine = setup({ actors: { worker: work } }).createMachine({
    initial: 'working',
    states: { working: { invoke: { id: 'w', src: 'worker', onDone: 'done' } }, done: {} },
  })
  const firm = defineActor({ type: 'test.firm', version: 1, machine, children: { worker } })
  const system = await house.start({ memory: nobody })
  system.register(firm)
  const ref = await system.spawn(firm, 'f')
  await settle(6)
  t.equal(rests(system, 'test.firm/f'), false)
  t.equal(rests(system, 'test.worker/f.w'), true)
  t.ok(system.send('test.worker/f.w', { type: 'finish' }).accepted)
  await settle(6)
  t.equal(ref.snapshot().value, 'done', 'what the woken child says reaches its parent')
  await house.clock.advance(1_000)
  await settle(6)
  t.equal(rests(system, 'test.firm/f'), true)
  await system.close()
})

t.test('one waits for the disk, has mail, or is about to stop: it stays', async (t) => {
  const house = new House()
  const def = counter()
  const system = await house.start({ memory: nobody })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  await settle()
  let release = (): void => {}
  house.disk.beforeSync = () => new Promise((resolve) => (release = resolve))
  const applied = ref.apply({ type: 'add' })
  ref.send({ type: 'add' })
  await settle(6)
  t.equal(rests(system, 'test.counter/a'), false)
  house.disk.beforeSync = undefined
  release()
  t.match(await applied, { context: { count: 1 } })
  await house.clock.advance(1_000)
  await settle(6)
  t.ok(rests(system, 'test.counter/a'))
  t.match(ref.snapshot().context, { count: 2 })
  await system.close()
})

t.test('a context that JSON cannot say stays in memory as it is', async (t) => {
  const house = new House()
  const system = await house.start({ memory: nobody })
  system.register(plainCounter)
  const [odd, even] = await Promise.all(['odd', 'even'].map((id) => system.spawn(plainCounter, id)))
  const fresh = await system.spawn(plainCounter, 'fresh')
  await settle()
  system.send(fresh.address, { type: 'add' })
  await odd?.apply({ type: 'odd' })
  await even?.apply({ type: 'add' })
  await settle(6)
  t.equal(rests(system, 'test.plain/odd'), false)
  t.equal(rests(system, 'test.plain/even'), true)
  t.ok(odd?.snapshot().context.odd instanceof Date)
  t.same(even?.snapshot().context, { n: 1 })
  await system.close()
  t.match(even?.snapshot(), { context: { n: 1 } }, 'also after the end')
  t.equal(fresh.snapshot().sequence, 2, 'even when it went and came since somebody looked')
})

t.test(
  'whatever the fields of a context are called, it comes back with them in their order',
  async (t) => {
    const house = new House()
    const system = await house.start({ memory: nobody })
    const holder = (durability: 'journal' | 'volatile') =>
      defineActor({
        type: `test.${durability}`,
        version: 1,
        durability,
        machine: setup({
          types: { context: {} as JsonObject, input: {} as JsonObject },
        }).createMachine({
          context: ({ input }) => input,
        }),
      })
    const contexts = [
      '{}',
      '{"b":1,"a":[{"c":null}],"":"\\n"}',
      '{"b":1,"2":2,"1":{"x":[]}}',
      '{"nested":{"__proto__":{"a":1},"a":2}}',
      '{"b":1,"a":true}',
      JSON.stringify(Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`k${at}`, at]))),
      '{"é":"\\ud800","\ud83d\ude00":-1.5e-7}',
    ]
    for (const def of [holder('journal'), holder('volatile')]) {
      system.register(def)
      const refs = []
      for (const [at, text] of contexts.entries()) {
        refs.push(await system.spawn(def, `${at}`, JSON.parse(text) as JsonObject))
      }
      const before = refs.map((ref) => JSON.stringify(ref.snapshot()))
      const isFrozen = refs.map((ref) => Object.isFrozen(ref.snapshot().context))
      await settle(6)
      t.ok(contexts.every((_, at) => rests(system, `${def.type}/${at}`)))
      t.same(
        refs.map((ref) => JSON.stringify(ref.snapshot())),
        before,
      )
      const frozen = refs.map((ref) => Object.isFrozen(ref.snapshot().context))
      t.same(frozen, isFrozen, 'who writes in place is refused as before')
    }
    await system.close()
  },
)

t.test('those who are used stay, those who are not go', async (t) => {
  const house = new House()
  const woken: string[] = []
  const inspect = { woken: (record: InspectRecord) => void woken.push(wokenBy(record)) }
  const system = await house.start({ memory: { hot: 10 }, inspect })
  system.register(plainCounter)
  const refs = []
  for (let at = 0; at < 30; at++) {
    refs.push(await system.spawn(plainCounter, `${at}`))
    for (const ref of refs.slice(0, 5)) ref.send({ type: 'add' })
    await settle()
  }
  const hot = system.list().filter((row) => !row.passive)
  t.equal(hot.length, 10)
  for (let at = 0; at < 5; at++) t.ok(hot.some((row) => row.address === `test.plain/${at}`))
  t.same(woken, [], 'and were never away')
  await system.close()
})

t.test(
  'a burst of starts does not wait for the event loop to stay within the budget',
  async (t) => {
    const house = new House()
    const system = await house.start({ memory: { hot: 100 } })
    system.register(plainCounter)
    let most = 0
    for (let at = 0; at < 5_000; at++) {
      await system.spawn(plainCounter, `${at}`)
      if (at % 1_000 === 0)
        most = Math.max(most, system.list().filter((row) => !row.passive).length)
    }
    t.ok(most <= 110, `${most} hot at most`)
    t.equal(system.list().length, 5_000)
    t.same((await system.ref('test.plain/17')?.apply({ type: 'add' }))?.context, { n: 1 })
    await system.close()
  },
)

t.test('beyond the budget of bytes they lie in a file, and come back from there', async (t) => {
  const house = new House()
  const spill = join(mkdtempSync(join(t.testdir(), 'spill-')), 'passive')
  const memory = { hot: 10, arenaBytes: 0, spill }
  const system = await house.start({ memory })
  system.register(plainCounter)
  for (let at = 0; at < 20_000; at++) await system.spawn(plainCounter, `${at}-${'x'.repeat(40)}`)
  for (let at = 0; at < 20_000; at += 97) {
    const ref = system.ref(`test.plain/${at}-${'x'.repeat(40)}`)
    if ((await ref?.apply({ type: 'add' }))?.sequence !== 2) t.fail(`${at} is gone`)
  }
  t.equal(system.list().length, 20_000)
  await system.close()
  t.same(readdirSync(join(spill, '..')), [], 'nothing is left behind')
})

t.test('who cannot be read back stands parked and says why; the others go on', async (t) => {
  const house = new House()
  const spill = join(mkdtempSync(join(t.testdir(), 'spill-')), 'passive')
  const system = await house.start({ memory: { hot: 10, arenaBytes: 0, spill } })
  const def = counter()
  system.register(plainCounter)
  system.register(def)
  const kept = await system.spawn(def, 'kept', { count: 5 })
  for (let at = 0; at < 10_000; at++) await system.spawn(plainCounter, `${at}-${'x'.repeat(40)}`)
  await settle()
  t.ok(rests(system, kept.address))
  const { Spill } = await import('../../core/actor/spill.ts')
  const read = Spill.prototype.read
  t.teardown(() => (Spill.prototype.read = read))
  Spill.prototype.read = function (at: number, into: Uint8Array) {
    return read.call(this, at + 1e9, into)
  }
  t.equal(await codeOf(kept.apply({ type: 'add' })), 'PROV_ACTOR_PARKED')
  t.match(
    system.list().find((row) => row.address === kept.address),
    { status: 'parked', parked: { code: 'PROV_ACTOR_SPILL_UNREADABLE' } },
  )
  t.equal(await codeOf(system.resume(kept.address)), 'PROV_ACTOR_PARKED', 'no person can lift that')
  t.ok(system.ref(`test.plain/9999-${'x'.repeat(40)}`)?.send({ type: 'add' }).accepted)
  await system.close()
  const next = await house.start()
  next.register(def)
  t.same(await count(next, 'kept'), { count: 6, log: [] }, 'the journal had it all along')
  await next.close()
})

t.test('who rests and is done stays done; a follower may come while it rests', async (t) => {
  const house = new House()
  const system = await house.start({ memory: nobody })
  const charges: Charge[] = []
  const def = counter(charges)
  system.register(def)
  const done = await system.spawn(def, 'done')
  const other = await system.spawn(def, 'other')
  await done.apply({ type: 'finish' })
  await settle()
  t.ok(rests(system, done.address) && rests(system, other.address))
  t.match(system.list(), [{ status: 'done', value: 'finished' }, { status: 'active' }])
  t.match(done.snapshot(), { status: 'done', value: 'finished' })
  t.same(system.send(done.address, { type: 'add' }), { accepted: false, reason: 'stopped' })
  await settle()
  const heard: number[] = []
  const stop = other.changes(({ sequence }) => heard.push(sequence))
  await settle(6)
  other.send({ type: 'add' } as ActorEvent as never)
  await settle(6)
  t.same(heard, [2])
  stop()
  const held = await system.spawn(def, 'held')
  await settle()
  system.send(held.address, { type: 'add' })
  await settle()
  await system.stop(held.address)
  t.match(
    held.snapshot(),
    { status: 'stopped', context: { count: 1 } },
    'a handle shows how it ended',
  )
  t.same(held.send({ type: 'add' }), { accepted: false, reason: 'stopped' })
  await system.spawn(def, 'held')
  t.match(held.snapshot(), { status: 'active', context: { count: 0 } })
  await system.close()
})
