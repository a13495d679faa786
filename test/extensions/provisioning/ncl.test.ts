import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { evaluate, exportJson, lintDeclarative, NickelError } from '../../../core/nickel/index.ts'
import { serverConfig } from '../../../core/protocol/server-config.ts'
import { lintPolicy } from '../../../policies/lint.ts'
import { compilePolicy, matchPolicy } from '../../../policies/match.ts'
import type { Policy } from '../../../policies/policy.ts'
import { readPolicy } from '../../../policies/policy.ts'
import { parseWorkspace } from '../../../plugins/workspace/parse.ts'
import { kinds, writeMissing } from '../../../extensions/provisioning/commands/templates.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { repoRoot } from '../../support/root.ts'
import {
  bundledRoot,
  exportFile,
  exportSource,
  exportWorkspace,
  nickelOptions,
  originalFolder,
  sampleFolder,
} from '../../support/sample.ts'

/** The message of the refusal, or a complaint that there was none. */
function refusal(source: string): string {
  try {
    return `accepted: ${JSON.stringify(exportSource(source))}`
  } catch (thrown) {
    return thrown instanceof NickelError ? thrown.message : String(thrown)
  }
}

t.test('every schema and default that files import is there and reads', async (t) => {
  const files = readdirSync(bundledRoot, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ncl') || path.endsWith('connections'),
  )
  for (const path of files) {
    // A schema without its values does not export; that it has every part is what matters here.
    const source = `std.is_record (import "${path}")`
    t.equal(
      exportJson(evaluate({ source, name: 'x.ncl' }, nickelOptions(sampleFolder))),
      true,
      path,
    )
  }
  const wanted = [
    ...['state', 'gate', 'core', 'manifest', 'connections'].flatMap((name) => [
      `ontology/schemas/${name}.ncl`,
      `ontology/defaults/${name}.ncl`,
    ]),
    'reflection/schema.ncl',
    'reflection/defaults.ncl',
    'reflection/schemas/backlog.ncl',
    'reflection/schemas/connections.ncl',
    'reflection/schemas/qa.ncl',
    'adrs/defaults.ncl',
    'adrs/adr-defaults.ncl',
    'schemas/lib/keeper_policy.ncl',
    'schemas/lib/provisioning.ncl',
    'schemas/backlog.ncl',
    'schemas/qa.ncl',
    'connections',
    'catalog/components/nats/metadata.ncl',
    ...['main', 'defaults', 'contracts'].map(
      (name) => `catalog/components/nats/nickel/${name}.ncl`,
    ),
  ]
  for (const path of wanted) t.ok(files.includes(path), path)
})

t.test('the sample workspace exports without a warning and has nothing wrong in it', async (t) => {
  const { files, warnings } = exportWorkspace(sampleFolder)
  t.same(warnings, [])
  const reading = parseWorkspace(files)
  t.same(reading.errors, [])
  t.same(reading.warnings, [])
  t.equal(Object.keys(files).length, 7)
})

t.test('a workspace of the original system loads, with a warning per missing schema', async (t) => {
  const { files, warnings } = exportWorkspace(originalFolder)
  t.ok(warnings.length > 0)
  t.ok(
    warnings.every((warning) => /bundled/.test(warning)),
    warnings.join('\n'),
  )
  const reading = parseWorkspace(files)
  t.same(reading.errors, [])
  for (const path of ['reflection/modes/sync-files.ncl', 'adrs/adr-001-files-first.ncl']) {
    t.ok(exportFile(originalFolder, path), path)
  }
})

t.test('the nats component has defaults that a workspace may replace one by one', async (t) => {
  const make = 'let { make_nats } = import "catalog/components/nats/nickel/main.ncl" in make_nats'
  const defaults = {
    port: 4222,
    monitor_port: 8222,
    mode: 'cluster',
    image: 'nats:2.10-alpine',
    jetstream: { max_mem: '256MB', max_file: '1GB' },
    storage: { size: '1Gi', persistent: true },
  }
  t.same(exportSource(`${make} {}`), defaults)
  t.same(exportSource(`${make} { jetstream.max_file = "4GB", image = "nats:2.11" }`), {
    ...defaults,
    image: 'nats:2.11',
    jetstream: { max_mem: '256MB', max_file: '4GB' },
  })
  t.match(refusal(`${make} { jetstream.max_fiel = "4GB" }`), /extra field `max_fiel`/)
  t.match(refusal(`${make} { mode = "cluster" }`), /tag/)
})

