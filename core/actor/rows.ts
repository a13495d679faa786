/**
 * The rows of `prov actors`: running cells and kept actors that nobody has taken over.
 *
 * @module
 */
import { defined } from '../optional.ts'
import type { Count, Millis } from '../units.ts'
import { typeOf } from './address.ts'
import type { Cell, Kind } from './cell.ts'
import { Mail } from './mail.ts'
import type { Stored } from './ledger.ts'
import type { ActorRow, TypeRow } from './system.ts'

/** The row of a running actor. */
export function rowOf(
  cell: Cell,
  nowMs: Millis,
  lookedMs: Millis,
  group: string | undefined,
): ActorRow {
  const { address, version, status, sequence, depth, restarts, parked, first, kind } = cell
  return defined({
    address,
    type: kind.def.type,
    version,
    status,
    value: cell.config.value,
    sequence,
    depth,
    // A plain event bears no time: it came after the kernel last looked at the clock.
    oldestMs: first && nowMs - (Mail.is(first) ? first.atMs : lookedMs),
    restarts,
    parked:
      parked && defined({ code: parked.code, message: parked.message, event: parked.event?.type }),
    owner: kind.owner,
    mode: kind.remote ? 'elsewhere' : kind.program?.mode,
    why: kind.program?.why,
    group,
    warning: warningOf(cell),
    crashes: cell.rareIfAny?.trouble?.crashes,
  }) as ActorRow
}

/** Another machine of the same version wrote it: it may stand where the present one means otherwise. */
function warningOf({ foreign, parked, version, kind }: Cell): string | undefined {
  if (foreign === undefined || parked || version !== kind.def.version) return undefined
  return foreignWarning(version)
}

export const foreignWarning = (version: Count): string =>
  `its state was written by another machine of version ${version}: raise the version`

/** What is known of a registered type. */
export const rowOfKind = ({ def, owner, remote, program }: Kind): TypeRow =>
  defined({
    type: def.type,
    owner,
    mode: remote ? ('elsewhere' as const) : program?.mode,
    why: program?.why,
  }) as TypeRow

/** The row of one that is only kept: its type is not registered, or it has stopped. */
export function rowOfStored({ address, version, sequence, state, trouble }: Stored): ActorRow {
  const status = state ? 'dormant' : 'stopped'
  const value = state?.value ?? null
  const type = typeOf(address)
  const row = { address, type, version, status, value, sequence, depth: 0, restarts: 0 } as const
  return { ...row, ...(trouble?.crashes && { crashes: trouble.crashes }) }
}

export const byAddress = (a: Pick<ActorRow, 'address'>, b: Pick<ActorRow, 'address'>): number =>
  a.address < b.address ? -1 : 1
