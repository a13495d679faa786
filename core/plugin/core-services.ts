/**
 * What the core itself hands to plugins, as typed references like any other service. A plugin that
 * lists one under `needs` gets it; one that does not cannot reach it.
 *
 * @module
 */
import type { WorkspaceFiles } from '../config/workspace.ts'
import type { Journal } from '../journal/journal.ts'
import type { EventBus } from '../protocol/event-bus.ts'
import { serviceRef } from './service.ts'

/** The one journal of the workspace. Write only your own partition. */
export const journal = serviceRef<Journal>('prov.journal', { guarded: true })

/** Messages between planes, embedded or over NATS. */
export const bus = serviceRef<EventBus>('prov.bus')

/** The files of the workspace and their evaluation. */
export const workspace = serviceRef<WorkspaceFiles>('prov.workspace')

/** The user's folder for keys and trust, outside every workspace. Its mode is 0700. */
export interface Home {
  /** Absolute path; made when first needed. */
  readonly dir: string
}
export const home = serviceRef<Home>('prov.home')
