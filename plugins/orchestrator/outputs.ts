/**
 * Outputs of steps, where a person finds them; they are never in journal or ledger.
 *
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import type { Log } from 'prov'
import { stepKey } from './step.ts'

export interface Outputs {
  /** Answers with the file, relative to the workspace. Never throws: a full disk fails no step. */
  keep(
    run: { readonly op: string; readonly token: string },
    name: string,
    output: Buffer,
  ): Promise<string>
}

export function fileOutputs(options: {
  readonly dir: string
  /** Folder of the workspace. */
  readonly root: string
  readonly log: Log
}): Outputs {
  const { dir, root, log } = options
  return {
    async keep({ op, token }, name, output) {
      const safe = op.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 64)
      const file = join(dir, `${safe}-${stepKey(token, '').slice(0, 8)}`, `${name}.log`)
      try {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 })
        await writeFile(file, output, { mode: 0o600 })
      } catch (error) {
        log.warn(`the output of ${name} could not be kept`, { why: String(error) })
      }
      return relative(root, file)
    },
  }
}
