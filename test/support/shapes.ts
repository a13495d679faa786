/**
 * What commands print with `--json`, held against what they declare (`core/cli/shape.ts`). Stricter than
 * a reader may be: a field that is declared nowhere is a fault here, so that a renamed one is noticed
 * whether it is always there or not.
 */
import { knownCommands, matchCommand } from '../../core/cli/commands.ts'
import { firstLook } from '../../core/cli/globals.ts'
import { shape } from '../../core/cli/shape.ts'
import type { Shape } from '../../core/cli/shape.ts'
import { helpTopics } from '../../core/cli/topics.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'

type Fields = Readonly<Record<string, unknown>>

/** The keywords that shapes are made of; another one is a fault of the shape. */
const keywords = new Set(
  'type enum properties required additionalProperties items anyOf $ref $defs'.split(' '),
)

/** What in a value is not as the shape says; empty is good. */
export function faultsOf(
  value: unknown,
  one: Shape,
  root: Shape = one,
  at = '$',
): readonly string[] {
  const strange = Object.keys(one).filter((word) => !keywords.has(word))
  if (strange.length > 0) return [`${at}: no shape says ${strange.join()}`]
  const { $ref, anyOf, type, properties, required = [], items, additionalProperties } = one
  if ($ref !== undefined) {
    const named = root.$defs?.[$ref.slice('#/$defs/'.length)]
    return named ? faultsOf(value, named, root, at) : [`${at}: ${$ref} is defined nowhere`]
  }
  if (anyOf) {
    const tried = anyOf.map((way) => faultsOf(value, way, root, at))
    return tried.reduce((least, faults) => (faults.length < least.length ? faults : least))
  }
  if (type !== undefined && !types[type](value)) return [`${at}: ${text(value)} is no ${type}`]
  if (one.enum && !one.enum.includes(value as string)) {
    return [`${at}: ${text(value)} is none of ${one.enum.join()}`]
  }
  if (items)
    return (value as unknown[]).flatMap((item, n) => faultsOf(item, items, root, `${at}[${n}]`))
  if (!properties && !additionalProperties) return []
  const missing = required.filter((name) => !Object.hasOwn(value as object, name))
  return [
    ...missing.map((name) => `${at}.${name} is not there`),
    ...Object.entries(value as Fields).flatMap(([name, inner]) => {
      const said = properties ? ownOf(properties, name) : additionalProperties
      const where = `${at}.${name}`
      return said ? faultsOf(inner, said, root, where) : [`${where} is declared nowhere`]
    }),
  ]
}

const types: Readonly<Record<NonNullable<Shape['type']>, (value: unknown) => boolean>> = {
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isSafeInteger,
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
}

const text = (value: unknown) => JSON.stringify(value).slice(0, 80)
const ownOf = <T>(of: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(of, name) ? of[name] : undefined

/**
 * What a reader of the one would miss in the other. A field more is nothing to miss, nor one that is
 * always there now; all else is, also a word more, which somebody may have told apart from the rest.
 */
export function breaks(before: Shape, after: Shape, at = '$'): readonly string[] {
  const { properties: had, required: always = [], ...rest } = before
  const { properties: has = {}, required = [], ...now } = after
  const gone = always.filter((name) => !required.includes(name))
  return [
    ...differing(rest, now, at),
    ...gone.map((name) => `${at}.${name} is not always there any more`),
    ...Object.entries(had ?? {}).flatMap(([name, field]) => {
      const kept = ownOf(has, name)
      return kept ? breaks(field, kept, `${at}.${name}`) : [`${at}.${name} is gone`]
    }),
    // An object whose fields were not told apart.
    ...(had === undefined && after.properties && before.type !== undefined
      ? [`${at} has named fields now`]
      : []),
  ]
}

/** Everything but fields: the same words, and inner shapes without a break. */
function differing(before: Shape, after: Shape, at: string): readonly string[] {
  const words = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof Shape)[]
  return words.flatMap((word) => {
    const [one, two] = [before[word], after[word]]
    const changed = [`${at}: ${word} was ${text(one ?? null)}, is ${text(two ?? null)}`]
    if (one === undefined || two === undefined) return changed
    if (word === 'items' || word === 'additionalProperties') {
      return breaks(one as Shape, two as Shape, `${at}[]`)
    }
    if (word === 'anyOf' || word === '$defs') {
      const [ways, other] = [Object.entries(one), two as Fields]
      if (ways.length !== Object.keys(other).length) return changed
      return ways.flatMap(([name, way]) =>
        breaks(way as Shape, (other[name] ?? {}) as Shape, `${at}(${name})`),
      )
    }
    return JSON.stringify(one) === JSON.stringify(two) ? [] : changed
  })
}

const known = knownCommands(discoverPlugins({ workspace: undefined }))

/** Throws when a command line with `--json` printed anything else than its command declares. */
export async function demandShape(
  argv: readonly string[],
  { code, out, err }: { readonly code: number; readonly out: string; readonly err: string },
): Promise<void> {
  const { json, help, version, words } = firstLook(argv)
  const [first, second] = words
  const explains = first === 'help' && !helpTopics.includes(second as never)
  if (!json || help || version || first === undefined || explains) return
  const match = matchCommand(words, await known)
  const said = match.kind === 'command' ? await match.entry.printed() : undefined
  const faults = [
    ...(said ? printedIn(out).flatMap((data) => faultsOf(data, said.shape)) : []),
    ...(code === 0 || out !== '' ? [] : reportIn(err)),
  ]
  if (faults.length === 0) return
  const line = argv.join(' ').slice(0, 200)
  throw new Error(`prov ${line} prints otherwise than it says: ${faults.slice(0, 5).join('; ')}`)
}

/** One value, or one for each line. */
function printedIn(out: string): readonly unknown[] {
  if (out.trim() === '') return []
  return out.startsWith('{\n') || out.startsWith('[\n') || !out.trim().includes('\n')
    ? [JSON.parse(out)]
    : out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown)
}

/** Behind whatever was told while it ran. */
function reportIn(err: string): readonly string[] {
  const at = err.search(/^\{$/m)
  return at < 0
    ? ['no report of an error on stderr']
    : faultsOf(JSON.parse(err.slice(at)), shape.error)
}
