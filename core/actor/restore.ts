/**
 * From what is kept back to what runs: the journal into a book, a kept state into a live one, old
 * versions up the ladder of `migrate`. What cannot be read is not dropped and not guessed at: its
 * actor stands parked with the reason, its state untouched, until a version comes that can read it.
 *
 * @module
 */
import { messageOf, ProvError } from '../errors.ts'
import type { JournalReader } from '../journal/journal.ts'
import type { ActorDef } from './define.ts'
import { actorErrors } from './errors.ts'
import { Ledger } from './ledger.ts'
import type { Parked, Pending, Stored } from './ledger.ts'
import type { Program, Standing } from './program/program.ts'
import type { RemoteProgram } from './program/remote.ts'
import { standingOf } from './state.ts'
import type { ActorState } from './state.ts'
import { climb } from './versions.ts'

/** Everything the journal says about the actors of a partition; runs none of their code. */
export async function openLedger(
  journal: JournalReader | undefined,
  partition: string,
): Promise<Ledger> {
  const ledger = new Ledger()
  if (!journal) return ledger
  const kept = await journal.snapshot(partition)
  if (kept) ledger.load(kept.position, kept.body)
  for await (const record of journal.read({ from: ledger.position + 1, partition })) {
    ledger.enter(record.type, record.body)
    ledger.entered++
    ledger.position = record.position
    ledger.lastMs = record.timeMs
  }
  for (const actor of ledger.stored.values()) {
    if (actor.durability === 'snapshot') await refresh(ledger, actor, journal, partition)
  }
  ledger.opened()
  return ledger
}

/** Actors that keep no steps: their own snapshot is newer than what the journal says of them. */
async function refresh(
  ledger: Ledger,
  actor: Stored,
  journal: JournalReader,
  partition: string,
): Promise<void> {
  const own = await journal.snapshot(`${partition}/${actor.address}`)
  if (!own) return
  const body = own.body as unknown as { actor: Stored; outbox: readonly Pending[] }
  if (body.actor.sequence < actor.sequence) return
  ledger.stored.set(actor.address, body.actor)
  for (const { id } of ledger.outbox.of(actor.address)) ledger.outbox.delete(id)
  for (const pending of body.outbox) ledger.outbox.set(pending)
}

type Kept = Stored & { readonly state: ActorState }

/** A kept actor as it may run. */
export interface Revived {
  readonly at: Standing
  /** Set when it had to be migrated: it must be written before any step. */
  readonly migrated?: Kept
  /** Set when it could not be read; `at` then only shows what is kept. */
  readonly unreadable?: Parked
}

/** Codes of parking that a person cannot lift: only other code can. */
export const unreadableCodes: ReadonlySet<string> = new Set([
  'PROV_ACTOR_VERSION_UNKNOWN',
  'PROV_ACTOR_RESTORE_FAILED',
  'PROV_ACTOR_EVENT_UNREADABLE',
  'PROV_ACTOR_SPILL_UNREADABLE',
])

/** Never throws. `fingerprint` is that of the machine as it is now. */
export function revive(program: Program, actor: Kept, fingerprint?: string): Revived {
  try {
    const risen = climb(program.def, actor)
    const at = program.restore(risen.state)
    return { at, ...(risen !== actor && { migrated: risen }) }
  } catch (thrown) {
    const changed =
      actor.version === program.def.version &&
      actor.fingerprint !== undefined &&
      actor.fingerprint !== fingerprint
    return unreadable(actor, thrown, changed)
  }
}

/** The same where the behaviour runs elsewhere. */
export async function reviveElsewhere(
  def: ActorDef,
  remote: RemoteProgram,
  actor: Kept,
): Promise<Revived> {
  try {
    const { address, version } = actor
    const parked = unreadableCodes.has(actor.parked?.code ?? '')
      ? actor.parked?.before
      : actor.parked
    if (version > def.version) {
      const detail = { address, found: version, known: def.version }
      throw actorErrors.PROV_ACTOR_VERSION_UNKNOWN(detail)
    }
    if (version === def.version) {
      await remote.restore(actor.state, address)
      return { at: standingOf(actor.state) }
    }
    const kept = { address, version, state: actor.state, event: parked?.event }
    const { state, event } = await remote.climb(kept)
    await remote.restore(state, address)
    const stands = parked && { parked: { ...parked, ...(event && { event }) } }
    const migrated = { ...actor, version: def.version, state, ...stands }
    return { at: standingOf(state), migrated }
  } catch (thrown) {
    return unreadable(actor, thrown)
  }
}

function unreadable(actor: Kept, thrown: unknown, changed = false): Revived {
  const { address } = actor
  const known = ProvError.is(thrown) && thrown.code !== 'PROV_INTERNAL' ? thrown : undefined
  const said = known?.message ?? messageOf(thrown)
  const what = changed ? `its machine was changed and its version was not: ${said}` : said
  const error = unreadableCodes.has(known?.code ?? '')
    ? (known as ProvError)
    : actorErrors.PROV_ACTOR_RESTORE_FAILED({ address, what }, { cause: thrown })
  const why = { code: error.code, message: error.message }
  return { at: standingOf(actor.state), unreadable: why }
}
