import t from 'tap'
import { assign, setup } from 'xstate'
import type { Address } from '../../core/actor/address.ts'
import { defineGroup, Groups } from '../../core/actor/groups.ts'
import type { Group, GroupSpec } from '../../core/actor/groups.ts'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorDef } from '../../core/actor/define.ts'
import type { SupervisionSpec } from '../../core/actor/supervise.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import { codeIn } from './codes.ts'
import { counter, House, settle } from './counter.ts'

const names = (addresses: readonly Address[]) => addresses.map((one) => one.slice('x/'.length))

/** Members join under their ranks: `{ a: 1 }`. */
function filled(groups: Groups, group: Group, members: Readonly<Record<string, number>>): void {
  for (const [id, rank] of Object.entries(members)) groups.join(group, `x/${id}`, rank)
}

function one(spec: Partial<GroupSpec>) {
  const groups = new Groups()
  const group = defineGroup({ name: 'g', intensity: 2, periodMs: 1_000, ...spec })
  filled(groups, group, { c: 30, a: 10, b: 20 })
  return { groups, group }
}

t.test('one_for_one restarts who failed, one_for_all all in start order', async (t) => {
  t.same(names(one({}).groups.failed('x/b', 0).restart), ['b'])
  t.same(names(one({ strategy: 'one_for_all' }).groups.failed('x/b', 0).restart), ['a', 'b', 'c'])
})

t.test('rest_for_one restarts who failed and those that started later', async (t) => {
  const { groups } = one({ strategy: 'rest_for_one', intensity: 9 })
  t.same(names(groups.failed('x/b', 0).restart), ['b', 'c'])
  t.same(names(groups.failed('x/c', 0).restart), ['c'])
  t.same(names(groups.failed('x/a', 0).restart), ['a', 'b', 'c'])
  groups.leave('x/c')
  groups.join(defineGroup({ name: 'g' }), 'x/d', 40)
  t.same(names(groups.failed('x/b', 0).restart), ['b', 'd'], 'who left is not concerned')
})

t.test('a group counts the failures of all its members within a sliding period', async (t) => {
  const { groups } = one({})
  t.same(names(groups.failed('x/a', 0).restart), ['a'])
  t.same(groups.failed('x/b', 500), {
    restart: ['x/b'],
    end: [],
    failures: 2,
    why: 'group g counts 2 failures within 1000 ms: one_for_one',
  })
  t.equal(groups.failed('x/b', 900, { counts: false }).failures, 2, 'the same message again')
  t.same(names(groups.failed('x/a', 1_100).restart), ['a'], 'the first failure is too long ago')
  const last = groups.failed('x/c', 1_200)
  t.same(last.restart, [])
  t.same(names(last.end), ['c', 'b', 'a'], 'it gives up: the last started ends first')
  t.match(last.why, /gives up; nobody stands above it/)
})

t.test('who gives up is one failed child of the group above', async (t) => {
  const groups = new Groups()
  const top = defineGroup({ name: 'top', strategy: 'rest_for_one', intensity: 1, periodMs: 10_000 })
  const left = defineGroup({ name: 'left', intensity: 0, parent: top })
  const right = defineGroup({ name: 'right', intensity: 5, parent: top })
  filled(groups, top, { first: 1, last: 9 })
  filled(groups, left, { a: 2, b: 3 })
  filled(groups, right, { c: 4 })
  t.same(names(groups.failed('x/c', 0).restart), ['c'], 'it copes by itself')
  const climbed = groups.failed('x/a', 0)
  t.same(names(climbed.restart), ['a', 'b', 'c', 'last'], 'its group, and what started after it')
  t.match(climbed.why, /group left .* gives up; group top counts 1 failure .*: rest_for_one/)
  const ended = groups.failed('x/a', 1)
  t.same(names(ended.end), ['last', 'c', 'b', 'a', 'first'])
  t.same(ended.restart, [])
})

