/**
 * What commands print with `--json`, as it was released: a line for each command in
 * `test/cli/shapes.jsonl`. `node dist/test/support/released-shapes.js --write` writes down what they
 * declare now, unless that breaks what was released under the same version.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { knownCommands } from '../../core/cli/commands.ts'
import { shape } from '../../core/cli/shape.ts'
import type { Printed } from '../../core/cli/shape.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import { repoRoot } from './root.ts'
import { breaks } from './shapes.ts'

export interface Released extends Printed {
  readonly command: string
}

const file = join(repoRoot, 'test/cli/shapes.jsonl')
/** Of what stands on stderr: it is no command, and has a version all the same. */
const error: Released = { command: '', ...shape.printed(1, shape.error) }

/** As they are declared now, in the order of their names. */
export async function declaredShapes(): Promise<readonly Released[]> {
  const { entries } = await knownCommands(discoverPlugins({ workspace: undefined }))
  const rows = await Promise.all(
    [...entries.values()].map(async ({ words: command, printed }) => {
      const said = await printed()
      return said ? [{ command, ...said }] : []
    }),
  )
  return [error, ...rows.flat()].sort((a, b) => (a.command < b.command ? -1 : 1))
}

export const releasedShapes = (): readonly Released[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Released)

/** What broke since it was released without a version more, by command. */
export function broken(released: readonly Released[], now: readonly Released[]): readonly string[] {
  return released.flatMap(({ command, shapeVersion, shape: before }) => {
    const found = now.find((one) => one.command === command)
    if (!found) return [`${command}: prints nothing any more`]
    if (found.shapeVersion > shapeVersion) return []
    if (found.shapeVersion < shapeVersion) return [`${command}: its version went back`]
    return breaks(before, found.shape).map((what) => `${command}: ${what}`)
  })
}

if (process.argv.includes('--write')) {
  const now = await declaredShapes()
  const faults = process.argv.includes('--first') ? [] : broken(releasedShapes(), now)
  if (faults.length > 0) {
    process.stderr.write(`raise shapeVersion first:\n${faults.join('\n')}\n`)
    process.exit(1)
  }
  writeFileSync(file, now.map((row) => `${JSON.stringify(row)}\n`).join(''))
}
