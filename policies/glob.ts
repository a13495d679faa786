/**
 * What a pattern means. One written meaning, shared by the matcher and by everything that analyses
 * policies (`cover.ts`, `lint.ts`), so that "which ops would this sign" has one answer.
 *
 *     "*"            the whole pattern is one star: anything, also a value that the op lacks
 *     "staging-*"    `*` is any run of characters inside one segment, also none
 *     "prod/**"      `**` is any run of characters, across segments
 *     anything else  stands for itself: `?`, `[`, `{`, `.` are ordinary characters
 *
 * Segments split at one character, chosen by what is matched (`separators`). A compiled glob looks
 * at each character of a text once per wildcard of the pattern, whatever the pattern: no regular
 * expression and no backtracking, so nobody can write a pattern that hangs the keeper.
 *
 * @module
 */

/** Where segments split, by what is matched. */
export const separators = {
  opType: '.',
  image: '/',
  target: '/',
  scope: ':',
  name: '/',
} as const

/** One character of a pattern, or one of the two wildcards. */
export type GlobToken = string | typeof star | typeof doubleStar
/** Any run of characters inside a segment. */
export const star = Symbol('*')
/** Any run of characters. */
export const doubleStar = Symbol('**')

export interface Glob {
  readonly pattern: string
  readonly separator: string
  /** True for the pattern that is only `*`: it also takes a value that is not there. */
  readonly takesAnything: boolean
  /** The pattern as characters and wildcards; two or more stars in a row are one `**`. */
  readonly tokens: readonly GlobToken[]
  /** True when the whole text is taken. `undefined` (the op has no such value) only by `*`. */
  readonly matches: (text: string | undefined) => boolean
}

/** Longer patterns are refused by `policyProblems`: nobody reads them, and matching is not free. */
export const longestPattern = 512

/** The tokens of a pattern. */
export function globTokens(pattern: string): readonly GlobToken[] {
  const tokens: GlobToken[] = []
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] !== '*') {
      tokens.push(pattern[at] as string)
      continue
    }
    let stars = 1
    while (pattern[at + 1] === '*') {
      stars++
      at++
    }
    tokens.push(stars === 1 ? star : doubleStar)
  }
  return tokens
}

/** Compiles a pattern once; the result is a value that can be kept and shared. */
export function compileGlob(pattern: string, separator: string): Glob {
  const tokens = globTokens(pattern)
  const takesAnything = pattern === '*'
  const run = takesAnything ? () => true : matcher(tokens, separator)
  return {
    pattern,
    separator,
    takesAnything,
    tokens,
    matches: (text) => (text === undefined ? takesAnything : run(text)),
  }
}

function matcher(tokens: readonly GlobToken[], separator: string): (text: string) => boolean {
  const first = tokens.findIndex((token) => typeof token === 'symbol')
  if (first < 0) {
    const literal = tokens.join('')
    return (text) => text === literal
  }
  const last = tokens.findLastIndex((token) => typeof token === 'symbol')
  const head = tokens.slice(0, first).join('')
  const tail = tokens.slice(last + 1).join('')
  const middle = tokens.slice(first, last + 1)
  const fits = (text: string) =>
    text.length >= head.length + tail.length && text.startsWith(head) && text.endsWith(tail)
  if (middle.length === 1) {
    if (middle[0] === doubleStar) return fits
    return (text) => {
      if (!fits(text)) return false
      const at = text.indexOf(separator, head.length)
      return at < 0 || at >= text.length - tail.length
    }
  }
  return (text) =>
    fits(text) && walk(middle, separator, text, head.length, text.length - tail.length)
}

/** Follows every reading of the tokens at once: `live[i]` says that the first i tokens may be done. */
function walk(
  tokens: readonly GlobToken[],
  separator: string,
  text: string,
  from: number,
  to: number,
): boolean {
  const live = new Uint8Array(tokens.length + 1)
  const enter = (index: number) => {
    // A wildcard may stand for nothing; wildcards are never neighbours, so one step is enough.
    live[index] = 1
    if (typeof tokens[index] === 'symbol') live[index + 1] = 1
  }
  enter(0)
  for (let at = from; at < to; at++) {
    const character = text[at] as string
    for (let index = tokens.length; index >= 0; index--) {
      if (!live[index]) continue
      const token = tokens[index]
      live[index] = 0
      if (token === doubleStar || (token === star && character !== separator)) enter(index)
      else if (token === character) enter(index + 1)
    }
  }
  return live[tokens.length] === 1
}

/** The three parts of an image reference: `registry:5000/team/app:1.2@sha256:…`. */
export interface ImageParts {
  readonly name: string
  readonly tag?: string
  readonly digest?: string
}

/** Splits an image reference, or a pattern of one. A colon before the last `/` is a port, not a tag. */
export function imageParts(image: string): ImageParts {
  const at = image.indexOf('@')
  const named = at < 0 ? image : image.slice(0, at)
  const colon = named.lastIndexOf(':')
  const tagged = colon > named.lastIndexOf('/')
  return {
    name: tagged ? named.slice(0, colon) : named,
    ...(tagged && { tag: named.slice(colon + 1) }),
    ...(at >= 0 && { digest: image.slice(at + 1) }),
  }
}

// One image meets every rule of a policy, so the last one that was taken apart is kept.
let lastParts: { readonly text: string; readonly parts: ImageParts } = {
  text: '',
  parts: { name: '' },
}
function remember(text: string): ImageParts {
  lastParts = { text, parts: imageParts(text) }
  return lastParts.parts
}

/**
 * A pattern of images. Without tag or digest it takes any tag and digest; one that names a tag or a
 * digest takes only images that have one and where it matches, so `app:*` asks for some tag.
 */
export function compileImageGlob(pattern: string): Glob {
  const whole = compileGlob(pattern, separators.image)
  if (whole.takesAnything) return whole
  const parts = imageParts(pattern)
  const name = compileGlob(parts.name, separators.image)
  // Only a whole pattern `*` takes "nothing": the parts of a longer one need something to match.
  const part = (text: string | undefined) =>
    text === undefined ? undefined : matcher(globTokens(text), separators.image)
  const tag = part(parts.tag)
  const digest = part(parts.digest)
  const nameMatches = matcher(name.tokens, separators.image)
  return {
    ...whole,
    matches: (text) => {
      if (text === undefined) return false
      const image = lastParts.text === text ? lastParts.parts : remember(text)
      if (!nameMatches(image.name)) return false
      if (tag && (image.tag === undefined || !tag(image.tag))) return false
      return !digest || (image.digest !== undefined && digest(image.digest))
    },
  }
}
