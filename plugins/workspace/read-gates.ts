/**
 * Gates, of both kinds: membranes of `.ontology/gate.ncl` (thresholds over the whole workspace, prose)
 * and gates on edges of `.ontology/provisioning.ncl` (condition trees). Both become one condition
 * tree, so that one evaluator judges them (D-13).
 *
 * @module
 */
import type { Condition } from 'prov/policies'
import { workspaceErrors } from './errors.ts'
import type { Reader, RecordReader } from './fields.ts'
import type { Edge, GateDecl } from './model.ts'

const membraneFields = [
  'id',
  'name',
  'description',
  'permeability',
  'accepts',
  'protects',
  'opening_condition',
  'closing_condition',
  'max_duration',
  'protocol',
  'active',
  'edge',
  'opens_when',
]

/** Gates of `.ontology/gate.ncl`. */
export function readMembranes(file: Reader): readonly GateDecl[] {
  const list = file.record(['membranes'])?.neededList('membranes') ?? []
  return list.flatMap((item) => {
    const record = item.record(membraneFields)
    if (!record) return []
    const opening = record.has('opening_condition')
      ? record
          .child('opening_condition')
          .record(['max_tension_dimensions', 'pending_transitions', 'core_stable', 'description'])
      : undefined
    const tree = record.has('opens_when') ? readCondition(record.child('opens_when')) : undefined
    const edge = record.has('edge') ? readEdge(record.child('edge')) : undefined
    const stated = [opening?.text('description', ''), record.text('closing_condition', '')]
    return [
      {
        ...named(record),
        ...(edge && { edge }),
        condition: { all: [...thresholds(opening), ...(tree ? [tree] : [])] },
        active: record.flag('active', true),
        stated: stated.filter((text): text is string => text !== undefined && text !== ''),
        notes: {
          permeability: record.text('permeability', 'Medium'),
          protocol: record.text('protocol', 'Absorb'),
          max_duration: record.text('max_duration', 'Indefinite'),
          accepts: record.texts('accepts'),
          protects: record.texts('protects'),
        },
        file: file.file,
      },
    ]
  })
}

/** Gates on edges; `record` is the whole provisioning file. */
export function readEdgeGates(record: RecordReader): readonly GateDecl[] {
  return record.list('gates').flatMap((item) => {
    const gate = item.record([
      'id',
      'name',
      'description',
      'edge',
      'carries',
      'opens_when',
      'active',
    ])
    if (!gate) return []
    const edge = readEdge(gate.child('edge'))
    return [
      {
        ...named(gate),
        ...(edge && { edge }),
        carries: gate.text('carries', 'Data'),
        condition: readCondition(gate.child('opens_when')) ?? { any: [] },
        active: gate.flag('active', true),
        stated: [],
        notes: {},
        file: record.file,
      },
    ]
  })
}

function named(record: RecordReader): Pick<GateDecl, 'id' | 'name' | 'description'> {
  const id = record.text('id')
  return {
    id,
    name: record.text('name', '') || id,
    description: record.text('description', ''),
  }
}

/** A threshold that is absent, and `core_stable = false`, demand nothing. */
function thresholds(opening: RecordReader | undefined): readonly Condition[] {
  const tension = opening?.number('max_tension_dimensions')
  const pending = opening?.number('pending_transitions')
  return [
    ...(tension === undefined ? [] : [{ max_tension_dimensions: tension }]),
    ...(pending === undefined ? [] : [{ pending_transitions: pending }]),
    ...(opening?.flag('core_stable', false) ? [{ core_stable: true as const }] : []),
  ]
}

function readEdge(reader: Reader): Edge | undefined {
  const record = reader.record(['from', 'to'])
  return record && { from: record.text('from'), to: record.text('to') }
}

/** A condition tree of a file, `at` as text or list. Complains where it is none. */
export function readCondition(reader: Reader): Condition | undefined {
  const record = reader.record([
    'all',
    'any',
    'at_least',
    'of',
    'dimension',
    'at',
    'capability',
    'gate',
  ])
  if (!record) return undefined
  const kinds = ['all', 'any', 'at_least', 'dimension', 'capability', 'gate'] as const
  const kind = kinds.filter((name) => record.has(name))
  const wrong = (wanted: string, found: string) => {
    reader.complain(
      workspaceErrors.PROV_WORKSPACE_FIELD_INVALID(
        { file: reader.file, path: reader.path, wanted, found },
        { place: { file: reader.file } },
      ),
    )
    return undefined
  }
  if (kind.length !== 1) {
    return wrong(
      `a condition with exactly one of ${kinds.join(', ')}`,
      kind.length === 0 ? 'one with none of them' : `one with ${kind.join(' and ')}`,
    )
  }
  const parts = (field: string): readonly Condition[] =>
    record.list(field).flatMap((part) => readCondition(part) ?? [])
  switch (kind[0] as (typeof kinds)[number]) {
    case 'all':
      return { all: parts('all') }
    case 'any':
      return record.list('any').length === 0
        ? wrong('a condition that can hold', 'an empty any')
        : { any: parts('any') }
    case 'at_least': {
      const atLeast = record.number('at_least') ?? 0
      const of = parts('of')
      return atLeast > of.length
        ? wrong('a condition that can hold', `at_least ${atLeast} of ${of.length}`)
        : { at_least: atLeast, of }
    }
    case 'dimension': {
      const at = record.raw('at')
      const states = typeof at === 'string' ? [at] : record.texts('at')
      return states.length === 0
        ? wrong('a condition with the states it accepts in `at`', 'one without')
        : { dimension: record.text('dimension'), at: states }
    }
    case 'capability':
      return { capability: record.text('capability') }
    case 'gate':
      return { gate: record.text('gate') }
  }
}
