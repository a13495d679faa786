/**
 * From what is kept back to what runs: the journal into a book, a kept state into a live one, old
 * versions up the ladder of `migrate`. What cannot be read is not dropped and not guessed at: its
 * actor stands parked with the reason, its state untouched, until a version comes that can read it.
 *
 * @module
 */
import { asProvError } from '../errors.ts'
import type { ProvError } from '../errors.ts'
import type { JournalReader } from '../journal/journal.ts'
import type { ActorDef, PersistedState } from './define.ts'
import { actorErrors } from './errors.ts'
import { Ledger } from './ledger.ts'
import type { Parked, Pending, Stored } from './ledger.ts'
import type { Program, Standing } from './program/program.ts'
import type { RemoteProgram } from './program/remote.ts'
import { standingOf } from './state.ts'
import type { ActorState } from './state.ts'

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
    ledger.position = record.position
  }
  for (const actor of ledger.stored.values()) {
    if (actor.durability === 'snapshot') await refresh(ledger, actor, journal, partition)
  }
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
  for (const [id, pending] of ledger.outbox) {
    if (pending.from === actor.address) ledger.outbox.delete(id)
  }
  for (const pending of body.outbox) ledger.outbox.set(pending.id, pending)
}

/** A kept actor as it may run. */
export interface Revived {
  readonly at: Standing
  /** Set when the state had to be migrated: it must be written before any step. */
  readonly migrated?: ActorState
  /** Set when it could not be read; `at` then only shows what is kept. */
  readonly unreadable?: Parked
}

/** Codes of parking that a person cannot lift: only other code can. */
export const unreadableCodes: ReadonlySet<string> = new Set([
  'PROV_ACTOR_VERSION_UNKNOWN',
  'PROV_ACTOR_RESTORE_FAILED',
])

/** Never throws. */
export function revive(program: Program, actor: Stored & { readonly state: ActorState }): Revived {
  const { def } = program
  try {
    const state = climb(def, actor)
    const at = program.restore(state)
    return { at, ...(state !== actor.state && { migrated: state }) }
  } catch (thrown) {
    return unreadable(actor, thrown)
  }
}

/** The same where the behaviour runs elsewhere. */
export async function reviveElsewhere(
  def: ActorDef,
  remote: RemoteProgram,
  actor: Stored & { readonly state: ActorState },
): Promise<Revived> {
  try {
    let { state } = actor
    for (let { version } = actor; version !== def.version; version++) {
      if (version > def.version) throw unknownVersion(def, actor)
      state = { ...state, ...(await remote.migrate(version, state)) }
    }
    await remote.restore(state)
    return { at: standingOf(state), ...(state !== actor.state && { migrated: state }) }
  } catch (thrown) {
    return unreadable(actor, thrown)
  }
}

function unreadable(actor: Stored & { readonly state: ActorState }, thrown: unknown): Revived {
  const { address } = actor
  const known = asProvError(thrown)
  const error: ProvError = unreadableCodes.has(known.code)
    ? known
    : actorErrors.PROV_ACTOR_RESTORE_FAILED({ address, what: known.message }, { cause: thrown })
  const why = { code: error.code, message: error.message }
  return { at: standingOf(actor.state), unreadable: why }
}

const unknownVersion = (def: ActorDef, { address, version }: Stored): ProvError =>
  actorErrors.PROV_ACTOR_VERSION_UNKNOWN({ address, found: version, known: def.version })

function climb(def: ActorDef, actor: Stored & { readonly state: ActorState }): ActorState {
  let version = actor.version
  if (version === def.version) return actor.state
  let state: PersistedState = { value: actor.state.value, context: actor.state.context }
  while (version !== def.version) {
    const step = def.migrate[version]
    if (!step || version > def.version) throw unknownVersion(def, actor)
    state = step(state)
    version++
  }
  return { ...actor.state, ...state }
}
