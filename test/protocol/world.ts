/** A workspace's contract over memory: what protocol and plane tests stand on. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedBus } from '../../core/bus/embedded.ts'
import { simulatedClock } from '../../core/clock.ts'
import type { SimulatedClock } from '../../core/clock.ts'
import { MemoryDisk, memoryJournal } from '../../core/journal/memory.ts'
import type { Log } from '../../core/log.ts'
import { openContract } from '../../core/protocol/contract.ts'
import { openKeyStore } from '../../core/protocol/keys.ts'
import type { KeyStore } from '../../core/protocol/keys.ts'

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

export interface Ground {
  readonly home: string
  readonly disk: MemoryDisk
  readonly clock: SimulatedClock
  readonly keys: KeyStore
}

export function ground(t: { teardown(undo: () => unknown): unknown }): Ground {
  const home = mkdtempSync(join(tmpdir(), 'prov-home-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  const clock = simulatedClock()
  return {
    home,
    disk: new MemoryDisk(),
    clock,
    keys: openKeyStore({ home, clock, custody: 'here' }),
  }
}

/** Opens journal, bus and contract on a ground; `close` leaves the ground as it is. */
export async function open({ disk, clock, keys }: Ground) {
  const journal = memoryJournal({ clock, disk })
  const bus = await embeddedBus({ journal, clock })
  const deal = await openContract({ journal, bus, keys, clock, workspace: 'my-infra', log: silent })
  return {
    journal,
    bus,
    deal,
    async close() {
      await bus.close()
      await journal.close()
    },
  }
}
