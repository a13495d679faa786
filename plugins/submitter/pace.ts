/**
 * Nobody proposes faster than this plane hears of ends. What it has not heard yet waits on the bus, first
 * in memory, then in the journal, where each look costs more than the last: a submitter that once fell
 * behind would fall back for ever, and its instances of ended operations would fill every snapshot.
 *
 * @module
 */
import type { Count } from 'prov'

/** Ended operations that it may have to hear of. */
const most: Count = 512

export class Pace {
  readonly #open: () => Count
  readonly #under = new Set<string>()
  #waiting: (() => void)[] = []
  #over = false

  /** `open`: operations that have not ended, for whoever knows first. */
  constructor(open: () => Count) {
    this.#open = open
  }

  begun(op: string): void {
    this.#under.add(op)
  }

  /** Its instance reached its end. */
  heard(op: string): void {
    this.#under.delete(op)
    this.look()
  }

  /** Call it for whatever is heard: what was taken for a backlog may have turned out to be open. */
  look(): void {
    if (this.#waiting.length === 0 || this.#behind()) return
    for (const go of this.#waiting.splice(0)) go()
  }

  /** Resolves when the next one may be proposed: at once, unless more ended than was heard of. */
  async room(): Promise<void> {
    while (!this.#over && this.#behind()) await new Promise<void>((go) => this.#waiting.push(go))
  }

  /** It hears nothing any more: nobody waits for it. */
  end(): void {
    this.#over = true
    for (const go of this.#waiting.splice(0)) go()
  }

  #behind(): boolean {
    return this.#under.size - this.#open() > most
  }
}