t.test('a group that was started again has a clean record', async (t) => {
  const groups = new Groups()
  const top = defineGroup({ name: 'top', strategy: 'one_for_all', intensity: 9 })
  const low = defineGroup({ name: 'low', intensity: 1, parent: top })
  const beside = defineGroup({ name: 'beside', intensity: 1, parent: top })
  filled(groups, low, { a: 1 })
  filled(groups, beside, { b: 2 })
  groups.failed('x/b', 0)
  groups.failed('x/a', 0)
  t.match(groups.failed('x/a', 0), { restart: ['x/a', 'x/b'], failures: 1 })
  t.match(groups.failed('x/a', 1), { restart: ['x/a'], failures: 1 }, 'its own count is new')
  t.match(groups.failed('x/b', 1), { restart: ['x/b'], failures: 1 }, 'and that of its sibling')
})

t.test('who escalates goes past its own group; who is in none ends', async (t) => {
  const { groups } = one({ intensity: 99 })
  t.same(names(groups.failed('x/a', 0, { escalates: true }).end), ['c', 'b', 'a'])
  t.same(groups.failed('x/nobody', 0).end, ['x/nobody'])
  t.notOk(groups.has('x/nobody'))
  t.same(names(groups.members('g')), ['a', 'b', 'c'])
})

t.test('a group is forgotten with its last member, and those above it with it', async (t) => {
  const groups = new Groups()
  const above = defineGroup({ name: 'above', intensity: 1, periodMs: 1_000 })
  const line = defineGroup({ name: 'line', intensity: 1, periodMs: 1_000, parent: above })
  filled(groups, line, { a: 1, b: 2 })
  groups.failed('x/a', 0)
  groups.leave('x/a')
  t.same(names(groups.members('above')), ['b'], 'one is left')
  t.same(groups.failed('x/b', 1).failures, 1, 'the group above counts its child')
  groups.leave('x/b')
  // As if it had never been: what it counted, and who stood above it.
  const alone = defineGroup({
    name: 'line',
    strategy: 'one_for_all',
    intensity: 1,
    periodMs: 1_000,
  })
  filled(groups, alone, { c: 3, d: 4 })
  t.same(groups.members('above'), [])
  t.same(names(groups.failed('x/c', 2).restart), ['c', 'd'])
  groups.leave('x/c')
  groups.leave('x/d')
  filled(groups, line, { e: 5 })
  groups.failed('x/e', 3)
  t.same(groups.failed('x/e', 4).failures, 1, 'nor does the one above remember')
})

t.test('a group needs a name', async (t) => {
  t.equal(
    codeIn(() => defineGroup({ name: '' })),
    'PROV_ACTOR_DEF_INVALID',
  )
})

/** A system whose counters are in groups; `order` is who aborted, then who went on. */
async function grouped(
  t: { teardown(undo: () => unknown): unknown },
  supervision: SupervisionSpec,
  more: readonly ActorDef[] = [],
) {
  const house = new House()
  const def = counter([], { supervision: { poison: { after: 1 }, ...supervision } })
  const open = async () => {
    const system = await house.start()
    t.teardown(() => system.close())
    system.register(def)
    for (const other of more) system.register(other)
    return system
  }
  const heard: string[] = []
  const listen = (system: ActorSystem, ids: readonly string[]) => {
    for (const id of ids) {
      const address = id.includes('/') ? (id as Address) : (`${def.type}/${id}` as const)
      system.watch(address, ({ kind }) => heard.push(`${id} ${kind}`))
    }
  }
  return { house, def, open, heard, listen }
}

t.test('one_for_all: all members stand at their last commit and go on together', async (t) => {
  const { house, def, open, heard, listen } = await grouped(t, {
    strategy: 'one_for_all',
    group: (id) => id.split('.')[0],
  })
  const system = await open()
  const ids = ['eu.b', 'eu.a', 'us.c']
  listen(system, ids)
  const refs = await Promise.all(ids.map(async (id) => system.spawn(def, id)))
  for (const ref of refs) await ref.apply({ type: 'add' })
  refs[1]?.send({ type: 'break' })
  await settle()
  for (const ref of refs) ref.send({ type: 'add' })
  await settle()
  t.same(heard, ['eu.b restarted', 'eu.a restarted'], 'in start order; the other group goes on')
  t.same(
    refs.map((ref) => [ref.snapshot().status, ref.snapshot().context.count]),
    [
      ['restarting', 1],
      ['restarting', 1],
      ['active', 2],
    ],
  )
  t.match(system.list()[0], { group: 'eu', crashes: [{ why: /group eu counts 1 failure .*_all/ }] })
  await house.clock.advance(100)
  await settle()
  t.same(
    refs.map((ref) => ref.snapshot().context.count),
    [2, 2, 2],
    'nothing that waited is lost',
  )
})

