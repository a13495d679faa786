/**
 * Actors and dead letters as the journal has them, for people. Reading takes no lock, runs nobody's
 * code and leaves no trace, so a look works beside a process that is at work, and after one that is
 * gone. What only a living process knows is null here, never guessed.
 *
 * @module
 */
import type { JournalReader } from '../journal/journal.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { defined } from '../optional.ts'
import type { Count } from '../units.ts'
import { typeOf } from './address.ts'
import type { Address } from './address.ts'
import { receiverOf } from './ledger.ts'
import type { Ledger, Stored } from './ledger.ts'
import type { DeadLetter, LettersLeft } from './letters.ts'
import { openLedger } from './restore.ts'
import { byAddress, foreignWarning } from './rows.ts'
import type { ActorRow, TypeRow } from './system.ts'

/** What only the process that runs an actor knows. */
type Living = 'depth' | 'restarts' | 'oldestMs' | 'group' | 'passive'

/** A row of `prov actors`. */
export interface KeptRow extends Omit<ActorRow, Living> {
  /** Messages that it is owed; null while a process may hold more of them. */
  readonly depth: Count | null
  /** Of the process that runs now; null when that cannot be asked. */
  readonly restarts: Count | null
}

export interface KeptActors {
  /** By address. */
  readonly rows: readonly KeptRow[]
  /** The newest first. */
  readonly letters: readonly DeadLetter[]
  /** Letters that made room for those, by their reason. */
  readonly left: LettersLeft
  /** Types that are kept or were registered at the last start, sorted. */
  readonly types: readonly string[]
}

export interface KeptQuery {
  /** Types that the last start registered; undefined when nobody wrote that down. */
  readonly types?: readonly TypeRow[] | undefined
  /** True while a process writes this journal. */
  readonly atWork: boolean
  /** The kernel's part of the journal. Default `kernel`. */
  readonly partition?: string | undefined
}

/** Without a journal there are none. Throws what reading the journal throws. */
export async function keptActors(
  journal: JournalReader | undefined,
  { types, atWork, partition = 'kernel' }: KeptQuery,
): Promise<KeptActors> {
  const ledger = await openLedger(journal, partition)
  const known = types && new Map(types.map((row) => [row.type, row]))
  const owed = new Map<string, Count>()
  for (const pending of ledger.outbox.values()) {
    const to = receiverOf(pending)
    if (to !== undefined) owed.set(to, (owed.get(to) ?? 0) + 1)
  }
  const rows = [...ledger.stored.values()].map((actor): KeptRow => {
    const own = known?.get(typeOf(actor.address))
    const depth = atWork ? null : (owed.get(actor.address) ?? 0)
    return defined({
      address: actor.address,
      type: typeOf(actor.address),
      version: actor.version,
      status: statusOf(actor, known !== undefined && own === undefined),
      value: actor.state?.value ?? null,
      sequence: actor.sequence,
      depth,
      restarts: atWork ? null : 0,
      parked:
        actor.parked &&
        defined({
          code: actor.parked.code,
          message: actor.parked.message,
          event: actor.parked.event?.type,
        }),
      owner: own?.owner,
      mode: own?.mode,
      why: own?.why,
      warning: warningOf(actor, ledger),
      crashes: actor.trouble?.crashes,
    }) as KeptRow
  })
  return {
    rows: rows.sort(byAddress),
    letters: [...ledger.letters.rows].reverse(),
    left: ledger.letters.left,
    types: [
      ...new Set([
        ...(known?.keys() ?? []),
        ...ledger.types.keys(),
        ...rows.map(({ type }) => type),
      ]),
    ].sort(),
  }
}

/** An actor that has not ended, as it is kept. */
export interface KeptState {
  readonly address: Address
  readonly sequence: Count
  readonly value: JsonValue
  readonly context: JsonObject
}

/** Those of one type. Takes no lock and runs nobody's code. Throws what reading the journal throws. */
export async function keptStates(
  journal: JournalReader | undefined,
  type: string,
): Promise<readonly KeptState[]> {
  const { stored } = await openLedger(journal, 'kernel')
  return [...stored.values()].flatMap(({ address, sequence, state }) =>
    state?.status === 'active' && typeOf(address) === type
      ? [{ address, sequence, value: state.value, context: state.context }]
      : [],
  )
}

/** `dormant` as far as the last start can tell: nobody registered its type. */
function statusOf({ state, parked }: Stored, unregistered: boolean): ActorRow['status'] {
  if (!state) return 'stopped'
  if (unregistered) return 'dormant'
  if (parked) return 'parked'
  return state.status
}

function warningOf(actor: Stored, { types }: Ledger): string | undefined {
  const mark = types.get(typeOf(actor.address))
  const { fingerprint, parked, state, version } = actor
  if (!mark || !state || parked || fingerprint === undefined) return undefined
  if (version !== mark.version || fingerprint === mark.fingerprint) return undefined
  return foreignWarning(version)
}