t.test('the nats component has the bounds of the configuration that Prov prints', async (t) => {
  const { port, monitor_port, jetstream } = exportSource(
    'import "catalog/components/nats/nickel/defaults.ncl"',
  ) as {
    readonly port: number
    readonly monitor_port: number
    readonly jetstream: { readonly max_mem: string; readonly max_file: string }
  }
  // As nats-server reads them.
  const units: Readonly<Record<string, number>> = { MB: 2 ** 20, GB: 2 ** 30 }
  const bytes = (size: string) => Number.parseInt(size) * (units[size.slice(-2)] ?? Number.NaN)
  const printed = serverConfig({ workspace: 'acme', keys: {} })
  for (const line of [
    `listen: "127.0.0.1:${port}"`,
    `http: "127.0.0.1:${monitor_port}"`,
    `max_memory_store: ${bytes(jetstream.max_mem)}`,
    `max_file_store: ${bytes(jetstream.max_file)}`,
  ]) {
    t.ok(printed.includes(`${line}\n`), line)
  }
})

t.test('a misspelt field is refused by every constructor, and named', async (t) => {
  const cases: readonly [string, string, string][] = [
    ['state', 'make_transition { from = "a", to = "b", bloker = "x" }', 'bloker'],
    [
      'state',
      'make_dimension { id = "a", current_state = "x", desired_state = "y", blocker = "z" }',
      'blocker',
    ],
    ['state', 'make_state { id = "a", tensoin = \'High }', 'tensoin'],
    ['gate', 'make_membrane { id = "a", opening_conditions = {} }', 'opening_conditions'],
    [
      'gate',
      'make_membrane { id = "a", opening_condition = { max_tension_dimension = 1 } }',
      'max_tension_dimension',
    ],
    ['core', 'make_node { id = "a", level = \'Axiom, invariants = true }', 'invariants'],
    ['core', 'make_edge { from = "a", to = "b", kind = \'DependsOn, holds = [] }', 'holds'],
    ['manifest', 'make_manifest { project = "a", kind = \'Mixed }', 'kind'],
    ['provisioning', 'make_unit { id = "a", upstreams = [] }', 'upstreams'],
    ['provisioning', 'make_op_type { type = "a", targets = ["b"], gain = [] }', 'gain'],
  ]
  for (const [file, call, field] of cases) {
    const message = refusal(`(import "ontology/defaults/${file}.ncl").${call}`)
    t.match(message, new RegExp(`extra field \`${field}\``), `${file}: ${message}`)
  }
})

t.test('wrong tags, ids and conditions are refused with a reason', async (t) => {
  const defaults = (file: string) => `(import "ontology/defaults/${file}.ncl")`
  t.match(refusal(`${defaults('core')}.make_node { id = "a", level = "Axiom" }`), /tag/)
  t.match(refusal(`${defaults('core')}.make_node { id = "a b", level = 'Axiom }`), /not an id/)
  t.notMatch(
    refusal(`${defaults('core')}.make_node { id = "a", level = 'Axiom, pole = 'Blue }`),
    /accepted/,
  )
  const membrane = (tree: string) =>
    refusal(`${defaults('gate')}.make_membrane { id = "a", opens_when = ${tree} }`)
  t.match(membrane('{ capability = "x" }'), /accepted/)
  t.match(membrane('{ dimension = "x", at = "y" }'), /accepted/)
  t.match(membrane('{ all = [{ dimension = "x", att = "y" }] }'), /att/)
  t.match(membrane('{ dimension = "x" }'), /lacks the field at/)
  t.match(membrane('{ any = [] }'), /never hold/)
  t.match(membrane('{ all = [], any = [] }'), /exactly one/)
  t.match(membrane('"always"'), /not a condition/)
})

t.test('the policy schema refuses what it does not know, and fills in the rest', async (t) => {
  const policy = (body: string) =>
    refusal(
      `let kp = import "schemas/lib/keeper_policy.ncl" in { policy | kp.PolicyDef = { ${body} } }`,
    )
  t.match(policy('auto_sign = [{ target_pattern = ["x"] }]'), /extra field `target_pattern`/)
  t.match(policy('allow = []'), /extra field `allow`/)
  t.match(policy('version = 2'), /version = 1/)
  t.match(policy("auto_sign = [{ actors = { kinds = ['robot] } }]"), /kinds/)
  t.match(policy('auto_sign = [{ op_type = "x", quorum = { at_least = 1 } }]'), /quorum/)
  t.match(policy('require_manual = [{ op_type = "x", quorum = { at_least = 1 } }]'), /accepted/)
  const glass = 'op_type = "deploy", groups = ["oncall"], at_most_minutes = 15'
  t.match(policy(`break_glass = [{ ${glass} }]`), /accepted/)
  t.match(policy('break_glass = [{ op_type = "x", quorum = { at_least = 1 } }]'), /quorum/)
  t.match(policy('auto_sign = [{ op_type = "scale" }]'), /"target_patterns":\["\*"\]/)
})

