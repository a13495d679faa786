/**
 * Mutants of the pipeline: a protection is taken out of a copy of the compiled output, and among the
 * seeds that every run of the tests takes one must find it.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

t.setTimeout(1_800_000)

interface Mutant {
  readonly name: string
  readonly patches: readonly (readonly [file: string, find: string, put: string])[]
  /** What one of the broken promises says. */
  readonly broken: RegExp
}

const bookFirst = [
  'plugins/orchestrator/component.js',
  'await book.begin(request);',
  'void book.begin(request);',
] as const

const mutants: readonly Mutant[] = [
  {
    name: 'no sync',
    patches: [
      [
        'core/journal/writer.js',
        'const synced = this.#file.datasync();',
        'const synced = undefined;',
      ],
    ],
    broken: /is lost|different stories|does not start|ledger/,
  },
  {
    name: 'effect before claim',
    patches: [
      bookFirst,
      [
        'core/actor/lives.js',
        'writer.append(entries, () => resolve(this.#up(cell, first, input)), reject);',
        'const up = this.#up(cell, first, input); writer.append(entries, () => resolve(up), reject);',
      ],
    ],
    broken: /acted before its claim was on disk/,
  },
  {
    name: 'effect before its page in the book',
    patches: [bookFirst],
    broken: /had 2 effects/,
  },
  {
    name: 'the ledger moves to what is not synced',
    patches: [
      [
        'plugins/mirror/writer.js',
        'await disk.flush();\n                await moveHead(parent);',
        'await moveHead(parent);',
      ],
    ],
    broken: /ledger: commit [0-9a-f]{40}/,
  },
  {
    name: 'a replay is acknowledged',
    patches: [
      [
        'plugins/controller/controller.js',
        'if (!isMessage(delivery.id, `command:${epoch}:${seq}`))',
        'if (false)',
      ],
    ],
    broken: /said again and nobody took note/,
  },
]

const root = join(import.meta.dirname, '../../..')
const only = process.env['PROV_MUTANT'] ?? ''

t.test('a protection that is taken out is missed by some seed', (t) => {
  const copy = t.testdir()
  cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true })
  copyFileSync(join(root, 'package.json'), join(copy, 'package.json'))
  for (const name of ['node_modules', 'core', 'extensions', 'test', 'plugins', 'policies']) {
    symlinkSync(join(root, name), join(copy, name))
  }
  for (const { name, patches, broken } of mutants.filter((one) => one.name.includes(only))) {
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
    const { stdout } = spawnSync(process.execPath, [program, '1', '200', '--stop'], {
      cwd: copy,
      encoding: 'utf8',
      // Nothing of the runner around us: under its loaders a child would take the files of `dist`.
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    })
    for (const [file = '', text = ''] of whole) writeFileSync(join(copy, 'dist', file), text)
    const seed = /^(\d+) .*\n {2}/m.exec(stdout)?.[1]
    t.match(stdout, broken, `${name}: seed ${seed} finds it`)
  }
  t.end()
})
