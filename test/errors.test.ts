/**
 * The whole error table, inline: a new failure, a changed text or another exit code is a visible line
 * in a diff. Codes are never renamed or reused. After a change on purpose,
 * `node dist/test/errors.test.js --print` prints what the table is now.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { errorTable, exitCodes, type ErrorRow } from '../core/errors.ts'
import { expectedErrors } from './errors.table.ts'
import { repoRoot } from './support/root.ts'

/** Every room's rows, found rather than listed, so that a forgotten room cannot hide. */
function errorModules(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return errorModules(path)
    return name === 'errors.js' ? [path] : []
  })
}

for (const room of ['core', 'plugins', 'extensions']) {
  for (const file of errorModules(join(repoRoot, 'dist', room)))
    await import(pathToFileURL(file).href)
}

/** Stands in for any detail: every field reads as its own name. */
function placeholder(name: string): unknown {
  const list = [`<${name}>`]
  return new Proxy(list, {
    get(target, key) {
      if (key === Symbol.toPrimitive || key === 'toString') return () => `<${name}>`
      if (key in target) return Reflect.get(target, key) as unknown
      return placeholder(String(key))
    },
  })
}
const anyDetail = new Proxy({}, { get: (_, key) => placeholder(String(key)) }) as never

const rows = [...(errorTable() as unknown as ReadonlyMap<string, ErrorRow<never>>)].sort(
  ([a], [b]) => (a < b ? -1 : 1),
)
const table = rows.map(([code, row]) => {
  const remedy = typeof row.remedy === 'string' ? row.remedy : row.remedy(anyDetail)
  return [
    code,
    row.disposition,
    exitCodes[row.disposition],
    String(row.text(anyDetail)),
    String(remedy),
  ] as const
})

if (process.argv.includes('--print')) {
  for (const row of table) process.stdout.write(`  ${JSON.stringify(row)},\n`)
}

t.test('the error table is exactly the one written down', async (t) => {
  t.same(table, expectedErrors)
})

t.test('codes read PROV_<AREA>_<WHAT>', async (t) => {
  t.same(
    table.map(([code]) => code).filter((code) => !/^PROV(_[A-Z0-9]+){1,6}$/.test(code)),
    [],
  )
})

/** A command in backticks, a path, or the file that the detail names. */
const namesSomething = /`[^`]+`|\.?\w[\w-]*\/[\w./-]+|<file>|\b\w+\.(ncl|json|md)\b/

t.test('every remedy names a command or a file', async (t) => {
  t.same(
    table.filter(([, , , , remedy]) => !namesSomething.test(remedy)).map(([code]) => code),
    [],
  )
})

t.test('exit codes are the documented ones', async (t) => {
  t.same(exitCodes, {
    usage: 64,
    blocked: 3,
    refuse: 4,
    held: 5,
    conflict: 6,
    retry: 7,
    unknown: 8,
    fail: 1,
    crash: 70,
  })
})
