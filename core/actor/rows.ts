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
export function rowOf(cell: Cell, nowMs: Millis, lookedMs: Millis): ActorRow {
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
    parked: parked && defined({ ...parked, event: parked.event?.type }),
    owner: kind.owner,
  }) as ActorRow
}

/** The row of one that is only kept: its type is not registered, or it has stopped. */
export function rowOfStored({ address, version, sequence, state }: Stored): ActorRow {
  const status = state ? 'dormant' : 'stopped'
  const value = state?.value ?? null
  const type = typeOf(address)
  return { address, type, version, status, value, sequence, depth: 0, restarts: 0 }
}

export const byAddress = (a: ActorRow, b: ActorRow): number => (a.address < b.address ? -1 : 1)
