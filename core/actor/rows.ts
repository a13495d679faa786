/**
 * The rows of `prov actors`: running cells and kept actors that nobody has taken over.
 *
 * @module
 */
import { defined } from '../optional.ts'
import type { Millis } from '../units.ts'
import { typeOf } from './address.ts'
import type { Cell } from './cell.ts'
import { Mail } from './mail.ts'
import type { Stored } from './ledger.ts'
import type { ActorRow } from './system.ts'

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
    oldestMs: first && nowMs - (first instanceof Mail ? first.atMs : lookedMs),
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
  return `its state was written by another machine of version ${version}: raise the version`
}

/** The row of one that is only kept: its type is not registered, or it has stopped. */
export function rowOfStored({ address, version, sequence, state, trouble }: Stored): ActorRow {
  const status = state ? 'dormant' : 'stopped'
  const value = state?.value ?? null
  const type = typeOf(address)
  const row = { address, type, version, status, value, sequence, depth: 0, restarts: 0 } as const
  return { ...row, ...(trouble?.crashes && { crashes: trouble.crashes }) }
}

export const byAddress = (a: ActorRow, b: ActorRow): number => (a.address < b.address ? -1 : 1)
