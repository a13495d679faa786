/**
 * Which machines have proved themselves here before. The walk of `verify.ts` looks at nothing but the
 * shape of a machine, this folder's code and XState, so what it found once for the same three it finds
 * again; a start that knows that saves the walk, which is most of what registering a type costs.
 *
 *     ~/.config/prov/proofs:  one line of 64 hex digits per shape that was proved
 *
 * Whoever can write that file owns the keys beside it. All that a false line does is to leave out a
 * check: the program is compiled from the machine all the same, and the tests have walked it longer.
 * So nothing in it is believed but digests, it is written only after a walk without a difference, and
 * losing it costs a walk.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { AnyStateMachine } from 'xstate'
import type { Bytes } from '../../units.ts'

/** What is known to be proved, by `shapeOf`. */
export interface Proofs {
  has(shape: string): boolean
  add(shape: string): void
}

/** A file beyond it is begun anew: a thousand shapes. */
const largest: Bytes = 65_536

/** Deeper than any machine: something that holds itself. */
const deepest = 100

/**
 * All of a machine that the walk may come across, as text. Functions are their names and what they
 * carry: XState's own carry what they do, and an author's are replaced by stand-ins. Undefined for a
 * machine that no text tells; it is walked each time.
 */
export function shapeOf({ config, implementations, options }: AnyStateMachine): string | undefined {
  const { context: _, ...states } = config
  const { actors, ...words } = implementations as unknown as Readonly<Record<string, object>>
  try {
    return textOf([states, words, Object.keys(actors ?? {}), options.maxIterations], 0)
  } catch {
    return undefined
  }
}

function textOf(value: unknown, depth: number): string {
  if (depth > deepest) throw new RangeError('holds itself')
  if (typeof value === 'bigint' || typeof value === 'symbol') throw new TypeError(typeof value)
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) {
    return JSON.stringify(value) ?? 'undefined'
  }
  const name = typeof value === 'function' ? `f ${JSON.stringify(value.name)} ` : ''
  if (Array.isArray(value)) return `[${value.map((one) => textOf(one, depth + 1)).join()}]`
  const fields = value as Readonly<Record<string, unknown>>
  let text = ''
  for (const key of Object.keys(fields)) {
    text += `${JSON.stringify(key)}:${textOf(fields[key], depth + 1)},`
  }
  return `${name}{${text}}`
}

/** Kept in a file of the user's own. One that cannot be read or written is as good as none. */
export function keptProofs(path: string): Proofs {
  const known = new Set(read(path))
  const digest = (shape: string): string =>
    createHash('sha256').update(build()).update(shape).digest('hex')
  return {
    has: (shape) => known.has(digest(shape)),
    add(shape) {
      const line = digest(shape)
      known.add(line)
      try {
        // One write of one line: two processes at once do not mix theirs.
        appendFileSync(path, `${line}\n`, { mode: 0o600 })
      } catch {
        // A home that is only read: the walk is taken at each start.
      }
    },
  }
}

function read(path: string): readonly string[] {
  try {
    const text = readFileSync(path, 'utf8')
    if (text.length > largest) writeFileSync(path, '', { mode: 0o600 })
    else return text.split('\n').filter((line) => /^[0-9a-f]{64}$/.test(line))
  } catch {
    // None yet.
  }
  return []
}

let builtFrom: string | undefined

/** What else decides a walk: the code of this folder, and the version of XState. */
function build(): string {
  if (builtFrom !== undefined) return builtFrom
  const folder = fileURLToPath(new URL('.', import.meta.url))
  const hash = createHash('sha256')
  for (const name of readdirSync(folder).sort()) {
    if (/(?<!\.d)\.[jt]s$/.test(name)) hash.update(readFileSync(folder + name))
  }
  const xstate = createRequire(import.meta.url)('xstate/package.json') as { version: string }
  return (builtFrom = hash.update(xstate.version).digest('hex'))
}
