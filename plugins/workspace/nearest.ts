/**
 * "Did you mean": the known word that is closest to a misspelt one.
 *
 * @module
 */

/** Edits between two words; a swap of neighbours is one edit. Gives up above `most`. */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let best = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (beforeLast[j - 2] as number) + 1)
      }
      row.push(best)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] as number
}

/** The nearest known word, or undefined when none is near: a third of the word may differ. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const flat = (text: string) => text.toLowerCase().replaceAll(/[-_ ]/g, '')
  const most = Math.max(1, Math.floor(word.length / 3))
  let best: { readonly name: string; readonly edits: number } | undefined
  for (const name of known) {
    const edits = distance(flat(word), flat(name), most)
    if (edits <= most && (best === undefined || edits < best.edits)) best = { name, edits }
  }
  return best?.name
}
