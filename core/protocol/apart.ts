/**
 * The bus of a process whose planes meet on a NATS server: because others live elsewhere, or because
 * `nats_events.planes` says so. The server that the settings name is entered with the key of each plane.
 *
 * @module
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bus } from '../bus/bus.ts'
import type { Clock } from '../clock.ts'
import { ProvError } from '../errors.ts'
import { readJournal } from '../journal/reader.ts'
import type { Log } from '../log.ts'
import { Office, officeOf } from './office.ts'
import type { Environment } from '../config/home.ts'
import { natsSettings } from '../config/nats.ts'
import type { NatsPlace, NatsSettings } from '../config/nats.ts'
import type { WorkspaceFiles } from '../config/workspace.ts'
import type { Journal } from '../journal/journal.ts'
import type { Millis } from '../units.ts'
import { joinedOf, planeNames, planesIn } from './planes.ts'
import type { PlaneName } from './planes.ts'
import { roleBus } from './role-bus.ts'
import { connectAs, roleSeedFile } from './role-keys.ts'

/** Says beside the journal what its records say, so that a start need not read them all for it. */
const markFile = (stateDir: string): string => join(stateDir, 'apart')

export function markApart(stateDir: string): void {
  writeFileSync(markFile(stateDir), 'planes of this workspace live elsewhere: prov plane list\n')
}

/** True where planes meet on a server: here or elsewhere, as far as the folder says. */
export function meetOnServer(stateDir: string, { planes }: Pick<NatsSettings, 'planes'>): boolean {
  return planes || existsSync(markFile(stateDir))
}

export interface ApartParts {
  /** Also one that is only read. */
  readonly journal: Pick<Journal, 'read'>
  readonly files: WorkspaceFiles
  readonly home: string
  readonly env: Environment
  readonly clock: Clock
}

/**
 * Undefined where all planes live together and meet in the journal. Throws what the settings and the
 * server refuse; settings that are wrong keep nobody from running whose planes are all here.
 */
export async function apartBus(parts: ApartParts): Promise<Bus | undefined> {
  const { journal, files, home, env, clock } = parts
  const { name: workspace, stateDir } = files
  const joined = await joinedOf(journal)
  const apart = joined !== undefined || existsSync(markFile(stateDir))
  const found = await natsSettings({ files, home, env }).catch((thrown: unknown) => {
    if (apart) throw thrown
  })
  if (!found || !(apart || found.planes)) return undefined
  // The address that came with the bundle, unless somebody says another one here.
  const url = found.from['url'] === undefined ? (joined?.url ?? found.url) : found.url
  const place = { settings: { ...found, url }, home, workspace, clock }
  const planes = apart ? await planesIn(journal) : planeNames
  if (!planes.some((plane) => existsSync(roleSeedFile(home, workspace, plane)))) {
    return connectAs(place)
  }
  const connections = new Map<PlaneName, Bus>()
  try {
    for (const role of planes) connections.set(role, await connectAs({ ...place, role }))
  } catch (thrown) {
    for (const bus of connections.values()) await bus.close()
    throw thrown
  }
  return roleBus(workspace, connections)
}

/** Life of a lease as the settings say; undefined for the usual one. */
export async function leaseMsOf(place: NatsPlace): Promise<Millis | undefined> {
  return (await natsSettings(place).catch(() => undefined))?.leadershipMs
}

/** A bus and the lease of the plane that lives here, before its journal is opened: see `Office`. */
export interface Turn {
  readonly bus: Bus
  readonly office: Office
}

/**
 * Waits until no other process runs the plane of this folder, and holds its lease then. Undefined where
 * all planes live together, or the one that is here needs none. Rejects with the signal's reason.
 */
export async function awaitTurn(
  parts: Omit<ApartParts, 'journal'> & {
    readonly log: Log
    readonly signal: AbortSignal
    /** See `OfficeOptions`. */
    readonly speaks: () => boolean
  },
): Promise<Turn | undefined> {
  const { files, clock, log, signal, speaks } = parts
  const { stateDir, name: workspace } = files
  const journal = await readJournal({ dir: join(stateDir, 'journal') }).catch(unlessAbsent)
  if (!journal) return undefined
  const bus = await apartBus({ ...parts, journal })
  if (!bus) return undefined
  try {
    const plane = officeOf(await planesIn(journal))
    if (!plane) {
      await bus.close()
      return undefined
    }
    const { granted } = (await joinedOf(journal)) ?? {}
    const ttlMs = await leaseMsOf(parts)
    const held = { plane, workspace, bus, stateDir, granted, ttlMs, clock, log, signal, speaks }
    const office = await Office.open(held)
    return { bus, office }
  } catch (thrown) {
    await bus.close()
    throw thrown
  }
}

function unlessAbsent(thrown: unknown): undefined {
  if (!ProvError.is(thrown) || thrown.code !== 'PROV_JOURNAL_ABSENT') throw thrown
}
