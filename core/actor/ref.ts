/**
 * A handle on an address. It holds the actor it was made for only to show how that one ended.
 *
 * @module
 */
import type { Address } from './address.ts'
import { flag } from './cell.ts'
import type { Cell } from './cell.ts'
import type { ActorEvent } from './define.ts'
import type { XStateFacade } from './facade.ts'
import type { Kernel } from './kernel.ts'
import type { ActorRef, ActorSnapshot, Sent } from './system.ts'

export class Ref implements ActorRef {
  readonly address: Address
  readonly #kernel: Kernel
  #cell: Cell
  #face: XStateFacade | undefined

  constructor(kernel: Kernel, cell: Cell) {
    this.#kernel = kernel
    this.#cell = cell
    this.address = cell.address
  }

  get #now(): Cell {
    return (this.#cell = this.#kernel.cell(this.address) ?? this.#cell)
  }

  send(event: ActorEvent): Sent {
    if ((this.#cell.flags & flag.gone) !== 0) {
      this.#cell = this.#kernel.cell(this.address, 'message') ?? this.#cell
    }
    return this.#kernel.sendTo(this.address, this.#cell, event)
  }

  apply(
    event: ActorEvent,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<ActorSnapshot> {
    return this.#kernel.apply(this.address, event, options.signal)
  }

  snapshot(): ActorSnapshot {
    return this.#now.snapshot()
  }

  asXState(): XStateFacade {
    return (this.#face ??= this.#kernel.facade(() => this.#now))
  }

  changes(listener: (snapshot: ActorSnapshot) => void): () => void {
    return this.#kernel.follow(this.#now, listener)
  }
}
