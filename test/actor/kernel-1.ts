/**
 * The lives behind `test/fixtures/kernel-1`: journals as the first kernel wrote them, with every
 * record and every snapshot it knew. Run as a program it writes them anew, with whatever kernel it is
 * compiled with, so it is only ever run for a format that has no fixture yet:
 *
 *     node dist/test/actor/kernel-1.js test/fixtures/kernel-1
 *
 *     records   one life that was killed: records, no snapshot of the system
 *     tail      a later life, killed too: a snapshot, records behind it, migrated states
 *     closed    the same, ended in order
 *
 * @module
 */
import { cpSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assign, setup } from 'xstate'
import { simulatedClock } from '../../core/clock.ts'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorDef } from '../../core/actor/define.ts'
import { startActors } from '../../core/actor/start.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import { openJournal } from '../../core/journal/file.ts'
import type { Journal, JournalReader } from '../../core/journal/journal.ts'
import { settle } from './counter.ts'

export const lives = ['records', 'tail', 'closed'] as const

interface Context {
  readonly count: number
  readonly note?: string | undefined
  readonly heard: readonly string[]
}

type Event =
  | { readonly type: 'add' | 'break' | 'finish' | 'sleep' | 'fuse' | 'on' | 'off' | 'out' | 'back' }
  | { readonly type: 'note'; readonly text?: string }
  | { readonly type: 'pay'; readonly amount: number }
  | { readonly type: 'tell'; readonly to: string; readonly what: string }

/** Nested, parallel and history states, a timer that works, one that fails, an output. */
const machine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as { readonly count?: number } | undefined,
    output: {} as number,
  },
  actions: {
    charge: (_args, _params: { amount: number }) => {},
    audit: (_args, _params: { what: string }) => {},
    tell: (_args, _params: { to: string; event: { type: string } }) => {},
    add: assign({ count: ({ context }) => context.count + 1 }),
    noted: assign({ note: ({ event }) => (event.type === 'note' ? event.text : undefined) }),
    heard: assign({ heard: ({ context, event }) => [...context.heard, event.type] }),
    broken: assign(() => {
      throw new Error('this assign is broken')
    }),
  },
}).createMachine({
  id: 'fixture',
  context: ({ input }) => ({ count: input?.count ?? 0, heard: [] }),
  output: ({ context }) => context.count,
  initial: 'house',
  on: {
    add: { actions: 'add' },
    note: { actions: 'noted' },
    break: { actions: 'broken' },
    finish: '.finished',
    pay: {
      actions: [
        { type: 'audit', params: { what: 'paid' } },
        { type: 'charge', params: ({ event }) => ({ amount: event.amount }) },
      ],
    },
    tell: {
      actions: {
        type: 'tell',
        params: ({ event }) => ({ to: event.to, event: { type: event.what } }),
      },
    },
    'effect.done.charge': { actions: 'heard' },
    'effect.failed.charge': { actions: 'heard' },
  },
  states: {
    house: {
      type: 'parallel',
      on: { out: 'garden' },
      states: {
        lamp: {
          initial: 'dark',
          states: { dark: { on: { on: 'bright' } }, bright: { on: { off: 'dark' } } },
        },
        bed: {
          initial: 'awake',
          states: {
            awake: { on: { sleep: 'asleep', fuse: 'fused' } },
            asleep: { after: { 60_000: { target: 'awake', actions: 'heard' } } },
            fused: { after: { 1_000: { target: 'awake', actions: 'broken' } } },
          },
        },
        back: { type: 'history', history: 'deep' },
      },
    },
    garden: { on: { back: 'house.back' } },
    finished: { type: 'final' },
  },
})

/** What handlers were called with: id by id. */
export type Ran = string[]

type Spec = Parameters<typeof defineActor<typeof machine>>[0]

function type(ran: Ran, spec: Partial<Spec> & Pick<Spec, 'type'>): ActorDef {
  return defineActor({
    version: 1,
    machine,
    effects: {
      charge: (params: { amount: number }, { id, signal }) => {
        ran.push(`${id} ${params.amount}`)
        if (params.amount !== 13) return { paid: params.amount }
        // Owed for ever: it ends only when it is aborted.
        return new Promise<void>((end) => signal.addEventListener('abort', () => end()))
      },
      ...((spec.durability ?? 'journal') !== 'journal' && { audit: () => {} }),
    },
    ...((spec.durability ?? 'journal') === 'journal' && {
      records: {
        audit: (params: { what: string }, { self, sequence }) => ({
          partition: 'audit',
          type: 'audit.event',
          body: { self, sequence, what: params.what },
        }),
      },
    }),
    ...spec,
  }) as unknown as ActorDef
}

