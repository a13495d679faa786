/**
 * What commands about NATS share: the settings that hold where they were started, the topology that
 * belongs to them, a connection for as long as it is needed.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import type { NatsBus } from '../bus/nats.ts'
import { natsSettings } from '../config/nats.ts'
import type { NatsSettings } from '../config/nats.ts'
import { isPattern } from '../bus/subjects.ts'
import { parseDuration } from '../units.ts'
import type { Millis } from '../units.ts'
import { cliErrors } from './errors.ts'
import type { BusRole } from '../protocol/roles.ts'
import type { CommandContext } from './command.ts'
import { workspaceOf } from './workplace.ts'

/** Settings of the workspace around, or of the user where there is none. */
export async function settingsOf(context: CommandContext): Promise<NatsSettings> {
  const { home, env } = context
  const files = workspaceOf(context) === undefined ? undefined : await context.files()
  return natsSettings({ files, home, env })
}

/** Connects, lets something be done, closes. As a role when its seed is here, else as the settings say. */
export async function withNats<T>(
  context: CommandContext,
  role: BusRole | undefined,
  act: (bus: NatsBus, settings: NatsSettings) => Promise<T>,
): Promise<T> {
  const { connectAs } = await import('../protocol/role-keys.ts')
  const entry = await entryOf(context, role)
  const { settings } = entry
  const bus = await connectAs({ ...entry, clock: context.clock, timeoutMs: 3_000 })
  try {
    return await act(bus, settings)
  } finally {
    await bus.close()
  }
}

/** How `withNats` enters: what `connectAs` and `entrant` take. */
export async function entryOf(context: CommandContext, role: BusRole | undefined) {
  const settings = await settingsOf(context)
  const { roleSeedFile } = await import('../protocol/role-keys.ts')
  const { home } = context
  const workspace = workspaceOf(context) === undefined ? 'any' : (await context.files()).name
  const known = role !== undefined && existsSync(roleSeedFile(home, workspace, role))
  return { settings, home, workspace, role: known ? role : undefined }
}

/** What a person wrote as a pattern of subjects. Throws PROV_CLI_VALUE_INVALID. */
export function demandPattern(text: string): string {
  if (isPattern(text)) return text
  const wanted = 'words between dots; * for one, > at the end for the rest'
  throw cliErrors.PROV_CLI_VALUE_INVALID({
    flag: 'subject',
    value: text,
    wanted,
    command: 'events',
  })
}

/** What a person wrote as a length of time. Throws PROV_CLI_VALUE_INVALID. */
export function demandDuration(text: string): Millis {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  const wanted = 'a length of time such as 30s, 10m, 2h'
  throw cliErrors.PROV_CLI_VALUE_INVALID({ flag: 'time', value: text, wanted, command: 'events' })
}
