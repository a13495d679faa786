/**
 * A workspace with a local provider and an orchestrator, and graphs to run in it: what the tests of
 * runs stand on.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { createRuntime } from 'prov'
import type { OpStep, Orchestrator, Plugin, RunOutcome, Runtime } from 'prov'
import providerLocal from '../../extensions/provider-local/index.ts'
import orchestratorPlugin from '../../plugins/orchestrator/index.ts'
import { runChild } from './child.ts'
import { temporaryFolder } from './folder.ts'
import { processesIn } from './machines.ts'

export type Request = Parameters<Orchestrator['run']>[0]

export interface World {
  readonly root: string
  readonly home: string
  /** Outside of every machine: what plain machines count their effects in. */
  readonly counter: string
  /** Lines that steps wrote there. */
  counted(): readonly string[]
  open(plugins?: readonly Plugin[], config?: object): Promise<Runtime>
  /** Machines that are left, by id, and their processes. */
  left(): Promise<readonly string[]>
}

export function world(t: Test): World {
  const { dir } = temporaryFolder(t)
  const root = join(dir, 'infra')
  mkdirSync(join(root, '.ontology'), { recursive: true })
  const counter = join(dir, 'count')
  const machines = join(root, '.prov', 'machines')
  return {
    root,
    home: join(dir, 'home'),
    counter,
    counted: () => (existsSync(counter) ? readFileSync(counter, 'utf8').trim().split('\n') : []),
    async open(plugins = [], config = { isolation: 'plain' }) {
      const runtime = await createRuntime({
        workspace: root,
        home: join(dir, 'home'),
        discover: false,
        strict: true,
        plugins: [providerLocal, ...plugins, orchestratorPlugin],
        config: { 'provider-local': config },
        log: () => {},
      })
      t.teardown(() => runtime.close())
      return runtime
    },
    async left() {
      const folders = existsSync(machines) ? readdirSync(machines) : []
      const alive = await processesIn(machines)
      return [...folders, ...alive.map((pid) => `process ${pid}`)]
    },
  }
}

/** Runs a graph in a process of its own that dies at a point; undefined when it died. '': it lives. */
export async function runUntil(
  { root, home }: Pick<World, 'root' | 'home'>,
  asked: Request,
  crashAt: string,
): Promise<RunOutcome | undefined> {
  process.env['PROV_CRASH_AT'] = crashAt
  const child = runChild('orchestrate', [root, home, JSON.stringify(asked)])
  delete process.env['PROV_CRASH_AT']
  const line = await child.line('outcome ').catch(() => undefined)
  await child.atLeast(Infinity)
  return line === undefined ? undefined : (JSON.parse(line.slice(8)) as RunOutcome)
}

let count = 0
export const request = (steps: readonly OpStep[], over: Partial<Request['run']> = {}): Request => ({
  op: `op_${++count}`,
  token: `sha256:${count}`,
  run: { provider: 'local', steps, ...over },
  labels: { op: `op_${count}` },
})

export const step = (id: string, script: string, ...dependsOn: string[]): OpStep => ({
  id,
  script,
  dependsOn,
})
