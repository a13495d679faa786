/**
 * Which keys the planes of a project have, as this user knows them: taken at the first look, then
 * followed. Another key counts when the known ones say so: the keeper offered it, the controller
 * confirmed it, and its first word bears both (D-39). A server that lies cannot make that up.
 *
 *     PROV_HOME/desks/<project>.json
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject, JsonValue } from '../json.ts'
import { ProvError } from '../errors.ts'
import { isAudit } from '../protocol/audit.ts'
import { parseAuditEvent, signedText } from '../protocol/emitter.ts'
import { parseKeyRecord, verifySignature } from '../protocol/key.ts'
import type { KeyRecord } from '../protocol/key.ts'
import { Tenures } from '../protocol/tenures.ts'
import { replaceFile } from '../small-file.ts'
import { parsedLine } from '../socket/wire.ts'
import { deskErrors } from './errors.ts'
import { speakers } from './wire.ts'

/** By role; all of them, or it is no knowledge of a project. */
export type Known = ReadonlyMap<string, KeyRecord>

const roles = Object.values(speakers)

export const knownFile = (home: string, project: string): string =>
  join(home, 'desks', `${project}.json`)

/** Undefined before the first look. Throws PROV_DESK_KNOWN: what cannot be read is not made anew. */
export function readKnown(file: string): Known | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (thrown) {
    const { code = 'unknown' } = thrown as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw deskErrors.PROV_DESK_KNOWN({ file, what: code }, { cause: thrown })
  }
  const known = knownIn(parsedLine(text)?.['keys'])
  if (!known) throw deskErrors.PROV_DESK_KNOWN({ file, what: 'it is not what Prov wrote' })
  return known
}

/** Throws PROV_DESK_KNOWN. */
export function writeKnown(file: string, known: Known): void {
  try {
    replaceFile(file, `${JSON.stringify({ keys: [...known.values()] }, null, 2)}\n`)
  } catch (thrown) {
    const { code = 'unknown' } = thrown as NodeJS.ErrnoException
    throw deskErrors.PROV_DESK_KNOWN({ file, what: code }, { cause: thrown })
  }
}

/** Records of the planes' keys, one per role; undefined for anything else. */
export function knownIn(value: JsonValue | undefined): Known | undefined {
  const records = Array.isArray(value) ? value.map(parseKeyRecord) : []
  const known = new Map<string, KeyRecord>()
  for (const record of records) {
    if (record?.kind === 'service' && record.role) known.set(record.role, record)
  }
  const whole = roles.every((role) => known.has(role)) && known.size === roles.length
  return whole ? known : undefined
}

/** What is known after those events, each of which must hold by what was known before it. */
export function followed(known: Known, events: JsonValue | undefined): Known {
  const tenures = new Tenures()
  for (const [role, record] of known) tenures.begin(role, record)
  for (const value of Array.isArray(events) ? events : []) follow(tenures, value)
  return new Map(roles.map((role) => [role, tenures.current(role) as KeyRecord]))
}

/** What does not hold is from before this user's time, or made up: nothing rests on it. */
function follow(tenures: Tenures, value: JsonValue): void {
  try {
    const event = parseAuditEvent(value as JsonObject, 'an event about keys')
    const key = tenures.signer(event.emitter, event.kid, event.n)
    if (!key || !verifySignature(key.publicKey, signedText(event), event.signature)) return
    if (isAudit(event, 'key.offered') && event.emitter === 'keeper') {
      const { role, kid, from } = event.data
      const record = parseKeyRecord(event.data.record as unknown as JsonObject)
      const fits = record?.kid === kid && record.kind === 'service' && record.role === role
      if (fits && tenures.current(role)?.kid === from) tenures.offer(role, record)
    } else if (isAudit(event, 'key.rotated') && event.emitter === event.data.role) {
      tenures.rotate(event)
    }
  } catch (thrown) {
    if (!ProvError.is(thrown)) throw thrown
  }
}