t.test('rest_for_one keeps its order across a crash', async (t) => {
  const { house, def, open, heard, listen } = await grouped(t, {
    strategy: 'rest_for_one',
    group: () => 'line',
  })
  const system = await open()
  for (const id of ['z', 'y', 'x']) await system.spawn(def, id)
  await system.stop('test.counter/y')
  await system.spawn(def, 'y')
  house.crash()
  const again = await open()
  listen(again, ['x', 'y', 'z'])
  await again.spawn(def, 'a')
  again.send('test.counter/x', { type: 'break' })
  await settle()
  t.same(heard, ['x restarted', 'y restarted'], 'z is older; y was started anew, after x')
})

t.test('a group that gives up hands its failure to the one above, with all it holds', async (t) => {
  const fleet = defineGroup({ name: 'fleet', strategy: 'one_for_all', intensity: 1 })
  const near = defineGroup({ name: 'near', intensity: 1, parent: fleet })
  const far = counter([], { type: 'test.far', supervision: { group: () => fleet } })
  const { house, def, open, heard, listen } = await grouped(t, { group: () => near }, [
    far as unknown as ActorDef,
  ])
  const system = await open()
  listen(system, ['a', 'b', 'test.far/c'])
  await system.spawn(def, 'a')
  await system.spawn(def, 'b')
  await system.spawn(far, 'c')
  const fail = async () => {
    system.send('test.counter/b', { type: 'break' })
    await settle()
    await house.clock.advance(200)
    return heard.splice(0)
  }
  t.same(await fail(), ['b restarted'])
  t.same(await fail(), ['a restarted', 'b restarted', 'test.far/c restarted'], 'near gave up')
  t.same(await fail(), ['b restarted'], 'and began with a clean record')
  t.same(await fail(), ['test.far/c failed', 'b failed', 'a failed'], 'fleet gave up too')
  t.same(
    system.list().map(({ status }) => status),
    ['stopped', 'stopped', 'stopped'],
  )
  t.match(system.list()[0]?.crashes, [{ address: 'test.counter/b', decision: 'escalate' }])
})

t.test('a temporary member is not restarted for others, a parked one keeps standing', async (t) => {
  const group = defineGroup({ name: 'mixed', strategy: 'one_for_all' })
  const brief = counter([], {
    type: 'test.brief',
    supervision: { group: () => group, restart: 'temporary' },
  })
  const still = counter([], {
    type: 'test.still',
    supervision: { group: () => group, onFailure: 'park' },
  })
  const anew = counter([], {
    type: 'test.anew',
    supervision: { group: () => group, onFailure: 'reset' },
  })
  const others = [brief, still, anew] as unknown as ActorDef[]
  const { house, def, open, heard, listen } = await grouped(t, { group: () => group }, others)
  const system = await open()
  const refs = [
    await system.spawn(def, 'a'),
    await system.spawn(brief, 'b'),
    await system.spawn(still, 'c'),
    await system.spawn(anew, 'd', { count: 5 }),
  ]
  for (const ref of refs) await ref.apply({ type: 'add' })
  refs[2]?.send({ type: 'break' })
  await settle()
  listen(system, ['a', 'test.brief/b', 'test.still/c', 'test.anew/d'])
  refs[0]?.send({ type: 'break' })
  await settle()
  t.same(heard, ['test.brief/b stopped', 'a restarted', 'test.anew/d restarted'])
  await house.clock.advance(100)
  await settle()
  t.same(
    refs.map((ref) => [ref.snapshot().status, ref.snapshot().context.count]),
    [
      ['active', 1],
      ['stopped', 1],
      ['parked', 1],
      ['active', 5],
    ],
    'each restarts as its own type says',
  )
})

