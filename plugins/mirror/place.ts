/**
 * Where the ledger of a workspace is, for those who have no plugin to ask: the mirror writes the path
 * down when it opens the repository, since its config may have moved it.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export const pointerFile = (stateDir: string): string => join(stateDir, 'ledger.json')

/** The folder that the mirror last wrote to, or where it writes by default. */
export async function ledgerDir(stateDir: string, workspace: string): Promise<string> {
  const text = await readFile(pointerFile(stateDir), 'utf8').catch(() => '{}')
  try {
    const { dir } = JSON.parse(text) as { dir?: unknown }
    if (typeof dir === 'string') return dir
  } catch {
    // Torn by a kill: it is written again at the next start.
  }
  return join(stateDir, `${workspace}-state`)
}
