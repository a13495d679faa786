/**
 * Handing a plane over to another process or machine: what it must know (whose workspace, the whole
 * signed trail) and what it signs with, in one file. The key in it is sealed; here it is gone after.
 *
 *     origin: record `moved` ─▶ bundle ─▶ keys gone          joiner: trail checked ─▶ journal ─▶ keys
 *
 * A crash in between leaves a plane that runs nowhere, never one that runs twice; the hand-over can
 * then be repeated as long as the keys are here.
 *
 * @module
 */
import { open, readFile, rename, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { JsonValue } from '../json.ts'
import { openJournal } from '../journal/file.ts'
import type { Journal } from '../journal/journal.ts'
import type { Count } from '../units.ts'
import type { AuditEvent } from './audit.ts'
import { ContractFold } from './checkpoint.ts'
import { parseAuditEvent } from './emitter.ts'
import { dropServiceKey, putServiceKey, sealedServiceKey } from './keys.ts'
import { planeErrors } from './plane-errors.ts'
import { heardEntry, joinedEntry, joinedOf, movedEntry, planeKeys, planeNames } from './planes.ts'
import type { Joined, PlaneName } from './planes.ts'
import { auditEvents, verifyTrail } from './trail.ts'

const version = 1

interface Header extends Joined {
  readonly prov_plane: Count
  readonly events: Count
  /** Sealed key files. */
  readonly keys: readonly JsonValue[]
}

export function parsePlane(text: string): PlaneName {
  const plane = planeNames.find((name) => name === text)
  if (!plane) throw planeErrors.PROV_PLANE_UNKNOWN({ plane: text, known: planeNames })
  return plane
}

export interface HandOver {
  readonly plane: PlaneName
  /** Open for writing, and nobody else's. */
  readonly journal: Journal
  readonly workspace: string
  readonly home: string
  /** Made, mode 0600; never replaced. */
  readonly file: string
  readonly passphrase: string
  /** Server of the planes, when it is known. */
  readonly url?: string | undefined
}

/** Throws PROV_PLANE_BUSY, PROV_PLANE_ELSEWHERE, PROV_PLANE_BUNDLE_THERE, PROV_PLANE_PASSPHRASE. */
export async function handOver(request: HandOver): Promise<{ readonly events: Count }> {
  const { plane, journal, workspace, home, file, passphrase, url } = request
  if (passphrase === '') throw planeErrors.PROV_PLANE_PASSPHRASE({ plane })
  if (existsSync(file)) throw planeErrors.PROV_PLANE_BUNDLE_THERE({ file })
  if (await joinedOf(journal)) throw planeErrors.PROV_PLANE_ELSEWHERE({ plane })
  const fold = new ContractFold(workspace)
  for await (const record of journal.read()) fold.enter(record)
  const ops = [...fold.model.open.keys()]
  if (ops.length > 0) throw planeErrors.PROV_PLANE_BUSY({ plane, ops })
  const root = journal.lineage[0] ?? journal.id
  const keys: JsonValue[] = []
  for (const role of planeKeys([plane])) {
    const key = await sealedServiceKey(home, root, role, passphrase)
    if (!key) throw planeErrors.PROV_PLANE_ELSEWHERE({ plane })
    keys.push(key)
  }
  if (!fold.moved.has(plane)) await journal.append([movedEntry(plane)])
  const lines: string[] = []
  for await (const event of auditEvents(journal)) lines.push(JSON.stringify(event))
  const header: Header = {
    prov_plane: version,
    workspace,
    journal: journal.id,
    lineage: journal.lineage,
    plane,
    epoch: journal.epoch,
    ...(url !== undefined && { url }),
    events: lines.length,
    keys,
  }
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(`${[JSON.stringify(header), ...lines].join('\n')}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  for (const role of planeKeys([plane])) await dropServiceKey(home, root, role)
  return { events: lines.length }
}

export interface Joining {
  readonly file: string
  readonly workspace: string
  /** Folder of the plane's state; made. */
  readonly stateDir: string
  readonly home: string
  readonly passphrase: string
  readonly clock: Clock
}

/** Throws PROV_PLANE_BUNDLE_INVALID, PROV_PLANE_OCCUPIED, PROV_PLANE_PASSPHRASE. */
export async function joinPlane(request: Joining): Promise<Joined & { readonly events: Count }> {
  const { file, workspace, stateDir, home, passphrase, clock } = request
  const dir = join(stateDir, 'journal')
  if (existsSync(dir)) throw planeErrors.PROV_PLANE_OCCUPIED({ state: stateDir })
  const { header, events } = await bundleIn(file, workspace)
  const { keys, prov_plane: _, events: count, ...joined } = header
  const root = header.lineage[0] ?? header.journal
  const opened = []
  for (const key of keys) opened.push(await putServiceKey(home, root, key, passphrase))
  if (opened.includes(false)) throw planeErrors.PROV_PLANE_PASSPHRASE({ plane: header.plane })
  // Whole or not at all: with half of its own trail it would say things twice.
  const temporary = join(stateDir, 'joining')
  await rm(temporary, { recursive: true, force: true })
  const journal = await openJournal({ dir: temporary, clock })
  await journal.append([joinedEntry(joined)])
  for (let at = 0; at < events.length; at += 64) {
    await journal.append(events.slice(at, at + 64).map(heardEntry))
  }
  await journal.close()
  await rename(temporary, dir)
  return { ...joined, events: count }
}

/** A bundle as far as it can be believed: every event signed, no number missing. */
async function bundleIn(
  file: string,
  workspace: string,
): Promise<{ readonly header: Header; readonly events: readonly AuditEvent[] }> {
  const refuse = (what: string) => planeErrors.PROV_PLANE_BUNDLE_INVALID({ file, what })
  const text = await readFile(file, 'utf8').catch(() => {
    throw refuse('it cannot be read')
  })
  const [first = '', ...rest] = text.trimEnd().split('\n')
  let header: Header
  let events: AuditEvent[]
  try {
    header = JSON.parse(first) as Header
    events = rest.map((line, at) =>
      parseAuditEvent(JSON.parse(line) as JsonValue, `line ${at + 2}`),
    )
  } catch {
    // What a parser says may quote the file, and the first line bears a sealed key.
    throw refuse('it is not one')
  }
  if (header.prov_plane !== version) throw refuse('it is of another version')
  if (header.workspace !== workspace) throw refuse(`it belongs to ${String(header.workspace)}`)
  parsePlane(header.plane)
  if (events.length !== header.events) throw refuse('it is cut')
  const root = header.lineage[0] ?? header.journal
  const { findings, keyring } = await verifyTrail(events, { journal: root, workspace })
  if (findings[0]) throw refuse(findings[0].message)
  for (const key of header.keys) {
    const { record } = key as { readonly record: { readonly kid: string; readonly role: string } }
    if (keyring.service(record.role)?.kid !== record.kid) throw refuse('its key is not enrolled')
  }
  return { header, events }
}
