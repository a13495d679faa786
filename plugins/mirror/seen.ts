/**
 * What the ledger holds, by emitter and number: the one thing that duplicates, gaps and forks are
 * told by (D-43). A pure structure; where it comes from is `writer.ts`.
 *
 * @module
 */
import type { Count } from 'prov'
import type { LedgerTrailers } from './message.ts'

export type Verdict =
  /** The next one of its emitter. */
  | 'next'
  /** Held already, with this very digest. */
  | 'known'
  /** Some before it are missing. */
  | 'gap'
  /** Held already, with another digest. */
  | 'forked'

export class Seen {
  /** Digest of event n at index n - 1. */
  readonly #digests = new Map<string, string[]>()
  #total = 0

  /** Events held. */
  get total(): Count {
    return this.#total
  }

  /** Highest number held of an emitter; 0 for none. */
  last(emitter: string): Count {
    return this.#digests.get(emitter)?.length ?? 0
  }

  digest(emitter: string, n: Count): string | undefined {
    return this.#digests.get(emitter)?.[n - 1]
  }

  emitters(): readonly string[] {
    return [...this.#digests.keys()].sort()
  }

  judge({ emitter, n, digest }: LedgerTrailers): Verdict {
    const last = this.last(emitter)
    if (n > last + 1) return 'gap'
    if (n === last + 1) return 'next'
    return this.digest(emitter, n) === digest ? 'known' : 'forked'
  }

  /** Takes the next one of its emitter; false when it is not. */
  add(entry: LedgerTrailers): boolean {
    if (this.judge(entry) !== 'next') return false
    const list = this.#digests.get(entry.emitter)
    if (list) list.push(entry.digest)
    else this.#digests.set(entry.emitter, [entry.digest])
    this.#total++
    return true
  }
}
