/**
 * Subject patterns: how names of streams and consumers select messages. Pure text work, shared by
 * every bus.
 *
 * @module
 */

/** True when the subject is taken by the pattern: `*` is one token, a last `>` is one or more. */
export function subjectMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.')
  const given = subject.split('.')
  for (let at = 0; at < wanted.length; at++) {
    if (wanted[at] === '>') return at === wanted.length - 1 && given.length > at
    if (at >= given.length) return false
    if (wanted[at] !== '*' && wanted[at] !== given[at]) return false
  }
  return wanted.length === given.length
}

/** True when some subject is taken by both patterns: two consumers of a WorkQueue must never overlap. */
export function patternsOverlap(left: string, right: string): boolean {
  const a = left.split('.')
  const b = right.split('.')
  for (let at = 0; ; at++) {
    const x = a[at]
    const y = b[at]
    if (x === undefined || y === undefined) return x === y
    if (x === '>' || y === '>') return true
    if (x !== y && x !== '*' && y !== '*') return false
  }
}

/** True when everything that the inner pattern takes is taken by the outer one, too. */
export function subjectWithin(inner: string, outer: string): boolean {
  const a = inner.split('.')
  const b = outer.split('.')
  for (let at = 0; ; at++) {
    const x = a[at]
    const y = b[at]
    if (y === '>') return x !== undefined
    if (x === undefined || y === undefined) return x === y
    if (x === '>' || (x !== y && y !== '*')) return false
  }
}

/** True for a subject that a message can carry: tokens without wildcards, blanks or gaps. */
export function isSubject(text: string): boolean {
  return /^[^\s.*>]+(\.[^\s.*>]+)*$/.test(text)
}

/** True for a pattern: a subject whose tokens may be `*`, the last one also `>`. */
export function isPattern(text: string): boolean {
  return /^(([^\s.*>]+|\*)\.)*([^\s.*>]+|\*|>)$/.test(text)
}

/** True for the name of a stream, a consumer or a bucket. */
export function isBusName(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,128}$/.test(text)
}
