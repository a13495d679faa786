/**
 * What a plugin elsewhere says about itself, once, before anything of it is used: the same as its
 * plugin object, as data. The host believes none of it unread.
 *
 * @module
 */
import { isMailKey } from '../../actor/define.ts'
import type { Durability, MailboxPolicy } from '../../actor/define.ts'
import type { Group } from '../../actor/groups.ts'
import type { Supervision } from '../../actor/supervise.ts'
import type { Count } from '../../units.ts'
import type { Disposition } from '../../errors.ts'
import { exitCodes } from '../../errors.ts'
import { isRecord } from './parcel.ts'

export interface ActorTraits {
  readonly type: string
  readonly version: Count
  readonly durability: Durability
  readonly mailbox: MailboxPolicy
  readonly supervision: Supervision
  /** Its actors are members of groups; which, is said with the first step of each. */
  readonly grouped: boolean
  readonly effects: readonly string[]
  readonly records: readonly string[]
  /** Old versions that it can step up from. */
  readonly migrate: readonly Count[]
  /** Whatever else the kernel knows of a definition that is plain data. */
  readonly more: Readonly<Record<string, unknown>>
}

export interface Description {
  readonly name: string
  readonly api: Count
  readonly describe: string | undefined
  readonly needs: Readonly<Record<string, ServiceName>>
  readonly provides: Readonly<Record<string, ServiceName>>
  /** It parses a config. */
  readonly config: boolean
  readonly setup: boolean
  readonly actors: Readonly<Record<string, ActorTraits>>
  readonly reads: readonly string[]
  readonly routes: readonly string[]
  readonly contributes: readonly {
    readonly point: string
    readonly name: string
    readonly value: unknown
  }[]
  readonly errors: Readonly<Record<string, { readonly disposition: Disposition }>>
}

export interface ServiceName {
  readonly id: string
  readonly guarded?: true
}

const longestList = 500

/** Throws TypeError with the field that has another shape. */
export function parseDescription(raw: unknown): Description {
  const at = record(raw, 'a description')
  return {
    name: text(at['name'], 'name'),
    api: whole(at['api'], 'api'),
    describe: at['describe'] === undefined ? undefined : text(at['describe'], 'describe'),
    needs: services(at['needs'], 'needs'),
    provides: services(at['provides'], 'provides'),
    config: at['config'] === true,
    setup: at['setup'] === true,
    actors: entries(at['actors'], 'actors', parseTraits),
    reads: list(at['reads'], 'reads', text),
    routes: list(at['routes'], 'routes', text),
    contributes: list(at['contributes'], 'contributes', (item, field) => {
      const addition = record(item, field)
      return {
        point: text(addition['point'], field),
        name: text(addition['name'], field),
        value: addition['value'],
      }
    }),
    errors: entries(at['errors'], 'errors', (item, field) => {
      const { disposition } = record(item, field)
      if (typeof disposition === 'string' && Object.hasOwn(exitCodes, disposition)) {
        return { disposition: disposition as Disposition }
      }
      throw new TypeError(`${field} has no disposition`)
    }),
  }
}

/** Throws TypeError. */
export function parseTraits(raw: unknown, field: string): ActorTraits {
  const at = record(raw, field)
  const durability = at['durability']
  if (durability !== 'journal' && durability !== 'snapshot' && durability !== 'volatile') {
    throw new TypeError(`${field}.durability is none`)
  }
  return {
    type: text(at['type'], `${field}.type`),
    version: whole(at['version'], `${field}.version`),
    durability,
    mailbox: parseMailbox(at['mailbox'], `${field}.mailbox`),
    supervision: record(at['supervision'], `${field}.supervision`) as never,
    grouped: at['grouped'] === true,
    effects: list(at['effects'], `${field}.effects`, text),
    records: list(at['records'], `${field}.records`, text),
    migrate: list(at['migrate'], `${field}.migrate`, whole),
    more: record(at['more'] ?? {}, `${field}.more`),
  }
}

const overflows: ReadonlySet<unknown> = new Set([
  'reject',
  'await',
  'coalesce',
  'drop-oldest',
  'drop-newest',
])

function parseMailbox(raw: unknown, field: string): MailboxPolicy {
  const { capacity, overflow, key, lossy } = record(raw, field)
  if (typeof capacity !== 'number' || !(capacity >= 1)) {
    throw new TypeError(`${field}.capacity is none`)
  }
  if (!overflows.has(overflow)) throw new TypeError(`${field}.overflow is none`)
  if (!isMailKey(key) || (overflow === 'coalesce' && key === undefined)) {
    throw new TypeError(`${field}.key is none`)
  }
  return {
    capacity,
    overflow: overflow as MailboxPolicy['overflow'],
    ...(key !== undefined && { key }),
    ...(lossy === true && { lossy }),
  }
}

const strategies: ReadonlySet<unknown> = new Set(['one_for_one', 'one_for_all', 'rest_for_one'])
const deepestGroup: Count = 16

/** What is said of the group of an actor, with those above it. Throws TypeError. */
export function parseGroup(raw: unknown, above: Count = 0): Group | string | undefined {
  if (raw === undefined || raw === null) return undefined
  if (typeof raw === 'string') return text(raw, 'group')
  if (above > deepestGroup) throw new TypeError('a group is below too many others')
  const { name, strategy, intensity, periodMs, parent } = record(raw, 'group')
  if (!strategies.has(strategy)) throw new TypeError('group.strategy is none')
  const over = parseGroup(parent, above + 1)
  return {
    name: text(name, 'group.name'),
    strategy: strategy as Group['strategy'],
    intensity: whole(intensity, 'group.intensity'),
    periodMs: whole(periodMs, 'group.periodMs'),
    ...(typeof over === 'object' && { parent: over }),
  }
}

function record(raw: unknown, field: string): Readonly<Record<string, unknown>> {
  if (isRecord(raw)) return raw
  throw new TypeError(`${field} is no record`)
}

function text(raw: unknown, field: string): string {
  if (typeof raw === 'string' && raw.length <= 4_000) return raw
  throw new TypeError(`${field} is no text`)
}

function whole(raw: unknown, field: string): number {
  if (Number.isSafeInteger(raw)) return raw as number
  throw new TypeError(`${field} is no whole number`)
}

function list<T>(raw: unknown, field: string, parse: (item: unknown, field: string) => T): T[] {
  if (!Array.isArray(raw) || raw.length > longestList) throw new TypeError(`${field} is no list`)
  return raw.map((item, index) => parse(item, `${field}[${index}]`))
}

function entries<T>(
  raw: unknown,
  field: string,
  parse: (item: unknown, field: string) => T,
): Record<string, T> {
  const all = Object.entries(record(raw, field))
  if (all.length > longestList) throw new TypeError(`${field} is too long`)
  return Object.fromEntries(all.map(([key, item]) => [key, parse(item, `${field}.${key}`)]))
}

function services(raw: unknown, field: string): Record<string, ServiceName> {
  return entries(raw, field, (item, at) => {
    const { id, guarded } = record(item, at)
    return { id: text(id, at), ...(guarded === true && { guarded: true as const }) }
  })
}