/** The types; those that a life does not know stay dormant in it. */
export function types(ran: Ran) {
  return {
    plain: type(ran, { type: 'fix.plain' }),
    kept: type(ran, { type: 'fix.kept', durability: 'snapshot' }),
    again: type(ran, { type: 'fix.again', supervision: { restart: 'permanent' } }),
    stands: type(ran, { type: 'fix.stands', supervision: { onFailure: 'park' } }),
    old: type(ran, { type: 'fix.old' }),
    older: type(ran, { type: 'fix.older' }),
    late: type(ran, { type: 'fix.late' }),
    newer: type(ran, { type: 'fix.newer', version: 2 }),
    old2: type(ran, {
      type: 'fix.old',
      version: 2,
      migrate: {
        1: ({ value, context }) => ({ value, context: { ...context, note: 'migrated' } }),
      },
    }),
    newer1: type(ran, { type: 'fix.newer' }),
  }
}

type Types = ReturnType<typeof types>

export const register = (system: ActorSystem, defs: readonly ActorDef[]): void => {
  for (const def of defs) system.register(def)
}

async function firstLife(system: ActorSystem, journal: Journal, all: Types): Promise<void> {
  const settle = () => quietened(system, journal)
  const { plain, kept, again, stands, old, older, late, newer } = all
  register(system, [plain, kept, again, stands, old, older, late, newer])
  const make = async (def: ActorDef, id: string, input?: unknown) => {
    const ref = await system.spawn(def, id, input)
    return async (...events: Event[]) => {
      for (const event of events) await ref.apply(event).catch(() => {})
      return ref
    }
  }
  const a = await make(plain, 'a', { count: 5 })
  await a({ type: 'add' }, { type: 'note', text: 'here' }, { type: 'note' }, { type: 'on' })
  await a({ type: 'sleep' }, { type: 'pay', amount: 1 })
  await settle()
  await a({ type: 'pay', amount: 13 })
  const history = await make(plain, 'history')
  await history({ type: 'on' }, { type: 'sleep' }, { type: 'out' })
  await (
    await make(plain, 'done', { count: 2 })
  )({ type: 'add' }, { type: 'finish' })
  await (
    await make(plain, 'stopped')
  )({ type: 'add' })
  await system.stop('fix.plain/stopped')
  // Nobody is there: a dead letter, and the promise is settled.
  await a({ type: 'tell', to: 'fix.plain/nobody', what: 'add' })
  await settle()
  const store = await make(kept, 'k', { count: 7 })
  await store({ type: 'add' }, { type: 'sleep' }, { type: 'pay', amount: 13 })
  await (
    await make(again, 'p', { count: 3 })
  )({ type: 'add' })
  const parked = await (await make(stands, 'event'))({ type: 'add' })
  parked.send({ type: 'break' })
  await settle()
  const lifted = await (await make(stands, 'lifted'))({ type: 'add' })
  lifted.send({ type: 'break' })
  await settle()
  await system.resume(lifted.address, { skip: true })
  await lifted.apply({ type: 'add' })
  await (
    await make(stands, 'timer')
  )({ type: 'fuse' })
  await (
    await make(plain, 'skipped')
  )({ type: 'fuse' })
  await (
    await make(old, 'o')
  )({ type: 'add' })
  await (
    await make(older, 'o')
  )({ type: 'add' })
  await (
    await make(newer, 'n')
  )({ type: 'add' })
  await make(late, 'l')
}

async function secondLife(system: ActorSystem, journal: Journal, all: Types): Promise<void> {
  const settle = () => quietened(system, journal)
  const { plain, kept, again, stands, old2, newer1 } = all
  register(system, [plain, kept, again, stands, old2, newer1])
  await settle()
  const a = system.ref('fix.plain/a')
  // The type of the receiver is not known in this life: the promise waits.
  await a?.apply({ type: 'tell', to: 'fix.late/l', what: 'add' } as never)
  await a?.apply({ type: 'add' })
  await system.ref('fix.old/o')?.apply({ type: 'add' })
  await system.ref('fix.kept/k')?.apply({ type: 'add' })
  for (let n = 0; n < 8; n++) await system.ref('fix.again/p')?.apply({ type: 'add' })
  system.send('fix.plain/nobody', { type: 'add' })
  await settle()
}

