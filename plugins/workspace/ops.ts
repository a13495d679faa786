/**
 * Operations as the workspace declares them: from "deploy app-cluster/cert-manager" to the body that
 * people sign (D-23).
 *
 * @module
 */
import type { JsonObject, OpBody, OpRun, ReadContext } from 'prov'
import { isShown, nearest, opErrors, opTypePoint, secretParam } from 'prov'
import { compileGlob, separators } from 'prov/policies'
import { workspaceErrors } from './errors.ts'
import type { OpTypeDecl, Standing, WorkspaceModel } from './model.ts'
import { positionOf } from './model.ts'

/** Types that every workspace knows: they move state and run nothing. */
export const builtInTypes = ['dimension.transition', 'dimension.declare'] as const

export interface OpRequest {
  readonly type: string
  readonly target: string
  readonly image?: string | undefined
  readonly params?: JsonObject | undefined
  readonly compensates?: string | undefined
}

/** An op type of the workspace or of a plugin, which may also run a component. */
export interface KnownOpType extends Omit<OpTypeDecl, 'run' | 'description'> {
  readonly run?: OpRun
}

/** What plugins bring, asked only about a type that the workspace does not know: theirs counts first. */
export async function brought(
  model: WorkspaceModel,
  { type }: Pick<OpRequest, 'type'>,
  { contributions }: Pick<ReadContext, 'contributions'>,
): Promise<readonly KnownOpType[]> {
  const known = [...builtInTypes, ...model.opTypes.map((one) => one.type)]
  if (known.includes(type)) return []
  return (await contributions(opTypePoint)).map(({ value }) => value)
}

/** The first op type that fits. */
export function opTypeFor<T extends KnownOpType>(
  opTypes: readonly T[],
  request: Pick<OpRequest, 'type' | 'target'>,
): T | undefined {
  return opTypes.find(
    (op) =>
      op.type === request.type &&
      op.targets.some((pattern) => compileGlob(pattern, separators.target).matches(request.target)),
  )
}

/**
 * The body of a request; what plugins bring (`more`) comes after what the workspace declares. Throws PROV_OP_TYPE_UNKNOWN, PROV_OP_TARGET_UNKNOWN, and for the built-in
 * types PROV_OP_DIMENSION_UNKNOWN: their target is a dimension, `params.to` the state. A parameter
 * that holds a secret is refused with PROV_OP_PARAM_SECRET, a name that holds signs nobody sees with
 * PROV_OP_NAME_UNSHOWN: bodies are read by who agrees, signed, and kept for ever.
 */
export function bodyOf(
  model: WorkspaceModel,
  standing: Standing,
  request: OpRequest,
  more: readonly KnownOpType[] = [],
): OpBody {
  for (const field of ['type', 'target', 'image'] as const) {
    if (!isShown(request[field] ?? '')) throw opErrors.PROV_OP_NAME_UNSHOWN({ field })
  }
  const secret = secretParam(request.params)
  if (secret !== undefined) throw opErrors.PROV_OP_PARAM_SECRET({ param: secret })
  const common = {
    type: request.type,
    target: request.target,
    ...(request.image !== undefined && { image: request.image }),
    ...(request.params && { params: request.params }),
    ...(request.compensates !== undefined && { compensates: request.compensates }),
  }
  if ((builtInTypes as readonly string[]).includes(request.type)) {
    return { ...common, ...moveBody(model, standing, request) }
  }
  const opTypes: readonly KnownOpType[] = [...model.opTypes, ...more]
  const op = opTypeFor(opTypes, request)
  if (!op) {
    const targets = opTypes.filter((one) => one.type === request.type).flatMap((one) => one.targets)
    if (targets.length > 0) {
      throw workspaceErrors.PROV_OP_TARGET_UNKNOWN({
        type: request.type,
        target: request.target,
        targets,
        suggestion: nearest(request.target, targets),
      })
    }
    const known = [...new Set([...opTypes.map((one) => one.type), ...builtInTypes])]
    throw opErrors.PROV_OP_TYPE_UNKNOWN({
      type: request.type,
      known,
      suggestion: nearest(request.type, known),
    })
  }
  return {
    ...common,
    // As declared and no other: whoever asks does not choose what rules see.
    scope: op.scope,
    destructive: op.destructive,
    achieves: op.achieves,
    gains: op.gains,
    loses: op.loses,
    requires: op.requires,
    ...(op.inverse !== undefined && { inverse: op.inverse }),
    ...(op.run && { run: op.run }),
  }
}

function moveBody(
  model: WorkspaceModel,
  standing: Standing,
  request: OpRequest,
): Omit<OpBody, 'type' | 'target' | 'image' | 'params'> {
  const dimension = model.dimensions.find((one) => one.id === request.target)
  if (!dimension) {
    const known = model.dimensions.map((one) => one.id)
    throw opErrors.PROV_OP_DIMENSION_UNKNOWN({
      dimension: request.target,
      known,
      suggestion: nearest(request.target, known),
    })
  }
  const from = positionOf(dimension, standing).state
  const to = request.params?.['to']
  const ways = dimension.transitions.filter((way) => way.from === from).map((way) => way.to)
  const states = dimension.states.map((state) => state.id)
  // A declaration may say any state that exists; a transition must be one that the file knows.
  const known = request.type === 'dimension.transition' ? ways : states
  const anyState = request.type === 'dimension.declare' && states.length === 0
  if (typeof to !== 'string' || !(anyState || known.includes(to))) {
    throw workspaceErrors.PROV_DIMENSION_STATE_UNKNOWN({
      file: '.ontology/state.ncl',
      path: `${request.type} ${dimension.id}, params.to`,
      dimension: dimension.id,
      id: typeof to === 'string' ? to : '(nothing)',
      known,
    })
  }
  return {
    scope: [`dimension:${dimension.id}`],
    destructive: false,
    achieves: [{ dimension: dimension.id, from, to }],
    gains: [],
    loses: [],
    requires: [],
  }
}

/** Where things would stand if the operation were applied now. */
export function standingAfter(
  standing: Standing,
  body: Pick<OpBody, 'achieves' | 'gains' | 'loses'>,
): Standing {
  const positions = { ...standing.positions }
  for (const move of body.achieves) {
    const version = standing.positions[move.dimension]?.version ?? 0
    positions[move.dimension] = { state: move.to, version: version + 1 }
  }
  const kept = standing.capabilities.filter((id) => !body.loses.includes(id))
  return {
    ...standing,
    positions,
    capabilities: [...new Set([...kept, ...body.gains])],
  }
}
