/**
 * The bus of a process that holds some planes only: the NATS server that the settings name, entered
 * with the key of the plane.
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
import type { WorkspaceFiles } from '../config/workspace.ts'
import type { Journal } from '../journal/journal.ts'
import { joinedOf } from './planes.ts'
import { connectAs, roleSeedFile } from './role-keys.ts'
import type { BusRole } from './roles.ts'

/** Says beside the journal what its records say, so that a start need not read them all for it. */
const markFile = (stateDir: string): string => join(stateDir, 'apart')

export function markApart(stateDir: string): void {
  writeFileSync(markFile(stateDir), 'planes of this workspace live elsewhere: prov plane list\n')
}

export interface ApartParts {
  /** Also one that is only read. */
  readonly journal: Pick<Journal, 'read'>
  readonly files: WorkspaceFiles
  readonly home: string
  readonly env: Environment
  readonly clock: Clock
}

/** Undefined where all planes live together. Throws what the settings and the server refuse. */
export async function apartBus(parts: ApartParts): Promise<Bus | undefined> {
  const { journal, files, home, env, clock } = parts
  const joined = await joinedOf(journal)
  if (!joined && !existsSync(markFile(files.stateDir))) return undefined
  const found = await natsSettings({ files, home, env })
  // The address that came with the bundle, unless somebody says another one here.
  const url = found.from['url'] === undefined ? (joined?.url ?? found.url) : found.url
  const settings = { ...found, url }
  const plane: BusRole = joined?.plane ?? 'controller'
  const known = existsSync(roleSeedFile(home, files.name, plane))
  const role = known ? plane : undefined
  return connectAs({ settings, home, workspace: files.name, role, clock })
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
    const joined = await joinedOf(journal)
    const plane = officeOf(joined ? [joined.plane] : ['controller'])
    if (!plane) {
      await bus.close()
      return undefined
    }
    const { granted } = joined ?? {}
    const held = { plane, workspace, bus, stateDir, granted, clock, log, signal, speaks }
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
