/**
 * A project whose planes are on other machines, for a command that was started where no journal is: keys
 * of one's own, a server and a name are all it takes.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import type { Clock } from '../clock.ts'
import { ensureHome } from '../config/home.ts'
import type { Environment } from '../config/home.ts'
import { natsSettings } from '../config/nats.ts'
import type { WorkspaceFiles } from '../config/workspace.ts'
import type { JsonObject } from '../json.ts'
import { openKeyStore } from '../protocol/keys.ts'
import { connectAs, roleSeedFile } from '../protocol/role-keys.ts'
import { inboxOf } from '../protocol/roles.ts'
import { workspaceNamePattern } from '../protocol/subjects.ts'
import { runtimeBy } from '../socket/runtime.ts'
import type { Runtime } from '../runtime.ts'
import { openDesk } from './call.ts'
import { deskErrors } from './errors.ts'

export interface ProjectOptions {
  readonly project: string
  /** Folder that was named as well, which cannot be. */
  readonly workspace: string | undefined
  /** Who asks: one of one's own keys. Default: the only one there is. */
  readonly actor: string | undefined
  readonly home: string
  readonly env: Environment
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly passphrase: ((actor: string) => Promise<string | undefined>) | undefined
  readonly progress: (line: string) => void
}

export interface Project {
  readonly runtime: Runtime
  /** A new look: each model is asked for once. */
  readonly look: () => Promise<Runtime['read']>
  close(): Promise<void>
}

/** Throws PROV_KEY_*, PROV_BUS_*, PROV_DESK_*, and what the settings refuse. */
export async function openProject(options: ProjectOptions): Promise<Project> {
  const { project, actor, env, clock, signal, passphrase } = options
  const { workspace } = options
  if (!workspaceNamePattern.test(project)) throw deskErrors.PROV_DESK_NAME({ project })
  if (workspace !== undefined) throw deskErrors.PROV_DESK_BOTH({ project, workspace })
  const home = ensureHome(options.home)
  const keys = openKeyStore({ home, clock, passphrase })
  const signer = await keys.signer(actor)
  const settings = await natsSettings({ home, env })
  const seeded = existsSync(roleSeedFile(home, project, 'person'))
  const role = seeded ? 'person' : undefined
  const inboxPrefix = inboxOf('person', project)
  const bus = await connectAs({ settings, home, workspace: project, role, inboxPrefix, clock })
  try {
    const holder = await openDesk({ ...options, home, bus, signer })
    const look: Project['look'] = async () => {
      const answers = new Map<string, Promise<unknown>>()
      return (name, args = {}) => {
        const key = `${name} ${JSON.stringify(args)}`
        const known = answers.get(key)
        const answer = known ?? holder.call('read', { name, args: args as JsonObject })
        answers.set(key, answer)
        return answer
      }
    }
    const refuse = () => elsewhere(project, 'this')
    const files = (): WorkspaceFiles => {
      throw elsewhere(project, 'the folder')
    }
    const runtime = runtimeBy({ holder, keys, clock, signal, look, files, refuse })
    return { runtime, look, close: () => bus.close() }
  } catch (thrown) {
    await bus.close()
    throw thrown
  }
}

const elsewhere = (project: string, what: string) =>
  deskErrors.PROV_DESK_ELSEWHERE({ project, what })
