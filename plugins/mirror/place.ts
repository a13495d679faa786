/**
 * Where the ledger of a workspace is, for those who have no plugin to ask: the mirror writes the path
 * down when it opens the repository, since its config may have moved it.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'

export const pointerFile = (stateDir: string): string => join(stateDir, 'ledger.json')

/** What the pointer says about a folder: relative when it lies in the state folder. */
export function pointerText(stateDir: string, dir: string): string {
  const path = relative(stateDir, dir)
  return `${JSON.stringify({ dir: path.startsWith('..') ? dir : path })}\n`
}

/** The folder that the mirror last wrote to, or where it writes by default. */
export async function ledgerDir(stateDir: string, workspace: string): Promise<string> {
  const text = await readFile(pointerFile(stateDir), 'utf8').catch(() => '{}')
  try {
    const { dir } = JSON.parse(text) as { dir?: unknown }
    // Relative to the state folder: a workspace that was moved or copied has its own ledger.
    if (typeof dir === 'string') return resolve(stateDir, dir)
  } catch {
    // Torn by a kill: it is written again at the next start.
  }
  return join(stateDir, `${workspace}-state`)
}