t.test('a permanent member that is done counts as a failure of its group', async (t) => {
  const { house, def, open, heard, listen } = await grouped(t, {
    restart: 'permanent',
    strategy: 'one_for_all',
    intensity: 1,
    group: () => 'all',
  })
  const system = await open()
  listen(system, ['a', 'b'])
  const a = await system.spawn(def, 'a', { count: 1 })
  const b = await system.spawn(def, 'b', { count: 2 })
  await b.apply({ type: 'add' })
  await a.apply({ type: 'finish' })
  t.same(heard, ['a restarted', 'b restarted'])
  await house.clock.advance(100)
  await settle()
  t.match([a.snapshot(), b.snapshot()], [{ context: { count: 1 } }, { context: { count: 3 } }])
  await b.apply({ type: 'finish' })
  t.same(heard.slice(2), ['b failed', 'a failed'])
})

t.test('a second restart takes the first one’s place', async (t) => {
  const { house, def, open } = await grouped(t, { strategy: 'rest_for_one', group: () => 'line' })
  const system = await open()
  const a = await system.spawn(def, 'a')
  const b = await system.spawn(def, 'b')
  b.send({ type: 'break' })
  await settle()
  await house.clock.advance(50)
  a.send({ type: 'break' })
  await settle()
  await house.clock.advance(199)
  t.match([a.snapshot().status, b.snapshot().status], ['restarting', 'restarting'])
  await house.clock.advance(1)
  t.match([a.snapshot().status, b.snapshot().status], ['active', 'active'])
})

t.test('a message that is tried again counts once for its group', async (t) => {
  const { house, def, open, heard, listen } = await grouped(t, {
    poison: { after: 3 },
    intensity: 1,
    group: () => 'patient',
  })
  const system = await open()
  listen(system, ['a'])
  const a = await system.spawn(def, 'a')
  a.send({ type: 'break' })
  await settle()
  await house.clock.advance(1_000)
  t.same(heard, ['a restarted', 'a restarted', 'a restarted'])
  t.match(system.deadLetters().rows, [{ reason: 'poison' }])
  t.equal(a.snapshot().status, 'active')
  a.send({ type: 'break' })
  await settle()
  t.same(heard.slice(3), ['a failed'], 'another message is another failure')
})

t.test('jitter spreads restarts by the chance that is handed in', async (t) => {
  const house = new House()
  const chances = [0, 0.75]
  const system = await house.start({ random: () => chances.shift() as number })
  t.teardown(() => system.close())
  const def = counter([], { supervision: { poison: { after: 1 }, backoff: { jitter: 1 } } })
  system.register(def)
  const [a, b] = [await system.spawn(def, 'a'), await system.spawn(def, 'b')]
  a.send({ type: 'break' })
  b.send({ type: 'break' })
  await settle()
  await house.clock.advance(25)
  t.same([a.snapshot().status, b.snapshot().status], ['restarting', 'active'])
  await house.clock.advance(75)
  t.equal(a.snapshot().status, 'active')
})

/** A house whose journal takes nothing in while `shut` holds a promise. */
function slowHouse() {
  const house = new House()
  const fast = house.journal
  const gate: { shut?: Promise<void> | undefined } = {}
  house.journal = Object.create(fast, {
    append: {
      value: async (...entries: Parameters<typeof fast.append>) => {
        await gate.shut
        return fast.append(...entries)
      },
    },
  }) as typeof fast
  return { house, gate }
}

/** Closes a gate; the answer opens it. */
function shut(gate: { shut?: Promise<void> | undefined }): () => void {
  let open = (): void => {}
  gate.shut = new Promise((resolve) => (open = resolve))
  return () => {
    gate.shut = undefined
    open()
  }
}

