/**
 * Mutants: a protection is taken out of a copy of the compiled output, and the promise that is named for
 * it must be broken there. `PROV_MUTANT=<part of a name>` runs some.
 *
 * A run of one promise takes about a second, most of it the start of node and of its modules; two
 * lanes, each over a copy of its own, take as long as half of them.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { cpSync, copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { systemClock } from '../../core/clock.ts'
import { repoRoot as root } from './root.ts'

export interface Mutant {
  readonly name: string
  /** Below `dist`. */
  readonly file: string
  /** Stands there exactly once; a patch that no longer applies fails the run. */
  readonly find: string
  readonly put: string
  /** Below `dist/test`. */
  readonly test: string
  /** Beginning of the title of a test in that file. */
  readonly promise: string
}

/** Mutants of one file that one test notices. */
export function mutantsOf(
  file: string,
  [test, promise]: readonly [test: string, promise: string],
  ...patches: readonly (readonly [name: string, find: string, put: string])[]
): readonly Mutant[] {
  return patches.map(([name, find, put]) => ({ name, file, find, put, test, promise }))
}

const only = process.env['PROV_MUTANT'] ?? ''
/** A broken promise is often one that is never kept: it is given up after as long as this, at least. */
const patienceSeconds = 12

/** The compiled output once more, to be spoilt. */
function copyOf(dir: string): string {
  cpSync(join(root, 'dist'), join(dir, 'dist'), { recursive: true })
  copyFileSync(join(root, 'package.json'), join(dir, 'package.json'))
  for (const name of ['node_modules', 'core', 'extensions', 'test', 'plugins', 'policies']) {
    symlinkSync(join(root, name), join(dir, name))
  }
  return dir
}

interface Run {
  readonly passed: boolean
  /** The promise was looked at, and not passed over. */
  readonly ran: boolean
  readonly failed: boolean
  readonly tookSeconds: number
}

function run(copy: string, { test, promise }: Mutant, seconds: number): Promise<Run> {
  const began = systemClock.now()
  const child = spawn(process.execPath, [join(copy, 'dist/test', test)], {
    cwd: copy,
    stdio: ['ignore', 'pipe', 'ignore'],
    // Nothing of the runner around us: under its loaders a child would take the files of `dist`.
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      TAP_BAIL: '1',
      TAP_TIMEOUT: `${seconds}`,
      TAP_GREP: `^${promise.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')}`,
      TAP_FILTER_QUIETLY: '1',
    },
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const last = systemClock.after(seconds * 2_000, () => child.kill('SIGKILL'))
  return new Promise((resolve) =>
    child.on('close', (status) => {
      last.cancel()
      resolve({
        passed: status === 0,
        ran: said.includes(`# Subtest: ${promise}`),
        failed: status !== 0 && /^\s*not ok/m.test(said),
        tookSeconds: (systemClock.now() - began) / 1_000,
      })
    }),
  )
}

/** Takes each protection out in turn; what nobody notices fails the test. */
export async function noticed(t: Test, mutants: readonly Mutant[]): Promise<void> {
  const wanted = mutants.filter(({ name }) => name.includes(only))
  const began = systemClock.now()
  const dir = t.testdir({ one: {}, two: {} })
  const patience = new Map<string, Promise<number>>()
  const queue = [...wanted]

  /** How long the promise may take, once it was kept in a copy that is whole. */
  const kept = (copy: string, mutant: Mutant): Promise<number> => {
    const key = `${mutant.test} ${mutant.promise}`
    const known = patience.get(key)
    if (known) return known
    // Without this a copy in which nothing runs would pass for one in which everything is noticed.
    const found = run(copy, mutant, 600).then(({ passed, ran, tookSeconds }) => {
      t.ok(passed && ran, `${key}: kept in the copy as it is`)
      return Math.ceil(Math.max(patienceSeconds, tookSeconds * 5))
    })
    patience.set(key, found)
    return found
  }

  const lane = async (copy: string): Promise<void> => {
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      const { name, file, find, put, test, promise } = mutant
      const seconds = await kept(copy, mutant)
      const path = join(copy, 'dist', file)
      const text = readFileSync(path, 'utf8')
      const parts = text.split(find)
      t.equal(parts.length, 2, `${name}: its patch applies to ${file} once`)
      if (parts.length !== 2) continue
      writeFileSync(path, parts.join(put))
      const { failed, tookSeconds } = await run(copy, mutant, seconds)
      writeFileSync(path, text)
      t.ok(failed, `${name}: noticed by ${test} (${tookSeconds.toFixed(1)} s): ${promise}`)
    }
  }
  await Promise.all(['one', 'two'].map((name) => lane(copyOf(join(dir, name)))))
  const tookSeconds = Math.round((systemClock.now() - began) / 1_000)
  t.comment(`${wanted.length} mutants and ${patience.size} promises in ${tookSeconds} s`)
}
