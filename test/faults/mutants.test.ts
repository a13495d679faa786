/**
 * Mutants of the pipeline: one protection is taken out of a copy of the compiled output, and the
 * test that is named for it must fail there. `PROV_MUTANT=<part of a name>` runs some of them.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { mutants } from './mutants.ts'

const root = join(import.meta.dirname, '../../..')
const only = process.env['PROV_MUTANT'] ?? ''

t.test('every mutant is noticed by the test that is named for it', (t) => {
  const copy = t.testdir()
  cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true })
  copyFileSync(join(root, 'package.json'), join(copy, 'package.json'))
  for (const name of ['node_modules', 'core', 'extensions', 'test', 'plugins', 'policies']) {
    symlinkSync(join(root, name), join(copy, name))
  }
  const run = (test: string) =>
    spawnSync(process.execPath, [join(copy, 'dist/test', test)], {
      cwd: copy,
      encoding: 'utf8',
      // Nothing of the runner around us: under its loaders a child would take the files of `dist`.
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        TAP_BAIL: '1',
        TAP_TIMEOUT: '600',
      },
      timeout: 120_000,
    })

  // Without this a copy in which nothing runs would pass for one in which everything is noticed.
  const wanted = mutants.filter((one) => one.name.includes(only))
  for (const test of new Set(wanted.map((one) => one.test))) {
    t.equal(run(test).status, 0, `${test} passes in the copy as it is`)
  }
  for (const { name, file, find, put, test } of wanted) {
    const path = join(copy, 'dist', file)
    const text = readFileSync(path, 'utf8')
    const parts = text.split(find)
    t.equal(parts.length, 2, `${name}: its patch applies to ${file} once`)
    if (parts.length !== 2) continue
    writeFileSync(path, parts.join(put))
    const { stdout, status } = run(test)
    writeFileSync(path, text)
    t.ok(status !== 0 && /^\s*not ok/m.test(stdout), `${name}: ${test} fails`)
  }
  t.end()
})
