/**
 * What commands about NATS share: the settings that hold where they were started, the topology that
 * belongs to them, a connection for as long as it is needed.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import type { NatsBus } from '../bus/nats.ts'
import { ecosystemTopology, parseTopology } from '../bus/topology.ts'
import type { Topology } from '../bus/topology.ts'
import { busErrors } from '../bus/errors.ts'
import { natsSettings } from '../config/nats.ts'
import type { NatsSettings } from '../config/nats.ts'
import { findWorkspace } from '../config/workspace.ts'
import type { BusRole } from '../protocol/roles.ts'
import type { CommandContext } from './command.ts'

/** Settings of the workspace around, or of the user where there is none. */
export async function settingsOf(context: CommandContext): Promise<NatsSettings> {
  const { home, env, cwd } = context
  const files = findWorkspace(cwd) === undefined ? undefined : await context.files()
  return natsSettings({ files, home, env })
}

/** The file that the settings name, or the bundled one. Throws PROV_BUS_TOPOLOGY_INVALID. */
export function topologyOf({ streamsConfig: file }: NatsSettings): Topology {
  if (file === undefined) return ecosystemTopology
  const wrong = (what: string) => busErrors.PROV_BUS_TOPOLOGY_INVALID({ file, where: 'it', what })
  if (!existsSync(file)) throw wrong('does not exist')
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (thrown) {
    throw wrong(`is not JSON: ${(thrown as Error).message}`)
  }
  return parseTopology(value, file)
}

/** Connects, lets something be done, closes. As a role when its seed is here, else as the settings say. */
export async function withNats<T>(
  context: CommandContext,
  role: BusRole | undefined,
  act: (bus: NatsBus, settings: NatsSettings) => Promise<T>,
): Promise<T> {
  const settings = await settingsOf(context)
  const { connectAs, roleSeedFile } = await import('../protocol/role-keys.ts')
  const { home, clock, cwd } = context
  const workspace = findWorkspace(cwd) === undefined ? 'any' : (await context.files()).name
  const known = role !== undefined && existsSync(roleSeedFile(home, workspace, role))
  const as = known ? role : undefined
  const bus = await connectAs({ settings, home, workspace, role: as, clock, timeoutMs: 3_000 })
  try {
    return await act(bus, settings)
  } finally {
    await bus.close()
  }
}
