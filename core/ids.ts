/**
 * Ids that sort by time and carry their kind: `op_01jd4q0v9m3k8zt2x7c5hn6w1r`. The body is 48 bits of
 * milliseconds and 80 bits of randomness in Crockford's base 32, lower case: the layout of a ULID.
 *
 * @module
 */
import { randomFillSync } from 'node:crypto'
import type { Clock } from './clock.ts'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** Fetched for hundreds of ids at once: to ask for ten bytes costs as much as for thousands. */
const pool = new Uint8Array(4_096)
let used = pool.length

function randomOfPool(bytes: number): Uint8Array {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  return pool.subarray(used, (used += bytes))
}

/** Uses nothing more of what was fetched: for whoever decides from here on what chance is. */
export function fetchAnew(): void {
  used = pool.length
}

/** A new id of a kind; kinds are short lower-case words. Unique for ever: 80 random bits per ms. */
export function newId(
  kind: string,
  clock: Clock,
  random: (bytes: number) => Uint8Array = randomOfPool,
): string {
  let time = Math.max(0, Math.floor(clock.now()))
  let head = ''
  for (let digit = 0; digit < 10; digit++) {
    head = (alphabet[time % 32] as string) + head
    time = Math.floor(time / 32)
  }
  let tail = ''
  let bits = 0
  let held = 0
  for (const byte of random(10)) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      tail += alphabet[(held >> bits) & 31] as string
    }
    held &= (1 << bits) - 1
  }
  return `${kind}_${head}${tail}`
}

/** True when the text is an id of that kind. Nothing is said about whether the thing exists. */
export function isId(kind: string, text: string): boolean {
  return text.startsWith(`${kind}_`) && /^[0-9a-hjkmnp-tv-z]{26}$/.test(text.slice(kind.length + 1))
}
