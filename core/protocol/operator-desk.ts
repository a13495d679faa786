/**
 * The operator's face: what only the process that runs actors and plugins can do or tell. Nothing here
 * is signed, for it decides nothing: what goes on is judged as ever.
 *
 * @module
 */
import type { Address } from '../actor/address.ts'
import type { LetterFilter } from '../actor/letters.ts'
import type { ActorRow, ActorSystem, Replayed } from '../actor/system.ts'
import type { PluginRow } from '../plugin/host.ts'
import { serviceRef } from '../plugin/service.ts'
import type { Span } from '../plugin/tree.ts'
import type { Count } from '../units.ts'

export interface OperatorDesk {
  /** See `ActorSystem.replay`. */
  replay(which: Count | LetterFilter): Promise<readonly Replayed[]>
  /**
   * A person lets a parked actor go on; see `ActorSystem.resume`. Answers what it was parked for, if it
   * was, and how it stands now; null when it does not live here.
   */
  resume(request: { readonly address: string; readonly skip: boolean }): Promise<Resumed | null>
  /** What became of every plugin, and how the start went. */
  started(): Promise<{ readonly plugins: readonly PluginRow[]; readonly boot: Span }>
}
export const operatorDesk = serviceRef<OperatorDesk>('prov.operator', { guarded: true })

export interface Resumed extends Pick<ActorRow, 'status'> {
  readonly parked: NonNullable<ActorRow['parked']> | null
}

export interface OperatorParts {
  readonly actors: ActorSystem
  readonly plugins: () => readonly PluginRow[]
  readonly boot: () => Span
}

export function operatorDeskOver({ actors, plugins, boot }: OperatorParts): OperatorDesk {
  return {
    replay: (which) => actors.replay(which),
    async resume({ address, skip }) {
      const row = () => actors.list().find((one) => one.address === address)
      const before = row()
      if (!before) return null
      const { parked = null } = before
      if (parked) await actors.resume(address as Address, { skip })
      return { status: (row() ?? before).status, parked }
    },
    started: async () => ({ plugins: plugins(), boot: boot() }),
  }
}
