/**
 * Mutants of the pipeline: a protection is taken out of a copy of the compiled output, and among the
 * seeds that every run of the tests takes one must find it.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { mutants } from './mutants.ts'

t.setTimeout(1_800_000)

const root = join(import.meta.dirname, '../../..')
const only = process.env['PROV_MUTANT'] ?? ''

t.test('a protection that is taken out is missed by some seed', (t) => {
  const copy = t.testdir()
  cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true })
  copyFileSync(join(root, 'package.json'), join(copy, 'package.json'))
  for (const name of ['node_modules', 'core', 'extensions', 'test', 'plugins', 'policies']) {
    symlinkSync(join(root, name), join(copy, name))
  }
  for (const { name, patches, broken, seed: known } of mutants.filter((one) =>
    one.name.includes(only),
  )) {
    const whole = patches.map(([file]) => [file, readFileSync(join(copy, 'dist', file), 'utf8')])
    for (const [file, find, put] of patches) {
      const text = readFileSync(join(copy, 'dist', file), 'utf8')
      t.equal(text.split(find).length, 2, `${name}: its patch applies to ${file} once`)
      writeFileSync(
        join(copy, 'dist', file),
        text.replace(find, () => put),
      )
    }
    const program = join(copy, 'dist/test/simulation/once.js')
    const run = (...words: readonly string[]) =>
      // Nothing of the runner around us: under its loaders a child would take the files of `dist`.
      spawnSync(process.execPath, [program, ...words, '--stop'], {
        cwd: copy,
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
      }).stdout
    let stdout = run(`--seeds=${known}`)
    if (!broken.test(stdout)) stdout = run('1', '200')
    for (const [file = '', text = ''] of whole) writeFileSync(join(copy, 'dist', file), text)
    const seed = /^(\d+) .*\n {2}/m.exec(stdout)?.[1]
    t.match(stdout, broken, `${name}: seed ${seed} finds it`)
  }
  t.end()
})
