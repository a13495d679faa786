/**
 * Regular expressions in the syntax of the reference (Rust's) run on JavaScript's engine.
 *
 * The languages differ in spelling more than in power: named groups, inline flags, ends of text.
 * What has no counterpart here is refused instead of being matched in another meaning.
 *
 * @module
 */
import type { Call } from './native.ts'

const cache = new Map<string, RegExp>()

/** A compiled pattern; `flags` are JavaScript's and come on top of `u`. */
export function rustPattern(text: string, flags: string, call: Call, argument = 0): RegExp {
  const key = `${flags}/${text}`
  const known = cache.get(key)
  if (known !== undefined) {
    known.lastIndex = 0
    return known
  }
  const made = translate(text, flags, call, argument)
  if (cache.size > 500) cache.clear()
  cache.set(key, made)
  return made
}

function translate(text: string, flags: string, call: Call, argument: number): RegExp {
  let source = text
  let all = `u${flags}`
  const leading = /^\(\?([imsx]+)\)/.exec(source)
  if (leading !== null) {
    const wanted = leading[1] as string
    if (wanted.includes('x')) return call.refuse(argument, 'the regex flag `x` is not supported')
    for (const flag of wanted) if (!all.includes(flag)) all += flag
    source = source.slice(leading[0].length)
  }
  if (/\(\?(?:=|!|<=|<!)/.test(source)) {
    return call.refuse(argument, 'look-around is not part of this regex language')
  }
  source = source
    .replace(/\(\?P</g, '(?<')
    .replace(/\\A/g, '^')
    .replace(/\\z/g, '$')
    .replace(/\[\[:(\w+):\]\]/g, (whole, name: string) => POSIX[name] ?? whole)
  source = unicodeClasses(source)
  try {
    return new RegExp(source, all)
  } catch {
    // The `u` mode rejects needless escapes such as `\-` outside classes; Rust accepts them.
    try {
      return new RegExp(source.replace(/\\([-_'"#&,:;<=>@`~!% ])/g, '$1'), all)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return call.refuse(
        argument,
        `invalid regular expression: ${why.replace(/^Invalid regular expression: /, '')}`,
      )
    }
  }
}

/** `\\d` and `\\w` mean Unicode digits and word characters there, ASCII ones here. */
function unicodeClasses(source: string): string {
  let inClass = 0
  return source.replace(/\\(.)|[[\]]/gsu, (whole, letter: string | undefined) => {
    if (letter === undefined) {
      if (whole === '[') inClass++
      else if (inClass > 0) inClass--
      return whole
    }
    const word = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}'
    if (letter === 'd') return '\\p{Nd}'
    if (letter === 'D') return '\\P{Nd}'
    if (letter === 'w') return inClass > 0 ? word : `[${word}]`
    if (letter === 'W' && inClass === 0) return `[^${word}]`
    return whole
  })
}

const POSIX: Readonly<Record<string, string>> = {
  alpha: '[A-Za-z]', digit: '[0-9]', alnum: '[A-Za-z0-9]', space: '\\s', upper: '[A-Z]', lower: '[a-z]', punct: '[!-\\/:-@\\[-`{-~]', word: '\\w', xdigit: '[0-9A-Fa-f]',
} // prettier-ignore
