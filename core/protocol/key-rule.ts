/**
 * Who may change the key set of a workspace (D-39): a root key that lies offline, or so many distinct
 * persons of those who were named. Pure; the keyring asks it about every change that is declared or
 * done under it.
 *
 *     enrol, groups, person ┐
 *     revoke                ├─ act, for key set v ─ signed by a root, or M of N persons ─▶ key set v + 1
 *     another rule          ┘
 *
 * Where no rule was declared any one enrolled person signs: a development set-up, and every history
 * from before there were rules.
 *
 * @module
 */
import type { JsonObject, JsonValue } from '../json.ts'
import type { Count } from '../units.ts'
import { actorNamePattern, parseKeyRecord, personOf } from './key.ts'
import type { KeyRecord } from './key.ts'
import type { ActName } from './op.ts'

export interface KeyRule {
  /** Keys that lie offline and sign nothing but key acts: any one of them is enough. May be empty. */
  readonly roots: readonly KeyRecord[]
  /** Persons of whom so many must sign; null where only a root may. */
  readonly people: { readonly need: Count; readonly of: readonly string[] } | null
}

/** Stands in the record of a root key. */
export const rootRole = 'root'
/** A root in the trail's `by`; no actor has a name with a space. */
export const byRoot = 'root key'
/** Most signatures that one act may bear. */
export const mostSignatures: Count = 16

/** Acts that change whom a workspace trusts. */
export const keyActs: ReadonlySet<ActName> = new Set<ActName>([
  'actor.enrol',
  'actor.revoke',
  'keeper.rotate',
  'plane.rotate',
  'keys.govern',
])

/** How the trail names whoever signed. */
export function signerName(record: KeyRecord): string {
  return record.role === rootRole ? byRoot : record.actor
}

/** The rule in unknown data, each list sorted and each name once; else what is wrong with it. */
export function parseKeyRule(value: JsonValue | undefined): KeyRule | string {
  const { roots, people, ...rest } = (value ?? {}) as JsonObject
  if (Object.keys(rest).length > 0) return 'it has a field that no rule has'
  if (!Array.isArray(roots) || roots.length > mostSignatures) return 'its roots are no short list'
  const records: KeyRecord[] = []
  for (const one of roots as readonly JsonValue[]) {
    const record = parseKeyRecord(one)
    if (record?.role !== rootRole || record.kind !== 'human') return 'a root of it is no root key'
    if (records.some(({ kid }) => kid === record.kid)) return 'it names one root twice'
    records.push(record)
  }
  if (people === null) {
    return records.length > 0 ? { roots: records, people } : 'nobody could sign under it'
  }
  const { need, of } = Object(people) as { need?: JsonValue; of?: JsonValue }
  const names = Array.isArray(of) ? (of as readonly JsonValue[]) : []
  const named = names.every(
    (name, at) =>
      typeof name === 'string' &&
      actorNamePattern.test(name) &&
      (at === 0 || (names[at - 1] as string) < name),
  )
  if (names.length === 0 || !named) return 'its people are no sorted list of names'
  if (!Number.isSafeInteger(need) || (need as number) < 1 || (need as number) > names.length) {
    return `it asks for ${String(need)} of ${names.length} people`
  }
  if ((need as number) > mostSignatures) return `an act bears ${mostSignatures} signatures at most`
  return { roots: records, people: { need: need as number, of: names as readonly string[] } }
}

/**
 * Why these keys are not enough for an act; undefined when they are. Two keys of one person are one
 * voice, an agent has none, and `except` is the person whose own standing it is about.
 */
export function refusesSigners(
  rule: KeyRule,
  signers: readonly KeyRecord[],
  except?: string,
): string | undefined {
  const { roots, people } = rule
  if (signers.some(({ kid }) => roots.some((root) => root.kid === kid))) return undefined
  if (!people) return 'a root key must sign it'
  const voices = new Set(signers.filter(({ kind }) => kind === 'human').map(personOf))
  const may = people.of.filter((name) => name !== except)
  const counted = may.filter((name) => voices.has(name))
  if (counted.length >= people.need) return undefined
  const missing = may.filter((name) => !voices.has(name))
  const have = counted.length === 0 ? 'none of them did' : `${counted.join(', ')} did`
  const rest = missing.length === 0 ? '' : `; ${missing.join(', ')} may`
  const root = roots.length === 0 ? '' : ', or a root key'
  return `${people.need} of ${people.of.join(', ')} must sign it${root}: ${have}${rest}`
}

/** The rule in words. */
export function ruleWords(rule: KeyRule | undefined): string {
  if (!rule) return 'any one enrolled person signs: good for development, not for more'
  const { roots, people } = rule
  const root = roots.length === 0 ? [] : [roots.length === 1 ? 'the root key' : 'a root key']
  const some = people ? [`${people.need} of ${people.of.join(', ')}`] : []
  return `signed by ${[...root, ...some].join(', or by ')}`
}