async function write(target: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'prov-kernel-1-'))
  const clock = simulatedClock()
  const keep = (name: string): void => {
    rmSync(join(target, name), { recursive: true, force: true })
    // The lock names this machine; a log without it is taken over at once.
    cpSync(dir, join(target, name), { recursive: true, filter: (path) => !path.endsWith('/lock') })
  }
  const open = () => openJournal({ dir, clock, segmentBytes: 16_384 })
  const all = types([])
  const journal = await open()
  const first = await startActors({ journal, clock })
  await firstLife(first, journal, all)
  await clock.advance(1_000)
  await quietened(first, journal)
  keep('records')
  await first.close()
  await journal.close()
  const second = await open()
  const system = await startActors({ journal: second, clock, snapshotEvery: 7 })
  await secondLife(system, second, all)
  keep('tail')
  await system.close()
  await second.close()
  keep('closed')
  rmSync(dir, { recursive: true })
  for (const name of lives) {
    const seen = await look(join(target, name))
    writeFileSync(join(target, `${name}.json`), `${JSON.stringify(seen, null, 2)}\n`)
  }
}

/** What a copy of a folder of records gives, to its last effect and timer. */
export async function look(from: string): Promise<unknown> {
  const dir = realpathSync(await mkdtemp(join(tmpdir(), 'prov-kernel-1-')))
  cpSync(from, dir, { recursive: true })
  const clock = simulatedClock()
  clock.jump(1_000)
  const journal = await openJournal({ dir, clock })
  const kinds = await recordTypes(journal)
  const ran: Ran = []
  const system = await startActors({ journal, clock })
  const dormant = rowsOf(system)
  const { plain, kept, again, stands, old2, older, late, newer } = types(ran)
  register(system, [plain, kept, again, stands, old2, older, late, newer])
  const quiet = () => quietened(system, journal)
  await quiet()
  const woken = rowsOf(system)
  const letters = lettersOf(system)
  await clock.advance(60_000)
  await quiet()
  const later = rowsOf(system)
  await system.ref('fix.plain/history')?.apply({ type: 'back' })
  const back = system.ref('fix.plain/history')?.snapshot().value
  await system.resume('fix.stands/event', { skip: true })
  await system.resume('fix.stands/timer').catch(() => {})
  await system.ref('fix.again/p')?.apply({ type: 'finish' })
  await quiet()
  await clock.advance(100)
  await quiet()
  const last = rowsOf(system)
  await system.close()
  await journal.close()
  rmSync(dir, { recursive: true })
  return { kinds, dormant, woken, ran: ran.sort(), letters, later, back, last }
}

/** Waits until three writes to the disk in a row found nothing new. */
export async function quietened(system: ActorSystem, journal: Journal): Promise<void> {
  let [seen, same] = ['', 0]
  while (same < 3) {
    await journal.append([{ partition: 'test', type: 'quiet', body: null }])
    await journal.putSnapshot('test', { position: 0, body: null })
    await settle()
    const now = JSON.stringify(rowsOf(system))
    same = now === seen ? same + 1 : 0
    seen = now
  }
}

export async function recordTypes(journal: JournalReader): Promise<readonly string[]> {
  const kinds = new Set<string>()
  for await (const { type } of journal.read({ partition: 'kernel' })) kinds.add(type)
  return [...kinds].sort()
}

/** Only what the first kernel knew: later ones may say more. */
export function rowsOf(system: ActorSystem): unknown {
  const rows = system.list().map((row) => {
    const { address, version, status, value, sequence, depth, parked } = row
    const snapshot = system.ref(address)?.snapshot()
    const known = snapshot && { context: snapshot.context, output: snapshot.output }
    const why = parked && { code: parked.code, event: parked.event }
    return { address, version, status, value, sequence, depth, ...known, parked: why }
  })
  return JSON.parse(JSON.stringify(rows))
}

function lettersOf(system: ActorSystem): unknown {
  const { count, rows } = system.deadLetters()
  return {
    count,
    rows: rows.map(({ address, event, reason, timeMs }) => ({ address, event, reason, timeMs })),
  }
}

/** What the first kernel made of a folder. */
export const expected = (folder: string, name: string): unknown =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'))

if (process.argv[1] === fileURLToPath(import.meta.url)) await write(process.argv[2] as string)
