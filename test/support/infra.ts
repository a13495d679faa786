/**
 * A copy of the sample workspace with two people and a policy in force, whose operations leave a
 * mark in the world each time a step begins and ends: what a fault test counts.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRuntime } from '../../core/runtime.ts'
import type { Runtime, RuntimeOptions } from '../../core/runtime.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { contract, keeperDesk, keyStore, ledger } from '../../core/protocol/services.ts'
import type { OpRow } from '../../core/protocol/fold.ts'
import { provChild, provHere } from './cli.ts'
import type { Child, Ran } from './cli.ts'
import { temporaryFolder } from './folder.ts'
import { sampleFolder } from './sample.ts'

export interface InfraOptions {
  /** `plain` (default): steps can write to the world. `bubblewrap`: only to their own machine. */
  readonly isolation?: 'plain' | 'bubblewrap'
  /** Name of the folder, and so of the workspace. Default `my-infra`. */
  readonly name?: string
}

export interface Infra {
  readonly workspace: string
  readonly home: string
  /** One command line in this process. */
  prov(...argv: readonly string[]): Promise<Ran>
  /** The same, with `--json`, parsed. */
  json<T>(...argv: readonly string[]): Promise<T>
  /** One command line in a process of its own. */
  child(argv: readonly string[], env?: Readonly<Record<string, string>>): Child
  open(options?: Partial<RuntimeOptions>): Promise<Runtime>
  /** Replaces text in a file; throws when it is not there, so that no test passes by accident. */
  edit(path: string, from: string | RegExp, to: string): void
  /** What steps left in the world so far, in order. */
  marks(): readonly string[]
  /** What the steps of one operation left on their machine, from the outputs that were kept. */
  kept(op: string): Readonly<Record<string, string>>
  events(op?: string): Promise<readonly AuditEvent[]>
  row(op: string): Promise<OpRow>
  /** Machines that are still there: folders, and processes that bear the workspace's path. */
  machines(): readonly string[]
  /** Everything that must hold when all is quiet: chain, journal, lock, ledger. Answers what does not. */
  faults(): Promise<readonly string[]>
}

/** What a deployment of the sample and a restart leave in the world when they ran once. */
export const once = {
  deploy: ['issuer begins', 'issuer ends', 'install begins', 'install ends'],
  drain: ['drain begins', 'drain ends'],
  restart: ['stop begins', 'stop ends', 'start begins', 'start ends'],
} as const

export async function infra(
  t: Parameters<typeof temporaryFolder>[0],
  options: InfraOptions = {},
): Promise<Infra> {
  const { isolation = 'plain', name = 'my-infra' } = options
  const folder = temporaryFolder(t, {
    [`${name}/package.json`]: {
      private: true,
      prov: { config: { 'provider-local': { isolation } } },
    },
  })
  const workspace = join(folder.dir, name)
  const home = join(folder.dir, 'home')
  const world = folder.write('world.txt', '')
  const env = { PROV_HOME: home, PROV_ACTOR: 'alice' }
  const place = { cwd: workspace, env }
  cpSync(sampleFolder, workspace, { recursive: true })

  const here: Infra = {
    workspace,
    home,
    prov: (...argv) => provHere(argv, place),
    async json(...argv) {
      const { out, err } = await here.prov(...argv, '--json')
      return JSON.parse(out === '' ? err.slice(err.indexOf('{')) : out)
    },
    child: (argv, more = {}) => provChild(argv, { cwd: workspace, env: { ...env, ...more } }),
    open: (given = {}) => createRuntime({ workspace, home, log: () => {}, ...given }),
    edit(path, from, to) {
      const file = join(workspace, path)
      const before = readFileSync(file, 'utf8')
      const after = before.replace(from, to)
      if (after === before) throw new Error(`${path} does not hold ${String(from)}`)
      writeFileSync(file, after)
    },
    marks: () => readFileSync(world, 'utf8').split('\n').filter(Boolean),
    kept(op) {
      const runs = join(workspace, '.prov/runs')
      const own = readdirSync(runs).find((one) => one.startsWith(`${op}-`))
      const files = own === undefined ? [] : readdirSync(join(runs, own))
      return Object.fromEntries(
        files.map((file) => [file, readFileSync(join(runs, own ?? '', file), 'utf8')]),
      )
    },
    events: (op) =>
      here.json('audit', 'log', '--last', '0', ...(op === undefined ? [] : ['--op', op])),
    row: (op) => here.json('op', 'show', op),
    machines: () => [...machineFolders(workspace), ...processesAbout(workspace)],
    faults: () => faults(here),
  }

  const marked = (step: string): string => {
    const mark = (what: string) =>
      `echo "${step} ${what}" >>"$HOME/marks"; [ ! -w ${world} ] || echo "${step} ${what}" >>${world}`
    return `${mark('begins')}\nsleep 0.1\n${mark('ends')}\ncat "$HOME/marks"`
  }
  const file = '.ontology/provisioning.ncl'
  const body = (step: string) => `m%"\n${marked(step)}\n"%`
  here.edit(file, 'echo "issuer written"', marked('issuer'))
  here.edit(file, 'cat release/installed', marked('install'))
  here.edit(file, '"echo drained"', body('drain'))
  here.edit(
    file,
    '{ id = "restart", script = "echo stopped; echo started" }',
    `{ id = "stop", script = ${body('stop')} },
     { id = "start", depends_on = ["stop"], script = ${body('start')} }`,
  )

  await using prov = await here.open()
  for (const actor of ['alice', 'bob']) {
    const record = await prov.service(keyStore).create({ actor, kind: 'human', passphrase: '' })
    await prov.service(contract).enrol({ record, as: 'alice' })
  }
  await prov.service(keeperDesk).activatePolicy({ as: 'alice' })
  return here
}

