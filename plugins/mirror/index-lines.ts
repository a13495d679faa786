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
    const [commit = '', emitter, n = '', digest = '', ...more] = line.split(' ')
    if (!emitter || !/^\d+$/.test(n) || more.length > 0) return undefined
    // A sector that a power cut took leaves zeros, which no line has.
    if (!/^[0-9a-f]{40}$/.test(commit) || !/^[\w:-]+$/.test(digest)) return undefined
    lines.push({ commit, emitter, n: Number(n), digest })
  }
  return lines.length > 0 ? lines : undefined
}
