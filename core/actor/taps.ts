/**
 * Taps: everything of one actor, at no cost for the others. A tapped cell carries one flag; the kernel
 * looks at it together with the flags it looks at anyway.
 *
 *     const stop = system.tap('acme.quota/eu', (record) => console.log(record))
 *
 * A tap hears what an inspector hears of its actor, and `mailbox` for every message that waits. Like
 * everybody who looks on it can do no harm: three throws, and it is let go.
 *
 * @module
 */
import type { Address } from './address.ts'
import type { About, Inspect, Inspected, InspectKind, InspectRecord } from './inspect.ts'
import { Listeners } from './listeners.ts'

interface Heard {
  readonly record: InspectRecord
  readonly actor: Inspected | undefined
  readonly about: About<InspectKind> | undefined
}

export class Taps {
  readonly #listeners: Listeners<Heard>

  /** `failed` hears of every throw. */
  constructor(failed: (address: Address, thrown: unknown) => void) {
    this.#listeners = new Listeners(failed)
  }

  /** Also before the actor exists. Returns how to stop. */
  add(address: Address, listener: Inspect): () => void {
    return this.#listeners.add(address, ({ record, actor, about }) =>
      listener(record, actor, about),
    )
  }

  has(address: Address): boolean {
    return this.#listeners.has(address)
  }

  tell(
    address: Address,
    record: InspectRecord,
    actor?: Inspected,
    about?: About<InspectKind>,
  ): void {
    this.#listeners.tell(address, { record, actor, about })
  }
}