for (const what of ['a stop', 'another failure of its group'] as const) {
  t.test(`${what} finds who is beginning anew, and no second life comes of it`, async (t) => {
    const { house, gate } = slowHouse()
    const system = await house.start()
    t.teardown(() => system.close())
    const supervision = {
      group: () => 'g',
      strategy: 'one_for_all',
      intensity: 9,
      backoff: { firstMs: 10, maxMs: 10 },
    } as const
    const def = counter([], { supervision: { ...supervision, onFailure: 'reset' } })
    // Keeps nothing, so it fails also while the journal stands still.
    const quick = counter([], { type: 'test.quick', durability: 'volatile', supervision })
    for (const one of [def, quick]) system.register(one)
    const [a, b] = [await system.spawn(def, 'a'), await system.spawn(def, 'b')]
    const c = await system.spawn(quick, 'c')
    b.send({ type: 'break' })
    await settle()
    const open = shut(gate)
    await house.clock.advance(10)
    await settle()
    if (what === 'a stop') {
      const stopping = system.stop(a.address)
      open()
      await stopping
      await settle()
      t.equal(system.ref(a.address), undefined)
    } else {
      c.send({ type: 'break' })
      await settle()
      await house.clock.advance(20)
      await settle()
      open()
      await settle()
      await a.apply({ type: 'add' })
      t.equal(a.snapshot().context.count, 1)
    }
    const shown = (of: ActorSystem) =>
      of
        .list({ type: def.type })
        .map(({ address, status, sequence }) => [address, status, sequence])
    const live = shown(system)
    const started = (await house.records()).filter(({ type }) => type === 'actor.started')
    const marks = started.map(({ body }) => body as { address: string; sequence: number })
    const lives = new Set(marks.map(({ address, sequence }) => `${address} ${sequence}`))
    t.equal(lives.size, marks.length, 'each beginning has a sequence of its own')
    house.crash()
    const next = await house.start()
    next.register(def)
    t.same(shown(next), live, 'the journal says the same')
    await next.close()
  })
}

/** Begins anew at each failure; its start throws as long as `fails.left` says. */
function shaky(supervision: SupervisionSpec): {
  readonly def: ActorDef
  readonly fails: { left: number }
} {
  const fails = { left: 0 }
  const def = defineActor({
    type: 'test.shaky',
    version: 1,
    machine: setup({
      actions: {
        break: assign(() => {
          throw new Error('broken')
        }),
      },
    }).createMachine({
      context: () => {
        if (fails.left-- > 0) throw new Error('no start yet')
        return {}
      },
      on: { break: { actions: 'break' } },
    }),
    supervision: { onFailure: 'reset', backoff: { firstMs: 10, maxMs: 10 }, ...supervision },
  })
  return { def, fails }
}

t.test(
  'a start that throws when it begins anew is a failure like any: it is tried again',
  async (t) => {
    const house = new House()
    const { def, fails } = shaky({})
    const system = await house.start()
    t.teardown(() => system.close())
    system.register(def)
    const ref = await system.spawn(def, 'a')
    const crashes: string[] = []
    system.watch(ref.address, ({ kind, crash }) => {
      crashes.push(`${kind} ${crash?.event} ${crash?.error.code}`)
    })
    fails.left = 1
    ref.send({ type: 'break' })
    for (let n = 0; n < 3; n++) {
      await settle()
      await house.clock.advance(10)
    }
    await settle()
    t.match(system.list(), [{ status: 'active', restarts: 2 }])
    t.same(crashes, [
      'restarted break PROV_ACTOR_STEP_FAILED',
      'restarted xstate.init PROV_ACTOR_START_FAILED',
    ])
    fails.left = Number.POSITIVE_INFINITY
    ref.send({ type: 'break' })
    for (let n = 0; n < 6; n++) {
      await settle()
      await house.clock.advance(10)
    }
    t.match(system.list(), [{ status: 'stopped' }], 'and ends when it failed too often')
    t.equal(crashes.at(-1), 'failed xstate.init PROV_ACTOR_START_FAILED')
    t.match(system.list()[0]?.crashes?.at(-1)?.why, /^4 failures within 5000 ms$/)
  },
)

t.test('a member that cannot begin anew counts for its group, which ends together', async (t) => {
  const house = new House()
  const group = () => defineGroup({ name: 'g', strategy: 'one_for_all', intensity: 2 })
  const { def, fails } = shaky({ group })
  const sibling = counter([], { supervision: { group } })
  const system = await house.start()
  t.teardown(() => system.close())
  for (const one of [def, sibling]) system.register(one)
  const ref = await system.spawn(def, 'a')
  await system.spawn(sibling, 'b')
  fails.left = Number.POSITIVE_INFINITY
  ref.send({ type: 'break' })
  for (let n = 0; n < 6; n++) {
    await settle()
    await house.clock.advance(200)
  }
  t.same(
    system.list().map(({ status }) => status),
    ['stopped', 'stopped'],
    'no sibling goes on without it',
  )
})
