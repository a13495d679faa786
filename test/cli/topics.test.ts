/** What core/README.md says about exit codes and variables is what the program prints. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { environmentTable, exitCodeTable } from '../../core/cli/topics.ts'
import { repoRoot } from '../support/root.ts'

t.test('the page of core lists the same codes and variables as `prov help`', async (t) => {
  const page = readFileSync(join(repoRoot, 'core/README.md'), 'utf8')
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    )
  for (const [key, meaning] of [...exitCodeTable, ...environmentTable]) {
    const row = rows.find(([cell]) => cell === key)
    t.ok(row, `${key} is on the page`)
    t.equal(row?.[1]?.replaceAll('"', ''), meaning.replaceAll('"', ''), key)
  }
})

t.test('every variable that the program reads is listed', async (t) => {
  const listed = new Set(environmentTable.map(([name]) => name))
  const { default: glob } = await import('fast-glob')
  const read = new Set<string>()
  for (const file of await glob(['core/**/*.ts', 'plugins/**/*.ts'], { cwd: repoRoot })) {
    const text = readFileSync(join(repoRoot, file), 'utf8')
    for (const [, name] of text.matchAll(/env\[['"]([A-Z][A-Z0-9_]+)['"]\]/g))
      read.add(name as string)
  }
  read.delete('NODE_EXTRA_CA_CERTS') // Node's own; the doctor only mentions it.
  t.same(
    [...read].filter((name) => !listed.has(name)),
    [],
  )
})
