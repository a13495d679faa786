/**
 * The index beside the ledger: one line per commit, so that a start need not walk the history. It is
 * a cache; the trailers of the commits are the truth.
 *
 * @module
 */
import type { LedgerTrailers } from './message.ts'

export interface IndexLine extends LedgerTrailers {
  readonly commit: string
}

export const indexText = ({ commit, emitter, n, digest }: IndexLine): string =>
  `${commit} ${emitter} ${n} ${digest}\n`

/** Lines of the index; undefined when it is empty or damaged. A torn last line is left out. */
export function parseIndex(text: string): readonly IndexLine[] | undefined {
  const lines: IndexLine[] = []
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    if (line === '') continue
    const [commit, emitter, n, digest, ...more] = line.split(' ')
    if (!commit || !emitter || !digest || more.length > 0 || !/^\d+$/.test(n ?? ''))
      return undefined
    lines.push({ commit, emitter, n: Number(n), digest })
  }
  return lines.length > 0 ? lines : undefined
}
