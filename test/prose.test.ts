/**
 * Prose does not drift: every command of ours, every file and every npm script that a README, a
 * remedy or a docstring of the face names must exist.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'
import { repoRoot } from './support/root.ts'

function pages(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (['node_modules', 'dist', '.git', '.tap', 'fixtures'].includes(name)) return []
    if (statSync(path).isDirectory()) return pages(path)
    return name.endsWith('.md') ? [path] : []
  })
}

const scripts = Object.keys(
  (JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as { scripts: object }).scripts,
)

/** Paths in backticks that start in one of our rooms, or beside the page. */
const roomPath = /^(core|plugins|machines|policies|extensions|bench|test|\.ci)\/[\w./@-]*$/

t.test('files that the pages name exist', async (t) => {
  const missing: string[] = []
  for (const page of pages(repoRoot)) {
    const text = readFileSync(page, 'utf8')
    for (const [, quoted] of text.matchAll(/`([^`\n]+)`/g)) {
      const path = (quoted ?? '').replace(/:\d+$/, '')
      if (!roomPath.test(path)) continue
      if (!existsSync(join(repoRoot, path))) missing.push(`${relative(repoRoot, page)}: ${path}`)
    }
    for (const [, target] of text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)) {
      if (!existsSync(join(dirname(page), target ?? ''))) {
        missing.push(`${relative(repoRoot, page)}: link ${target}`)
      }
    }
  }
  t.same(missing, [])
})

t.test('npm scripts that the pages name exist', async (t) => {
  const missing: string[] = []
  for (const page of pages(repoRoot)) {
    const text = readFileSync(page, 'utf8')
    for (const [, script] of text.matchAll(/\bnpm run (?:-s )?([a-z][\w:-]*)/g)) {
      if (!scripts.includes(script ?? '')) missing.push(`${relative(repoRoot, page)}: ${script}`)
    }
  }
  t.same(missing, [])
})

t.test('each fault is shown by tests of that name', async (t) => {
  const page = readFileSync(join(repoRoot, 'test/faults/README.md'), 'utf8')
  const sections = [...page.matchAll(/^## (The twelve|Beside)[^]*?(?=^## )/gm)]
  t.equal(sections.length, 2)
  const rows = sections.flatMap(([text]) => text.split('\n').filter((line) => /^\|.*`/.test(line)))
  const missing: string[] = []
  for (const row of rows) {
    const named = [...row.matchAll(/`(test\/[\w./-]+\.test\.ts)`: ("[^|<]*")/g)]
    if (named.length === 0) missing.push(`no test: ${row}`)
    for (const [, file = '', titles = ''] of named) {
      const text = readFileSync(join(repoRoot, file), 'utf8').replaceAll(/\.test\(\s+/g, '.test(')
      for (const [, title = ''] of titles.matchAll(/"([^"]+)"/g)) {
        const begins = [`'`, '`', '"'].some((quote) => text.includes(`.test(${quote}${title}`))
        if (!begins) missing.push(`${file}: "${title}"`)
      }
    }
  }
  t.same(missing, [])
  const numbers = rows.flatMap((row) => /^\| (\d+) /.exec(row)?.[1] ?? [])
  t.same(
    [...new Set(numbers)],
    Array.from({ length: 12 }, (_, nth) => `${nth + 1}`),
  )
})