async function faults(here: Infra): Promise<readonly string[]> {
  const found: string[] = []
  const check = async (what: string, ...argv: readonly string[]): Promise<void> => {
    const { code, out, err } = await here.prov(...argv)
    if (code !== 0) found.push(`${what}: exit ${code}: ${out}${err}`)
  }
  await check('journal', 'journal', 'verify')
  await check('trail', 'audit', 'verify')
  const { out } = await here.prov('doctor')
  if (!out.includes('free: nobody writes this workspace')) found.push(`lock: ${out}`)
  // Who writes next brings the ledger up to date.
  const prov = await here.open()
  await prov.service(ledger).settled()
  const path = await prov.service(ledger).path()
  await prov.close()
  const events = await here.events()
  const ids = events.map(({ id }) => id).sort()
  const git = (...argv: readonly string[]) =>
    execFileSync('git', ['-C', path, ...argv], { encoding: 'utf8', stdio: 'pipe' })
  const committed = git('log', '--format=%(trailers:key=Audit-Jti,valueonly,separator=)')
    .split('\n')
    .filter(Boolean)
    .sort()
  if (committed.join() !== ids.join()) {
    found.push(`ledger: ${committed.length} commits, ${ids.length} events`)
  }
  try {
    git('verify-commit', ...git('rev-list', 'HEAD').split('\n').filter(Boolean))
  } catch (thrown) {
    found.push(`signatures: ${(thrown as Error).message}`)
  }
  const seqs = events.flatMap((event) =>
    event.type === 'prov.op.claimed' ? [(event.data as { seq: number }).seq] : [],
  )
  if (new Set(seqs).size !== seqs.length) found.push(`numbers claimed twice: ${seqs.join()}`)
  found.push(...here.machines())
  return found
}

function machineFolders(workspace: string): readonly string[] {
  const dir = join(workspace, '.prov/machines')
  // Who asked for them last is remembered longer than they live.
  const found = existsSync(dir) ? readdirSync(dir).filter((name) => name !== '.fence') : []
  return found.map((id) => `machine ${id}`)
}

/** Processes of this computer whose arguments or environment name a path; Linux only, else none. */
function processesAbout(path: string): readonly string[] {
  if (!existsSync('/proc/self/environ')) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`)
    .flatMap((pid) => {
      try {
        const text = ['cmdline', 'environ'].map((file) =>
          readFileSync(`/proc/${pid}/${file}`, 'utf8'),
        )
        if (!text.some((one) => one.includes(path))) return []
        return [`process ${pid}: ${text[0]?.replaceAll('\0', ' ').slice(0, 200)}`]
      } catch {
        return []
      }
    })
}
