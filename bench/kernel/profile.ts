/**
 * Where a cell spends its time: one run under V8's sampling profiler, read back as the functions with
 * the largest share of their own. For the report of a missed goal.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Column } from './runner.ts'
import type { Subject } from './subjects.ts'

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface Share {
  readonly name: string
  /** Of all samples that were not idle, 0 to 1. */
  readonly share: number
}

const here = dirname(fileURLToPath(import.meta.url))

/** Shares by function, largest first. `sampleMs` should be long: everything is one process. */
export function profile(subject: Subject, column: Column, sampleMs = 1_000): readonly Share[] {
  const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
  const order = {
    subject,
    arm: column.arm,
    root: column.root,
    sampleMs,
    warmMs: 500,
  }
  const flags = ['--expose-gc', '--cpu-prof', `--cpu-prof-dir=${dir}`, '--cpu-prof-interval=200']
  try {
    execFileSync(process.execPath, [...flags, join(here, 'worker.js'), JSON.stringify(order)], {
      stdio: 'pipe',
      env: { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' },
    })
    const file = readdirSync(dir).find((name) => name.endsWith('.cpuprofile')) ?? ''
    return shares(JSON.parse(readFileSync(join(dir, file), 'utf8')) as Profile)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function shares({ nodes, samples, timeDeltas }: Profile): readonly Share[] {
  const names = new Map<number, string>()
  for (const { id, callFrame } of nodes) {
    const { functionName, url, lineNumber } = callFrame
    const file = url.split('/').at(-1) ?? ''
    names.set(id, `${functionName || '(anonymous)'}${file ? ` ${file}:${lineNumber + 1}` : ''}`)
  }
  const spent = new Map<string, number>()
  let total = 0
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? '?'
    if (/^\((idle|program|root)\)$/.test(name)) continue
    const delta = timeDeltas[at] ?? 0
    total += delta
    spent.set(name, (spent.get(name) ?? 0) + delta)
  }
  return [...spent]
    .map(([name, time]) => ({ name, share: time / total }))
    .sort((a, b) => b.share - a.share)
}
