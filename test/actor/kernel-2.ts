/**
 * The lives behind `test/fixtures/kernel-2` to `kernel-4`: what the kernel writes since it counts failures, keeps
 * dead letters whole, shares records between steps and has groups, children and versions in the
 * journal's order, and, since kernel-4, writes one of several timers alone. As `kernel-1.ts`: run as a program it writes them anew, so it is only ever run for
 * a format that has no fixture yet.
 *
 *     node dist/test/actor/kernel-2.js test/fixtures/kernel-<number>
 *
 *     records   lives that were killed: records, no snapshot of the system
 *     closed    the same, ended in order
 *
 * @module
 */
import { cpSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assign, cancel, raise, setup } from 'xstate'
import { simulatedClock } from '../../core/clock.ts'
import type { SimulatedClock } from '../../core/clock.ts'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorDef } from '../../core/actor/define.ts'
import { openLedger } from '../../core/actor/restore.ts'
import { startActors } from '../../core/actor/start.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import { openJournal } from '../../core/journal/file.ts'
import type { Journal } from '../../core/journal/journal.ts'
import { quietened, recordTypes, rowsOf } from './kernel-1.ts'

export const lives = ['records', 'closed'] as const

type Spec = Parameters<typeof defineActor>[0]

/** Adds, breaks, tells, naps, and begins children; `heard` is the name of its second event. */
const machine = (heard: string, parent = false) =>
  setup({
    types: { context: {} as { readonly count: number; readonly said: readonly string[] } },
    delays: { nap: 1_000 },
    actions: {
      tell: (_args, _params: { to: string; event: { type: string } }) => {},
      add: assign({ count: ({ context }) => context.count + 1 }),
      hear: assign({ said: ({ context, event }) => [...context.said, event.type] }),
      broken: assign(() => {
        throw new Error('this assign is broken')
      }),
    },
  }).createMachine({
    id: 'two',
    context: { count: 0, said: [] },
    initial: 'awake',
    on: {
      add: { actions: 'add' },
      break: { actions: 'broken' },
      [heard]: { actions: 'hear' },
      pass: {
        actions: {
          type: 'tell',
          params: ({ event }) => ({
            to: (event as unknown as { to: string }).to,
            event: { type: (event as unknown as { what: string }).what },
          }),
        },
      },
    },
    states: {
      awake: { on: { sleep: 'asleep', work: 'working' } },
      asleep: { after: { nap: 'awake' } },
      working: {
        ...(parent && { invoke: { src: 'child', id: 'c' } as never }),
        on: { rest: 'awake' },
      },
    },
  })

const type = (spec: Partial<Spec> & { readonly type: string }): ActorDef =>
  defineActor({ version: 1, machine: machine('say'), ...spec } as Spec) as unknown as ActorDef

/** Three timers; one rings, one is set anew, one goes. */
const bells = setup({
  types: { context: {} as { readonly rang: readonly string[] } },
  actions: { rings: assign({ rang: ({ context, event }) => [...context.rang, event.type] }) },
}).createMachine({
  id: 'bells',
  context: { rang: [] },
  on: {
    wind: {
      actions: [50, 15_000, 40_000].map((delay) =>
        raise({ type: `bell.${delay}` }, { delay, id: `b${delay}` }),
      ),
    },
    rewind: { actions: raise({ type: 'bell.60000' }, { delay: 60_000, id: 'b40000' }) },
    drop: { actions: cancel('b15000') },
    'bell.*': { actions: 'rings' },
  },
})

const slow = { backoff: { firstMs: 600_000, maxMs: 600_000 } }

function types() {
  const child = type({ type: 'two.child' })
  return {
    plain: type({ type: 'two.plain', machine: machine('say', true), children: { child } }),
    breaks: type({ type: 'two.breaks', supervision: slow }),
    once: type({ type: 'two.once', supervision: { ...slow, poison: { after: 1 } } }),
    stands: type({ type: 'two.stands', supervision: { onFailure: 'park' } }),
    ends: type({ type: 'two.ends', supervision: { onFailure: 'stop' } }),
    line: type({ type: 'two.line', supervision: { group: () => 'line' } }),
    anew: type({ type: 'two.anew', supervision: { onFailure: 'reset' } }),
    bells: type({ type: 'two.bells', machine: bells }),
    skips: type({ type: 'two.skips', timers: { nap: 'skip' } }),
    again: type({ type: 'two.again', timers: { nap: 'restart' } }),
    talks: type({ type: 'two.talks' }),
    talks2: type({
      type: 'two.talks',
      version: 2,
      machine: machine('utter'),
      migrate: { 1: (state) => state },
      upcast: { 1: (event) => (event.type === 'say' ? { ...event, type: 'utter' } : event) },
    }),
    changed: type({ type: 'two.changed' }),
    changed2: type({ type: 'two.changed', machine: machine('utter') }),
    late: type({ type: 'two.late' }),
  }
}

interface Life {
  readonly system: ActorSystem
  readonly journal: Journal
  readonly clock: SimulatedClock
  readonly all: ReturnType<typeof types>
}

