/**
 * Where a command works: the workspace that was meant, and the folder of what Prov keeps of it. Reads
 * none of the workspace's files, so it answers where they are broken.
 *
 * @module
 */
import { join } from 'node:path'
import { stateDirIn } from '../config/workspace.ts'
import { ProvError } from '../errors.ts'
import { lockHolder } from '../journal/lock.ts'
import type { CommandContext } from './command.ts'

const notHere: ReadonlySet<string> = new Set(['PROV_CONFIG_NO_WORKSPACE', 'PROV_DESK_ELSEWHERE'])

/** Root of the workspace around `cwd` or `--workspace`; undefined when there is none, or it is elsewhere. */
export const workspaceOf = (context: Pick<CommandContext, 'root'>): string | undefined =>
  rootUnless(context, notHere)

/** The same, but a project that is elsewhere is refused: what is here says nothing of it. */
export const workspaceHere = (context: Pick<CommandContext, 'root'>): string | undefined =>
  rootUnless(context, new Set(['PROV_CONFIG_NO_WORKSPACE']))

function rootUnless(
  context: Pick<CommandContext, 'root'>,
  codes: ReadonlySet<string>,
): string | undefined {
  try {
    return context.root()
  } catch (thrown) {
    if (ProvError.is(thrown) && codes.has(thrown.code)) return undefined
    throw thrown
  }
}

/** Where state is kept, and who writes there now. Throws PROV_CONFIG_NO_WORKSPACE. */
export async function workplace(context: Pick<CommandContext, 'root' | 'env'>) {
  const stateDir = stateDirIn(context.root(), context)
  return { stateDir, holder: await lockHolder(join(stateDir, 'journal/lock')) }
}
