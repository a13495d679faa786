/**
 * Handing a plane over to another process or machine: what it must know (whose workspace, the whole
 * signed trail) and what it signs with, in one file. The key in it is sealed; here it is gone after.
 *
 *     origin: record `moved` ─▶ <file>.unfinished ─▶ keys gone ─▶ <file> ─▶ record `handed`
 *     joiner: trail checked ─▶ journal ─▶ keys
 *
 * The keys are here, or they are in a bundle that can be joined, never both and never neither. A crash in
 * between leaves a plane that runs nowhere; the same command again finishes what was begun.
 *
 * @module
 */
import { open, readdir, readFile, realpath, rename, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { JsonValue } from '../json.ts'
import { anchorOfDir, retireAnchor } from '../journal/anchor.ts'
import { openJournal } from '../journal/file.ts'
import { diskFiles } from '../journal/files.ts'
import type { Journal } from '../journal/journal.ts'
import { segmentNumbers } from '../journal/segment.ts'
import type { Count } from '../units.ts'
import type { AuditEvent } from './audit.ts'
import { ContractFold } from './checkpoint.ts'
import { crashPoint } from './crash.ts'
import { parseAuditEvent } from './emitter.ts'
import type { Keyring } from './keyring.ts'
import { dropServiceKey, openKeyStore, putServiceKey, sealedServiceKey } from './keys.ts'
import { planeErrors } from './plane-errors.ts'
import {
  handedEntry,
  handingsOf,
  heardEntry,
  joinedEntry,
  joinedOf,
  movedEntry,
  planeKeys,
  planeNames,
} from './planes.ts'
import type { Joined, PlaneName } from './planes.ts'
import { auditEvents, verifyTrail } from './trail.ts'

const version = 1

export interface Header extends Joined {
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
  /** Called once the journal says that the plane lives elsewhere, before anything else changes. */
  readonly moved?: (() => void) | undefined
}

/**
 * Throws PROV_PLANE_BUSY, PROV_PLANE_ELSEWHERE, PROV_PLANE_UNFINISHED (under another name),
 * PROV_PLANE_BUNDLE_THERE, PROV_PLANE_PASSPHRASE.
 */
export async function handOver(request: HandOver): Promise<{ readonly events: Count }> {
  const { plane, journal, workspace, home, file, passphrase, url } = request
  const unfinished = `${file}.unfinished`
  if (passphrase === '') throw planeErrors.PROV_PLANE_PASSPHRASE({ plane })
  if (await joinedOf(journal)) throw planeErrors.PROV_PLANE_ELSEWHERE({ plane })
  const begun = (await handingsOf(journal)).get(plane)
  const root = journal.lineage[0] ?? journal.id
  const keys: JsonValue[] = []
  for (const role of planeKeys([plane])) {
    const key = await sealedServiceKey(home, root, role, passphrase)
    if (key) keys.push(key)
  }
  if (keys.length < planeKeys([plane]).length) {
    // They went after the bundle was on disk, so it is whole.
    if (begun === null || begun === undefined) throw planeErrors.PROV_PLANE_ELSEWHERE({ plane })
    if (begun !== file) throw planeErrors.PROV_PLANE_UNFINISHED({ plane, file: begun })
    return finish(request, root)
  }
  if (existsSync(file)) throw planeErrors.PROV_PLANE_BUNDLE_THERE({ file })
  const fold = new ContractFold(workspace)
  for await (const record of journal.read()) fold.enter(record)
  const ops = [...fold.model.open.keys()]
  if (ops.length > 0) throw planeErrors.PROV_PLANE_BUSY({ plane, ops })
  // What was begun elsewhere holds the key that is to be in one place.
  if (typeof begun === 'string') await rm(`${begun}.unfinished`, { force: true })
  if (begun !== file) await journal.append([movedEntry(plane, file)])
  crashPoint('plane.moved')
  request.moved?.()
  const { id, lineage, epoch } = journal
  const whose = { workspace, journal: id, lineage, plane, epoch, ...(url !== undefined && { url }) }
  await writeBundle(unfinished, journal, { ...whose, keys })
  await diskFiles.syncFolder(dirname(file))
  crashPoint('plane.written')
  return finish(request, root)
}

/** The whole trail of a journal behind a header; answers with how many events. Never replaces a file. */
export async function writeBundle(
  file: string,
  journal: Journal,
  header: Omit<Header, 'prov_plane' | 'events'>,
): Promise<Count> {
  const lines: string[] = []
  for await (const event of auditEvents(journal)) lines.push(JSON.stringify(event))
  const head: Header = { prov_plane: version, events: lines.length, ...header }
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(`${[JSON.stringify(head), ...lines].join('\n')}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return lines.length
}

/** From a bundle that is whole under its other name: the keys go, then it may be joined. */
async function finish({ plane, journal, home, file }: HandOver, root: string) {
  const unfinished = `${file}.unfinished`
  for (const role of planeKeys([plane])) await dropServiceKey(home, root, role)
  crashPoint('plane.dropped')
  if (existsSync(unfinished)) await rename(unfinished, file)
  await diskFiles.syncFolder(dirname(file))
  crashPoint('plane.named')
  const text = await readFile(file, 'utf8').catch(() => {
    throw planeErrors.PROV_PLANE_ELSEWHERE({ plane })
  })
  await journal.append([handedEntry(plane)])
  return { events: text.trimEnd().split('\n').length - 1 }
}

export interface Joining {
  readonly file: string
  readonly workspace: string
  /** Folder of the plane's state; made. */
  readonly stateDir: string
  readonly home: string
  readonly passphrase: string
  /** Folder of the anchors. Default: none are kept. */
  readonly anchors?: string | undefined
  readonly clock: Clock
}

/** Whose bundle it is, without opening its key. Throws PROV_PLANE_BUNDLE_INVALID, PROV_PLANE_OCCUPIED. */
export async function judgeBundle(
  request: Pick<Joining, 'file' | 'workspace' | 'stateDir'>,
): Promise<Pick<Header, 'plane' | 'events'>> {
  await demandFree(request.stateDir)
  const { plane, events } = (await bundleIn(request.file, request.workspace)).header
  return { plane, events }
}

async function demandFree(stateDir: string): Promise<void> {
  const names = await readdir(join(stateDir, 'journal')).catch(() => [] as string[])
  if (segmentNumbers(names).length > 0) throw planeErrors.PROV_PLANE_OCCUPIED({ state: stateDir })
}

/** Throws PROV_PLANE_BUNDLE_INVALID, PROV_PLANE_OCCUPIED, PROV_PLANE_PASSPHRASE. */
export async function joinPlane(request: Joining): Promise<Joined & { readonly events: Count }> {
  const { file, workspace, stateDir, home, passphrase, anchors, clock } = request
  const dir = join(stateDir, 'journal')
  await demandFree(stateDir)
  const { header, events, keyring } = await bundleIn(file, workspace)
  const { keys, prov_plane: _, events: count, ...joined } = header
  const root = header.lineage[0] ?? header.journal
  const opened = []
  for (const key of keys) opened.push(await putServiceKey(home, root, key, passphrase))
  if (opened.includes(false)) throw planeErrors.PROV_PLANE_PASSPHRASE({ plane: header.plane })
  // A plane that was lost brings no key: it has its own.
  for (const role of planeKeys([header.plane])) {
    const own = await openKeyStore({ home, clock }).service(root, role, { make: false })
    if (own.record.kid === keyring.service(role)?.kid) continue
    throw planeErrors.PROV_PLANE_BUNDLE_INVALID({ file, what: 'the key of the plane is another' })
  }
  // Whole or not at all: with half of its own trail it would say things twice.
  const temporary = join(stateDir, 'joining')
  await rm(temporary, { recursive: true, force: true })
  const journal = await openJournal({ dir: temporary, clock })
  await journal.append([joinedEntry(joined)])
  for (let at = 0; at < events.length; at += 64) {
    await journal.append(events.slice(at, at + 64).map(heardEntry))
  }
  await journal.close()
  // The journal that was lost here is given up: when it comes back, its anchor says which one followed.
  if (header.granted !== undefined && anchors !== undefined) {
    const lost = await anchorOfDir(anchors, join(await realpath(stateDir), 'journal'))
    if (lost) await retireAnchor(diskFiles, anchors, lost, journal.id)
  }
  // A start that was refused leaves a folder that holds nothing.
  await rm(dir, { recursive: true, force: true })
  await rename(temporary, dir)
  return { ...joined, events: count }
}

/** A bundle as far as it can be believed: every event signed, no number missing. */
async function bundleIn(
  file: string,
  workspace: string,
): Promise<{
  readonly header: Header
  readonly events: readonly AuditEvent[]
  readonly keyring: Keyring
}> {
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
  return { header, events, keyring }
}
