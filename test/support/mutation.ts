/**
 * Mutants: a protection is taken out of a copy of the compiled output, and the promise that is named for
 * it must be broken there. `PROV_MUTANT=<part of a name>` runs some.
 *
 * A broken promise is often one that is never kept. Whether anything still goes on is seen by the processor
 * time of the child, so that neither a fast machine waits for nothing nor a busy one gives up too soon:
 * who stands idle for several times as long as it did while the promise was kept, or works for several times
 * as long, is given up; the wall decides only in the end.
 *
 * Most of a run is the start of node and of its modules; two lanes, each over a copy of its own, take as long
 * as half of them.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { cpSync, copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { systemClock } from '../../core/clock.ts'
import { moreThan, watchEffort } from './effort.ts'
import type { Effort } from './effort.ts'
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
  readonly effort: Effort
}

/** One run of one promise; `most` is the effort after which it is given up. */
async function run(copy: string, { test, promise }: Mutant, most?: Effort): Promise<Run> {
  const child = spawn(process.execPath, [join(copy, 'dist/test', test)], {
    cwd: copy,
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    // Nothing of the runner around us: under its loaders a child would take the files of `dist`.
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      TAP_BAIL: '1',
      TAP_TIMEOUT: '600',
      TAP_GREP: `^${promise.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&')}`,
      TAP_FILTER_QUIETLY: '1',
    },
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const watch = watchEffort(child, most)
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  const { effort, isGivenUp } = watch.end()
  return {
    passed: status === 0,
    ran: said.includes(`# Subtest: ${promise}`),
    failed: isGivenUp || (status !== 0 && /^\s*not ok/m.test(said)),
    effort,
  }
}

/** Takes each protection out in turn; what nobody notices fails the test. */
export async function noticed(t: Test, mutants: readonly Mutant[]): Promise<void> {
  const wanted = mutants.filter(({ name }) => name.includes(only))
  const beganMs = systemClock.monotonic()
  const dir = t.testdir({ one: {}, two: {} })
  const efforts = new Map<string, Promise<Effort>>()
  const queue = [...wanted]

  /** How much the promise takes, once it was kept in a copy that is whole. */
  const kept = (copy: string, mutant: Mutant): Promise<Effort> => {
    const key = `${mutant.test} ${mutant.promise}`
    const known = efforts.get(key)
    if (known) return known
    // Without this a copy in which nothing runs would pass for one in which everything is noticed.
    const found = run(copy, mutant).then(({ passed, ran, effort }) => {
      t.ok(passed && ran, `${key}: kept in the copy as it is`)
      return effort
    })
    efforts.set(key, found)
    return found
  }

  const lane = async (copy: string): Promise<void> => {
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      const { name, file, find, put, test, promise } = mutant
      const effort = await kept(copy, mutant)
      const path = join(copy, 'dist', file)
      const text = readFileSync(path, 'utf8')
      const parts = text.split(find)
      t.equal(parts.length, 2, `${name}: its patch applies to ${file} once`)
      if (parts.length !== 2) continue
      writeFileSync(path, parts.join(put))
      const { failed, effort: spent } = await run(copy, mutant, moreThan(effort))
      writeFileSync(path, text)
      t.ok(
        failed,
        `${name}: noticed by ${test} (${(spent.tookMs / 1_000).toFixed(1)} s): ${promise}`,
      )
    }
  }
  await Promise.all(['one', 'two'].map((name) => lane(copyOf(join(dir, name)))))
  const tookSeconds = Math.round((systemClock.monotonic() - beganMs) / 1_000)
  t.comment(`${wanted.length} mutants and ${efforts.size} promises in ${tookSeconds} s`)
}
