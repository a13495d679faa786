/**
 * Does one set of patterns take everything that another takes? Exact for globs: both are read as
 * automata over the characters they name, the separator, and "any other character", and walked
 * together. That is how the lint can say "this rule never decides" without guessing.
 *
 * @module
 */
import type { GlobToken } from './glob.ts'
import { doubleStar, globTokens, imageParts, separators, star } from './glob.ts'

/** More joint states than this and the answer is "cannot tell": many-starred patterns grow fast. */
const mostStates = 20_000

type Live = readonly (readonly number[])[]

function closure(tokens: readonly GlobToken[], indexes: readonly number[]): number[] {
  const all = new Set<number>()
  for (const index of indexes) {
    all.add(index)
    if (typeof tokens[index] === 'symbol') all.add(index + 1)
  }
  return [...all].sort((a, b) => a - b)
}

function step(
  tokens: readonly GlobToken[],
  live: readonly number[],
  character: string | undefined,
  separator: string,
): number[] {
  const next: number[] = []
  for (const index of live) {
    const token = tokens[index]
    if (token === doubleStar || (token === star && character !== separator)) next.push(index)
    else if (token !== undefined && token === character) next.push(index + 1)
  }
  return closure(tokens, next)
}

/**
 * True when every text that `narrow` takes is taken by one of `wide`; false when some text is not;
 * undefined when the patterns are too tangled to tell. `*` alone takes everything.
 */
export function globCovers(
  wide: readonly string[],
  narrow: string,
  separator: string,
): boolean | undefined {
  if (wide.includes('*')) return true
  // Only `*` takes a value that is not there.
  if (narrow === '*') return false
  const inner = globTokens(narrow)
  const outer = wide.map((pattern) => globTokens(pattern))
  // `undefined` stands for every character that no pattern names: they all behave alike.
  const alphabet: (string | undefined)[] = [undefined, separator]
  for (const tokens of [inner, ...outer]) {
    for (const token of tokens) {
      if (typeof token === 'string' && !alphabet.includes(token)) alphabet.push(token)
    }
  }
  const startInner = closure(inner, [0])
  const startOuter = outer.map((tokens) => closure(tokens, [0]))
  const queue: { readonly inner: number[]; readonly outer: Live }[] = [
    { inner: startInner, outer: startOuter },
  ]
  const key = (a: readonly number[], b: Live) => `${a.join()};${b.map((x) => x.join()).join('|')}`
  const seen = new Set([key(startInner, startOuter)])
  for (let at = 0; at < queue.length; at++) {
    const state = queue[at] as (typeof queue)[number]
    const innerTakes = state.inner.includes(inner.length)
    const outerTakes = state.outer.some((live, which) =>
      live.includes((outer[which] as readonly GlobToken[]).length),
    )
    if (innerTakes && !outerTakes) return false
    for (const character of alphabet) {
      const nextInner = step(inner, state.inner, character, separator)
      if (nextInner.length === 0) continue
      const nextOuter = state.outer.map((live, which) =>
        step(outer[which] as readonly GlobToken[], live, character, separator),
      )
      const name = key(nextInner, nextOuter)
      if (seen.has(name)) continue
      if (seen.size >= mostStates) return undefined
      seen.add(name)
      queue.push({ inner: nextInner, outer: nextOuter })
    }
  }
  return true
}

/**
 * The same for image patterns, where one wide pattern must cover name, tag and digest together:
 * true is certain, false only says that no single wide pattern covers it.
 */
export function imageGlobCovers(wide: readonly string[], narrow: string): boolean {
  if (wide.includes('*')) return true
  if (narrow === '*') return false
  const inner = imageParts(narrow)
  return wide.some((pattern) => {
    const outer = imageParts(pattern)
    return (
      partCovers(outer.name, inner.name) &&
      (outer.tag === undefined || (inner.tag !== undefined && partCovers(outer.tag, inner.tag))) &&
      (outer.digest === undefined ||
        (inner.digest !== undefined && partCovers(outer.digest, inner.digest)))
    )
  })
}

/** A part that is only `*` is not the whole pattern: it stays in one segment. */
function partCovers(wide: string, narrow: string): boolean {
  if (wide === narrow) return true
  if (wide === '*') return !narrow.includes('/') && !narrow.includes('**')
  return globCovers([wide], narrow === '*' ? '**' : narrow, separators.image) === true
}
