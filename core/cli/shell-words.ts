/**
 * The words of a half-typed line as a POSIX shell would split it, and a value as it has to be typed
 * there. Nothing is expanded: a `$` stays one.
 *
 * @module
 */
import type { Count } from '../units.ts'

export interface TypedLine {
  /** Without quotes; the last is the one being typed, perhaps empty. */
  readonly words: readonly string[]
  /** The quote that is open at the end. */
  readonly quote: '' | "'" | '"'
  /** How much of the last word stands before the part that the shell replaces. */
  readonly kept: Count
}

/** `breaks`: signs at which bash begins a new part within a word, COMP_WORDBREAKS. */
export function shellWords(line: string, breaks = ''): TypedLine {
  const words: string[] = []
  let word: string | undefined
  let quote: TypedLine['quote'] = ''
  let kept = 0
  for (let at = 0; at < line.length; at++) {
    const sign = line[at] as string
    if (quote !== '' && sign === quote) quote = ''
    else if (quote === '' && (sign === "'" || sign === '"')) {
      quote = sign
      word ??= ''
      kept = word.length
    } else if (sign === '\\' && quote !== "'" && at + 1 < line.length) {
      const next = line[++at] as string
      word = `${word ?? ''}${quote === '"' && !/["\\$`]/.test(next) ? sign : ''}${next}`
    } else if (quote === '' && /\s/.test(sign)) {
      if (word !== undefined) words.push(word)
      word = undefined
      kept = 0
    } else {
      word = `${word ?? ''}${sign}`
      if (quote === '' && breaks.includes(sign)) kept = word.length
    }
  }
  return { words: [...words, word ?? ''], quote, kept }
}

/** One word that is being typed, without its quotes. */
export const lastWord = (text: string): string => shellWords(text).words.join(' ')

/** The rest of a value, such that the shell reads it as that text and nothing else. */
export function asTyped(value: string, { quote, kept }: Omit<TypedLine, 'words'>): string {
  const rest = value.slice(kept)
  if (quote === "'") return rest.replaceAll("'", "'\\''")
  // Between these quotes a backslash does not keep `!` from the history.
  if (quote === '"') return rest.replace(/["\\$`]/g, '\\$&').replaceAll('!', `"'!'"`)
  return rest.replace(/[^\p{L}\p{N}_./:=@%+,-]/gu, '\\$&')
}