const policyFiles = [
  'extensions/provisioning/sample/keeper_policy.ncl',
  'policies/ncl/keeper_policy.ncl',
  'policies/ncl/development_policy.ncl',
]

t.test('every policy that Prov ships is plain data, valid, and has no dead rule', async (t) => {
  for (const path of policyFiles) {
    const source = readFileSync(join(repoRoot, path), 'utf8')
    t.same(
      lintDeclarative(source, path, { allowedImports: ['schemas/lib/keeper_policy.ncl'] }),
      [],
      path,
    )
    const { policy } = exportFile(repoRoot, path) as { policy: unknown }
    const reading = readPolicy(policy)
    t.ok(reading.ok, path)
    if (!reading.ok) continue
    const dead = lintPolicy(reading.policy).filter(({ finding }) => finding !== 'signs-destructive')
    t.same(dead, [], path)
  }
})

t.test(
  'the sample signs upkeep of staging by itself and holds the application cluster',
  async (t) => {
    const { policy } = exportFile(sampleFolder, 'keeper_policy.ncl') as { policy: unknown }
    const reading = readPolicy(policy)
    if (!reading.ok) return t.fail('the policy is not valid')
    const verdict = (opType: string, target: string, destructive = false) =>
      matchPolicy(compilePolicy(reading.policy as Policy), { opType, target, destructive, atMs: 0 })
        .verdict
    t.equal(verdict('restart', 'monitoring/loki'), 'auto-sign')
    t.equal(verdict('scale', 'staging-eu-west-1/web'), 'auto-sign')
    t.equal(verdict('deploy', 'app-cluster/cert-manager'), 'hold')
    t.equal(verdict('restart', 'prod-eu-west-1/web'), 'hold')
    t.equal(verdict('drain', 'monitoring/loki', true), 'hold')
  },
)

t.test(
  'setup writes files that load, for both kinds, also beside dimensions of your own',
  async (t) => {
    const names: Readonly<Record<string, string>> = {
      '.ontology/manifest.ncl': 'manifest',
      '.ontology/state.ncl': 'state',
      '.ontology/gate.ncl': 'gate',
      '.ontology/core.ncl': 'core',
      '.ontology/connections.ncl': 'connections',
      '.ontology/provisioning.ncl': 'provisioning',
      'reflection/backlog.ncl': 'backlog',
    }
    const own = `{ dimensions = [{ id = "water", current_state = "cold", desired_state = "warm",
    states = [], transitions = [{ from = "cold", to = "warm", condition = "It steams.",
      catalyst = "none", blocker = "none" }] }] }`
    for (const kind of kinds) {
      for (const state of [undefined, own]) {
        const folder = temporaryFolder(
          t,
          state === undefined ? {} : { '.ontology/state.ncl': state },
        )
        const rows = await writeMissing({ root: folder.dir, name: 'my-house', kind, dryRun: false })
        const kept = rows.filter(({ action }) => action === 'kept').map(({ path }) => path)
        t.same(kept, state === undefined ? [] : ['.ontology/state.ncl'])
        const files: Record<string, unknown> = {}
        for (const { path } of rows) {
          const text = readFileSync(join(folder.dir, path), 'utf8')
          t.notMatch(text, /\{\{/, `${path} has no placeholder left`)
          if (!path.endsWith('.ncl')) continue
          const name = names[path]
          const value = exportSource(text)
          if (name) files[name] = value
          else t.ok(readPolicy((value as { policy: unknown }).policy).ok, path)
        }
        const { errors, warnings, model } = parseWorkspace(files)
        t.same([...errors, ...warnings], [], kind)
        t.equal(model.kind, kind)
        t.equal(model.name, 'my-house')
        t.equal(model.dimensions[0]?.id, state === undefined ? 'provisioning' : 'water')
      }
    }
  },
)