async function firstLife({ system, journal, clock, all }: Life): Promise<void> {
  const { talks2: _talks2, changed2: _changed2, ...defs } = all
  for (const def of Object.values(defs)) system.register(def)
  const {
    plain,
    breaks,
    once,
    stands,
    ends,
    line,
    anew,
    bells,
    skips,
    again,
    talks,
    changed,
    late,
  } = defs
  const quiet = () => quietened(system, journal)
  const make = async (def: ActorDef, id: string) => {
    const ref = await system.spawn(def, id)
    return ref as typeof ref & { apply(event: object): Promise<unknown> }
  }
  const a = await make(plain, 'a')
  // Together: one record of several steps.
  await Promise.all(Array.from({ length: 5 }, () => a.apply({ type: 'add' })))
  const parent = await make(plain, 'parent')
  await parent.apply({ type: 'work' })
  for (const def of [breaks, once, stands, ends, anew]) {
    const { address } = await make(def, 'x')
    // Counted by its promise: it comes again after a crash.
    await a.apply({ type: 'pass', to: address, what: 'break' })
  }
  for (const id of ['b', 'a']) await make(line, id)
  for (const def of [skips, again]) await (await make(def, 'x')).apply({ type: 'sleep' })
  for (const def of [talks, changed, late]) await make(def, 'x')
  const tower = await make(bells, 'x')
  await tower.apply({ type: 'wind' })
  await tower.apply({ type: 'rewind' })
  await quiet()
  await clock.advance(100)
  await quiet()
}

async function secondLife({ system, journal, clock, all }: Life): Promise<void> {
  clock.jump(10_000)
  for (const def of [all.plain, all.skips, all.again, all.talks]) system.register(def)
  const quiet = () => quietened(system, journal)
  await quiet()
  const a = system.ref('two.plain/a')
  // For types that this life does not know: they wait in the outbox.
  await a?.apply({ type: 'pass', to: 'two.late/x', what: 'add' } as never)
  const [letter] = system.deadLetters().rows.filter(({ reason }) => reason === 'poison')
  await system.replay(letter?.id as number)
  await quiet()
}

async function thirdLife({ system, journal, all }: Life): Promise<void> {
  for (const def of [all.plain, all.bells, all.changed2]) system.register(def)
  await system.ref('two.bells/x')?.apply({ type: 'drop' } as never)
  const a = system.ref('two.plain/a')
  await a?.apply({ type: 'pass', to: 'two.talks/x', what: 'say' } as never)
  await quietened(system, journal)
}

/** Lives it all and keeps what is left; see above for when. */
export async function write(target: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'prov-kernel-2-'))
  const clock = simulatedClock()
  const keep = (name: string, from = dir): void => {
    rmSync(join(target, name), { recursive: true, force: true })
    cpSync(from, join(target, name), {
      recursive: true,
      filter: (path) => !/\/(lock|reserve)$/.test(path) && !path.includes('snapshot-test'),
    })
  }
  const all = types()
  const script = [firstLife, secondLife, thirdLife]
  for (const [at, life] of script.entries()) {
    const journal = await openJournal({ dir, clock, segmentBytes: 32_768 })
    const system = await startActors({ journal, clock })
    await life({ system, journal, clock, all })
    if (at === script.length - 1) keep('records')
    // Only the last one ends in order: the others leave records alone.
    if (at === script.length - 1) await system.close()
    await journal.close()
  }
  keep('closed')
  rmSync(dir, { recursive: true })
  for (const name of lives) {
    writeFileSync(
      join(target, `${name}.json`),
      `${JSON.stringify(await look(join(target, name)))}\n`,
    )
  }
}

/** What a copy of a folder gives: what is kept, and what comes of it. */
export async function look(from: string): Promise<unknown> {
  const dir = realpathSync(await mkdtemp(join(tmpdir(), 'prov-kernel-2-')))
  cpSync(from, dir, { recursive: true })
  const clock = simulatedClock()
  clock.jump(20_000)
  const journal = await openJournal({ dir, clock })
  const kinds = await recordTypes(journal)
  const ledger = await openLedger(journal, 'kernel')
  const kept = {
    outbox: [...ledger.outbox.values()].map(({ id, version }) => ({ id, version })),
    letters: ledger.letters.rows,
    types: [...ledger.types].map(([name, { version }]) => [name, version]).sort(),
    troubles: [...ledger.stored.values()].flatMap(({ address, trouble, rank, birth }) =>
      trouble || rank || birth
        ? [
            {
              address,
              rank,
              birth,
              tries: trouble?.tries,
              crashes: trouble?.crashes?.map(({ event, tries, decision }) => ({
                event,
                tries,
                decision,
              })),
            },
          ]
        : [],
    ),
  }
  const system = await startActors({ journal, clock })
  const { talks, changed, ...now } = types()
  for (const def of Object.values(now)) system.register(def)
  await quietened(system, journal)
  const rows = rowsOf(system)
  const warned = system
    .list()
    .filter((row) => row.warning)
    .map(({ address }) => address)
  const tried = system.list({ type: 'two.breaks' })[0]?.crashes?.map(({ tries }) => tries)
  await system.close()
  await journal.close()
  rmSync(dir, { recursive: true })
  return JSON.parse(JSON.stringify({ kinds, kept, rows, warned, tried }))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await write(process.argv[2] as string)
