/**
 * What changed between two texts, line by line: longest common subsequence, between a common start
 * and end that cost nothing. Texts here are scripts and parameters, so a table over what lies between
 * is small; beyond `largestTable` cells all of it counts as replaced, which is true, if less helpful.
 *
 * @module
 */
import type { DiffLine } from 'prov'

const largestTable = 1_000_000

/** Empty when both are equal. Lines that stay are told too, so that a change has a place. */
export function lineDiff(before: string, after: string): readonly DiffLine[] {
  if (before === after) return []
  const [was, is] = [linesOf(before), linesOf(after)]
  let start = 0
  while (start < was.length && start < is.length && was[start] === is[start]) start++
  let end = 0
  const most = Math.min(was.length, is.length) - start
  while (end < most && was.at(-1 - end) === is.at(-1 - end)) end++
  const middle = between(was.slice(start, was.length - end), is.slice(start, is.length - end))
  return [...was.slice(0, start).map(kept), ...middle, ...was.slice(was.length - end).map(kept)]
}

const linesOf = (text: string) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))
const kept = (line: string): DiffLine => `  ${line}`
const gone = (line: string): DiffLine => `- ${line}`
const come = (line: string): DiffLine => `+ ${line}`

function between(was: readonly string[], is: readonly string[]): readonly DiffLine[] {
  if ((was.length + 1) * (is.length + 1) > largestTable) return [...was.map(gone), ...is.map(come)]
  const width = is.length + 1
  // lengths[i * width + j]: longest run common to was[i…] and is[j…].
  const lengths = new Uint32Array((was.length + 1) * width)
  for (let i = was.length - 1; i >= 0; i--) {
    for (let j = is.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        was[i] === is[j]
          ? (lengths[(i + 1) * width + j + 1] as number) + 1
          : Math.max(lengths[(i + 1) * width + j] as number, lengths[i * width + j + 1] as number)
    }
  }
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < was.length || j < is.length) {
    const same = i < was.length && j < is.length && was[i] === is[j]
    if (same) {
      lines.push(kept(was[i++] as string))
      j++
      continue
    }
    const down = i < was.length ? (lengths[(i + 1) * width + j] as number) : -1
    const right = j < is.length ? (lengths[i * width + j + 1] as number) : -1
    if (down >= right) lines.push(gone(was[i++] as string))
    else lines.push(come(is[j++] as string))
  }
  return lines
}
