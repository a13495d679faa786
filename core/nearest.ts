/**
 * "Did you mean …?": the known word that a mistyped one is nearest to. One meaning for commands,
 * flags, choices and the ids that people type, so that every "not found" of Prov helps the same way.
 *
 * @module
 */

/** Longer ones are no mistyped name, and comparing them takes its time. */
const longestWord = 200

/**
 * The nearest known word, or undefined when nothing is near. Upper and lower case are one; a word
 * that starts with what was typed is nearest of all, then the one with the fewest edits (insert,
 * drop, replace, swap neighbours), at most a third of the typed word's length and at least one.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > longestWord) return undefined
  const typed = word.toLowerCase()
  const limit = Math.max(1, Math.floor(typed.length / 3))
  let best: { readonly word: string; readonly edits: number } | undefined
  for (const candidate of known) {
    const other = candidate.toLowerCase()
    const edits = typed.length >= 3 && other.startsWith(typed) ? 0.5 : editsBetween(typed, other)
    if (edits <= limit && (!best || edits < best.edits)) best = { word: candidate, edits }
  }
  return best?.word
}

/** Damerau–Levenshtein distance (optimal string alignment), over three rows of the table. */
function editsBetween(one: string, two: string): number {
  let before: number[] = []
  let last = Array.from({ length: two.length + 1 }, (_, at) => at)
  for (let i = 1; i <= one.length; i++) {
    const row = [i]
    for (let j = 1; j <= two.length; j++) {
      const same = one[i - 1] === two[j - 1]
      let least = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
      )
      if (i > 1 && j > 1 && one[i - 1] === two[j - 2] && one[i - 2] === two[j - 1]) {
        least = Math.min(least, (before[j - 2] as number) + 1)
      }
      row.push(least)
    }
    before = last
    last = row
  }
  return last[two.length] as number
}
