/**
 * Cells in fresh processes, arms in turn. Each round runs every cell once, so a neighbour that takes
 * the machine for a while hits all arms of that round, and ratios are formed within a round.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Sample } from './cell.ts'
import type { Subject } from './subjects.ts'
import type { Order } from './worker.ts'

const here = dirname(fileURLToPath(import.meta.url))

/** Root of this tree: two levels above the compiled `bench/kernel`. */
export const thisRoot = join(here, '../../..')

/** One column of the table: an arm, and whose kernel it runs. */
export interface Column {
  /** The arm's name; for another tree than this one with `@` and the revision behind it. */
  readonly name: string
  readonly arm: string
  readonly root: string
}

export interface CellResult {
  readonly subject: Subject
  readonly column: Column
  /** One per round; shorter when the cell failed. */
  readonly samples: readonly Sample[]
  /** Why there is no figure. */
  readonly failed?: string
}

export interface RunOptions {
  readonly rounds: number
  /** Wanted length of one sample. Default 200 ms. */
  readonly sampleMs?: number
  /** Time for the compiler before anything counts. Default 500 ms. */
  readonly warmMs?: number
  /** A cell that takes longer is a failed one. Default 120 s. */
  readonly deadlineMs?: number
  readonly note?: (text: string) => void
}

export interface Plan {
  readonly subject: Subject
  readonly columns: readonly Column[]
}

const large = ['--max-old-space-size=12000']
const young = ['--min-semi-space-size=1024', '--max-semi-space-size=1024']

function work(order: Order, deadlineMs: number): Promise<Sample | { readonly failed: string }> {
  const { subject } = order
  const flags = ['--expose-gc', ...large, ...(subject.kind === 'alloc' ? young : [])]
  const args = [...flags, join(here, 'worker.js'), JSON.stringify(order)]
  const env = { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' }
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env, timeout: deadlineMs }, (error, stdout, stderr) => {
      const line = stdout.trim().split('\n').at(-1) ?? ''
      try {
        resolve(JSON.parse(line) as Sample)
      } catch {
        const said = /^\w*Error: .*$/m.exec(stderr)?.[0] ?? stderr.trim().split('\n').at(-1)
        const slow = error?.killed ? `no end within ${deadlineMs / 1_000} s` : undefined
        resolve({ failed: slow ?? said ?? 'no answer' })
      }
    })
  })
}

/** All cells of all plans, `rounds` times. A cell that failed once is not tried again. */
export async function runCells(
  plans: readonly Plan[],
  options: RunOptions,
): Promise<readonly CellResult[]> {
  const { rounds, sampleMs = 200, warmMs = 500, deadlineMs = 120_000, note } = options
  const cells = plans.flatMap(({ subject, columns }) =>
    columns.map((column) => ({
      subject,
      column,
      samples: [] as Sample[],
      failed: undefined as string | undefined,
    })),
  )
  for (let round = 0; round < rounds; round++) {
    for (const { subject } of plans) {
      const row = cells.filter((cell) => cell.subject === subject)
      // Another one begins each time: whoever runs first finds the coldest machine.
      for (let at = 0; at < row.length; at++) {
        const cell = row[(at + round) % row.length] as (typeof cells)[number]
        if (cell.failed !== undefined) continue
        const { arm, root } = cell.column
        const order = { subject, arm, root, sampleMs, warmMs }
        const result = await work(order, deadlineMs)
        if ('failed' in result) cell.failed = result.failed
        else cell.samples.push(result)
      }
      note?.(`round ${round + 1} of ${rounds}: ${subject.name}`)
    }
  }
  return cells.map(({ subject, column, samples, failed }) => ({
    subject,
    column,
    samples,
    ...(failed !== undefined && { failed }),
  }))
}
