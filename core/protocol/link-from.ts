/**
 * The link as a runtime starts it: settings, topology and connection put together.
 *
 * @module
 */
import type { Bus } from '../bus/bus.ts'
import { topologyOf } from '../bus/topology-file.ts'
import type { Clock } from '../clock.ts'
import type { Environment } from '../config/home.ts'
import type { NatsSettings } from '../config/nats.ts'
import type { WorkspaceFiles } from '../config/workspace.ts'
import type { Log } from '../log.ts'
import { startNatsLink } from './nats-link.ts'
import type { NatsLink } from './nats-link.ts'

export interface LinkParts {
  readonly bus: Bus
  readonly files: WorkspaceFiles
  readonly home: string
  readonly env: Environment
  readonly clock: Clock
  readonly log: Log
}

export function linkFrom(parts: LinkParts & { readonly settings: NatsSettings }): NatsLink {
  const { bus, files, home, clock, log, settings } = parts
  return startNatsLink({
    bus,
    settings,
    topology: topologyOf(settings),
    async open(onConnection) {
      const { connectAs } = await import('./role-keys.ts')
      return connectAs({ settings, home, workspace: files.name, clock, onConnection })
    },
    workspace: files.name,
    stateDir: files.stateDir,
    clock,
    log,
  })
}
