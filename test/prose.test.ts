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
