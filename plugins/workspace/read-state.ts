/** `.ontology/state.ncl`: dimensions with their states and transitions. @module */
import { nearest } from 'prov'
import type { DimensionTransition } from 'prov/machines'
import { workspaceErrors } from './errors.ts'
import type { Reader } from './fields.ts'
import type { DimensionDecl, StateDecl } from './model.ts'

const dimensionFields = [
  'id',
  'name',
  'description',
  'current_state',
  'desired_state',
  'horizon',
  'states',
  'transitions',
  'coupled_with',
]

/** Dimensions of the file. With `states` declared, every state that is named must be one of them. */
export function readDimensions(file: Reader): readonly DimensionDecl[] {
  const record = file.record(['dimensions'])
  const dimensions = (record?.neededList('dimensions') ?? []).flatMap(readDimension)
  const first = new Map<string, string>()
  for (const { dimension, path } of dimensions) {
    const known = first.get(dimension.id)
    if (known === undefined) first.set(dimension.id, path)
    else {
      file.complain(
        workspaceErrors.PROV_DIMENSION_TWICE(
          { file: file.file, path, id: dimension.id, first: known },
          { place: { file: file.file } },
        ),
      )
    }
  }
  return dimensions.map(({ dimension }) => dimension)
}

function readDimension(
  reader: Reader,
): readonly { readonly dimension: DimensionDecl; readonly path: string }[] {
  const record = reader.record(dimensionFields)
  if (!record) return []
  const id = record.text('id')
  const states = record.list('states').flatMap(readState)
  const known = states.map((state) => state.id)
  const checked = (path: string, state: string): string => {
    if (known.length > 0 && state !== '' && !known.includes(state)) {
      const suggestion = nearest(state, known)
      reader.complain(
        workspaceErrors.PROV_DIMENSION_STATE_UNKNOWN(
          {
            file: reader.file,
            path: `${reader.path}.${path}`,
            dimension: id,
            id: state,
            known,
            ...(suggestion && { suggestion }),
          },
          { place: { file: reader.file } },
        ),
      )
    }
    return state
  }
  const dimension: DimensionDecl = {
    id,
    name: record.text('name', '') || id,
    description: record.text('description', ''),
    current: checked('current_state', record.text('current_state')),
    desired: checked('desired_state', record.text('desired_state')),
    horizon: record.text('horizon', 'Continuous'),
    states,
    transitions: record.list('transitions').flatMap((item, index) => {
      const transition = readTransition(item)
      if (!transition) return []
      checked(`transitions[${index}].from`, transition.from)
      checked(`transitions[${index}].to`, transition.to)
      return [transition]
    }),
    coupledWith: record.texts('coupled_with'),
  }
  return [{ dimension, path: reader.path }]
}

function readState(reader: Reader): readonly StateDecl[] {
  const record = reader.record(['id', 'name', 'description', 'tension'])
  if (!record) return []
  const id = record.text('id')
  return [
    {
      id,
      name: record.text('name', '') || id,
      description: record.text('description', ''),
      tension: record.text('tension', 'Low'),
    },
  ]
}

function readTransition(reader: Reader): DimensionTransition | undefined {
  const record = reader.record(['from', 'to', 'condition', 'catalyst', 'blocker', 'horizon'])
  if (!record) return undefined
  // The originals write the word "none" where there is nothing (D-12).
  const said = (field: string) => {
    const text = record.text(field, '').trim()
    return text === '' || text.toLowerCase() === 'none' ? undefined : text
  }
  const condition = said('condition')
  const catalyst = said('catalyst')
  const blocker = said('blocker')
  return {
    from: record.text('from'),
    to: record.text('to'),
    ...(condition && { condition }),
    ...(catalyst && { catalyst }),
    ...(blocker && { blocker }),
    horizon: record.text('horizon', 'Continuous'),
  }
}
