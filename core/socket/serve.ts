/** The socket of a runtime that holds a workspace. @module */
import { provVersion } from '../plugin/discover.ts'
import { holderAnswers } from '../protocol/handing.ts'
import type { HoldingParts } from '../protocol/handing.ts'
import { serveSocket } from './server.ts'
import type { ServeOptions } from './server.ts'

/** Throws PROV_SOCKET_UNUSABLE: whoever asked to be served must not find nobody there. */
export async function serveRuntime(
  options: Omit<HoldingParts, 'pid'> & Pick<ServeOptions, 'stateDir' | 'env' | 'clock' | 'log'>,
): Promise<{ close(): Promise<void> }> {
  const { contract } = options
  const { workspace, journal, epoch } = contract
  const { pid } = process
  const hello = { build: provVersion(), pid, workspace, journal, epoch }
  return serveSocket({ ...options, hello, answers: holderAnswers({ ...options, pid }) })
}
