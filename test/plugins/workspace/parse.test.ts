import t from 'tap'
import type { ProvError } from '../../../core/errors.ts'
import { cycleIn, wayBetween } from '../../../plugins/workspace/graph.ts'
import { nearest } from '../../../core/nearest.ts'
import type { ExportedFiles } from '../../../plugins/workspace/parse.ts'
import { modelOf, parseWorkspace } from '../../../plugins/workspace/parse.ts'
import { exportWorkspace, sampleFolder } from '../../support/sample.ts'

type Json = Record<string, unknown>
const sample = exportWorkspace(sampleFolder).files

/** The sample with one change; what is wrong with it afterwards. */
function broken(change: (files: Record<string, Json>) => void): readonly ProvError[] {
  const files = structuredClone(sample) as Record<string, Json>
  change(files)
  return parseWorkspace(files as ExportedFiles).errors
}
const item = (files: Record<string, Json>, file: string, list: string, at = 0): Json =>
  ((files[file] as Json)[list] as Json[])[at] as Json
const first = (errors: readonly ProvError[]) => ({
  code: errors[0]?.code,
  message: errors[0]?.message,
  file: errors[0]?.place?.file,
  count: errors.length,
})

t.test('each mistake has its own code, its file, its place and a way out', async (t) => {
  const cases: readonly [string, string, RegExp, (files: Record<string, Json>) => void][] = [
    [
      'PROV_WORKSPACE_FILE_MISSING',
      '.ontology/state.ncl',
      /the dimensions/,
      (files) => {
        delete files['state']
        // Nothing else may depend on what is not there.
        files['provisioning'] = {}
        files['backlog'] = { items: [] }
      },
    ],
    [
      'PROV_WORKSPACE_FIELD_UNKNOWN',
      '.ontology/state.ncl',
      /dimensions\[0\] has no field "curent_state"; did you mean current_state/,
      (files) => {
        item(files, 'state', 'dimensions')['curent_state'] = 'x'
      },
    ],
    [
      'PROV_WORKSPACE_FIELD_MISSING',
      '.ontology/state.ncl',
      /dimensions\[1\]\.desired_state is missing/,
      (files) => {
        delete item(files, 'state', 'dimensions', 1)['desired_state']
      },
    ],
    [
      'PROV_WORKSPACE_FIELD_INVALID',
      '.ontology/state.ncl',
      /dimensions\[0\]\.transitions must be a list, not "none"/,
      (files) => {
        item(files, 'state', 'dimensions')['transitions'] = 'none'
      },
    ],
    [
      'PROV_DIMENSION_TWICE',
      '.ontology/state.ncl',
      /dimensions\[3\] is another dimension gitops_sync; the first is dimensions\[2\]/,
      (files) => {
        const list = (files['state'] as Json)['dimensions'] as Json[]
        list.push(structuredClone(list[2]) as Json)
      },
    ],
    [
      'PROV_DIMENSION_STATE_UNKNOWN',
      '.ontology/state.ncl',
      /transitions\[0\]\.to is boostrapped, .* did you mean bootstrapped/,
      (files) => {
        const ways = item(files, 'state', 'dimensions')['transitions'] as Json[]
        ;(ways[0] as Json)['to'] = 'boostrapped'
      },
    ],
    [
      'PROV_GATE_DIMENSION_UNKNOWN',
      '.ontology/provisioning.ncl',
      /the gate secrets-to-apps depends on the dimension cluster_provisionin,/,
      (files) => {
        item(files, 'provisioning', 'gates', 2)['opens_when'] = {
          dimension: 'cluster_provisionin',
          at: 'operational',
        }
      },
    ],
    [
      'PROV_GATE_STATE_UNKNOWN',
      '.ontology/provisioning.ncl',
      /waits for cluster_provisioning at operatonal/,
      (files) => {
        item(files, 'provisioning', 'gates', 2)['opens_when'] = {
          dimension: 'cluster_provisioning',
          at: 'operatonal',
        }
      },
    ],
    [
      'PROV_GATE_CYCLE',
      '.ontology/provisioning.ncl',
      /base-to-apps → secrets-to-apps → base-to-apps/,
      (files) => {
        item(files, 'provisioning', 'gates', 0)['opens_when'] = { gate: 'secrets-to-apps' }
        item(files, 'provisioning', 'gates', 2)['opens_when'] = { all: [{ gate: 'base-to-apps' }] }
      },
    ],
    [
      'PROV_GATE_UNKNOWN',
      '.ontology/provisioning.ncl',
      /names the gate base-to-app, which is not declared; did you mean base-to-apps/,
      (files) => {
        item(files, 'provisioning', 'gates', 2)['opens_when'] = { gate: 'base-to-app' }
      },
    ],
    [
      'PROV_GATE_EDGE_UNKNOWN',
      '.ontology/provisioning.ncl',
      /governs app-cluster → infra-base/,
      (files) => {
        item(files, 'provisioning', 'gates')['edge'] = { from: 'app-cluster', to: 'infra-base' }
      },
    ],
    [
      'PROV_GATE_TWICE',
      '.ontology/provisioning.ncl',
      /another gate outside-contributions; the first is in .ontology\/gate.ncl/,
      (files) => {
        item(files, 'provisioning', 'gates')['id'] = 'outside-contributions'
        item(files, 'provisioning', 'op_types')['requires'] = []
      },
    ],
    [
      'PROV_WORKSPACE_FIELD_INVALID',
      '.ontology/provisioning.ncl',
      /opens_when\.all\[0\] must be a condition with exactly one of .*, not one with none of them/,
      (files) => {
        item(files, 'provisioning', 'gates')['opens_when'] = { all: [{}] }
      },
    ],
    [
      'PROV_CONNECTIONS_CYCLE',
      '.ontology/provisioning.ncl',
      /infra-base → app-cluster → infra-base/,
      (files) => {
        item(files, 'provisioning', 'units', 4)['downstream'] = ['infra-base']
      },
    ],
    [
      'PROV_CONNECTIONS_UNIT_UNKNOWN',
      '.ontology/provisioning.ncl',
      /the unit infra-bse, .* did you mean infra-base/,
      (files) => {
        item(files, 'provisioning', 'units', 5)['upstream'] = ['infra-base', 'infra-bse']
      },
    ],
    [
      'PROV_WORKSPACE_ID_TWICE',
      '.ontology/provisioning.ncl',
      /clusters\[1\] is another cluster with the id prod-eu-west-1/,
      (files) => {
        item(files, 'provisioning', 'clusters', 1)['id'] = 'prod-eu-west-1'
      },
    ],
    [
      'PROV_DIMENSION_UNKNOWN',
      '.ontology/provisioning.ncl',
      /op_types\[0\]\.achieves\[0\] names the dimension clusters/,
      (files) => {
        item(files, 'provisioning', 'op_types')['achieves'] = [
          { dimension: 'clusters', from: 'a', to: 'b' },
        ]
      },
    ],
    [
      'PROV_OP_STEP_CYCLE',
      '.ontology/provisioning.ncl',
      /the steps of op_types\[0\] wait for each other: issuer → install → issuer/,
      (files) => {
        const run = item(files, 'provisioning', 'op_types')['run'] as Json
        ;(run['steps'] as Json[])[0] = { id: 'issuer', script: 'x', depends_on: ['install'] }
      },
    ],
    [
      'PROV_OP_STEP_UNKNOWN',
      '.ontology/provisioning.ncl',
      /names the step isuer, which this operation has not/,
      (files) => {
        const run = item(files, 'provisioning', 'op_types')['run'] as Json
        ;((run['steps'] as Json[])[1] as Json)['depends_on'] = ['isuer']
      },
    ],
    [
      'PROV_WORKSPACE_FIELD_INVALID',
      'reflection/backlog.ncl',
      /items\[0\]\.priority must be one of High, Medium, Low, not "Urgent"/,
      (files) => {
        item(files, 'backlog', 'items')['priority'] = 'Urgent'
      },
    ],
  ]
  for (const [code, file, message, change] of cases) {
    const errors = broken(change)
    t.match(first(errors), { code, file, message, count: 1 }, code)
    t.match(errors[0]?.remedy, /\.ncl|`prov /, `${code}: the remedy names a file or a command`)
  }
})

t.test('everything that is wrong is said at once', async (t) => {
  const errors = broken((files) => {
    item(files, 'state', 'dimensions')['name'] = 7
    item(files, 'state', 'dimensions', 1)['colour'] = 'red'
    item(files, 'backlog', 'items')['title'] = null
  })
  t.same(
    errors.map((error) => error.code),
    [
      'PROV_WORKSPACE_FIELD_INVALID',
      'PROV_WORKSPACE_FIELD_UNKNOWN',
      'PROV_WORKSPACE_FIELD_INVALID',
    ],
  )
  t.throws(() => modelOf({ state: 7 }), { code: 'PROV_WORKSPACE_FILE_MISSING' })
})

t.test('any JSON at all in a file is an error, never an exception', async (t) => {
  for (const name of Object.keys(sample)) {
    for (const value of [
      null,
      7,
      'x',
      [],
      {},
      [[]],
      { dimensions: [null, 3, {}], units: [null] },
    ]) {
      const { errors } = parseWorkspace({ ...sample, [name]: value } as ExportedFiles)
      const mayBeEmpty = name === 'connections' || name === 'provisioning'
      if (JSON.stringify(value) === '{}') t.equal(errors.length > 0, !mayBeEmpty, `${name}: {}`)
      if (value === null || typeof value !== 'object' || Array.isArray(value)) {
        t.ok(errors.length > 0, `${name}: ${JSON.stringify(value)}`)
      }
    }
  }
})

t.test('names that every object has are ordinary names', async (t) => {
  const { model, errors } = parseWorkspace({
    manifest: { project: 'p', repo_kind: 'Mixed' },
    state: {
      dimensions: ['constructor', '__proto__'].map((id) => ({
        id,
        current_state: 'a',
        desired_state: 'b',
      })),
    },
  })
  t.same(errors, [])
  t.same(
    model.dimensions.map((one) => one.id),
    ['constructor', '__proto__'],
  )
})

t.test('odd but harmless things are warnings', async (t) => {
  const files = structuredClone(sample) as Record<string, Json>
  item(files, 'backlog', 'items')['related_dim'] = 'cluster_provisionin'
  item(files, 'core', 'edges')['to'] = 'sops'
  item(files, 'provisioning', 'gates', 1)['opens_when'] = { capability: 'cert-manger' }
  const { errors, warnings } = parseWorkspace(files as ExportedFiles)
  t.same(errors, [])
  t.same(
    warnings.map((warning) => warning.code),
    ['PROV_GATE_CAPABILITY_UNKNOWN', 'PROV_CORE_NODE_UNKNOWN', 'PROV_DIMENSION_UNKNOWN'],
  )
})

t.test('a cycle is found in a chain of 100,000, and a way is a shortest one', async (t) => {
  const chain = Array.from({ length: 100_000 }, (_, at) => ({ from: `n${at}`, to: `n${at + 1}` }))
  t.equal(cycleIn(chain), undefined)
  t.equal(cycleIn([...chain, { from: 'n100000', to: 'n99999' }])?.length, 3)
  t.same(cycleIn([{ from: 'a', to: 'a' }]), ['a', 'a'])
  const arcs = ['ab', 'bc', 'cd', 'ad', 'dc'].map(([from, to]) => ({ from, to })) as {
    from: string
    to: string
  }[]
  t.same(
    wayBetween(arcs, 'a', 'c')?.map((arc) => arc.to),
    ['b', 'c'],
  )
  t.equal(wayBetween(arcs, 'd', 'a'), undefined)
})

t.test('did you mean: near words only', async (t) => {
  t.equal(nearest('curent_state', ['current_state', 'desired_state']), 'current_state')
  t.equal(nearest('clutser', ['cluster']), 'cluster')
  t.equal(nearest('x', ['cluster']), undefined)
  t.equal(nearest('target_pattern', ['target_patterns', 'op_type']), 'target_patterns')
})
