/**
 * Operations that a plugin brings: the same declaration that a workspace writes into
 * `.ontology/provisioning.ncl`, plus the choice to be carried out inside this process (D-23).
 *
 *     contributes: [defineOpType({ type: 'acme.spend', describe: '…', targets: ['*'], apply })]
 *
 * What people sign is the body that comes out of it, so a plugin can no more do something behind
 * their backs than a file can: moves, scope, gates and the name of the component are in the digest.
 *
 * @module
 */
import type { ActorSystem } from '../actor/system.ts'
import type { JsonObject } from '../json.ts'
import { contribute, extensionPoint } from '../plugin/service.ts'
import type { Contribution } from '../plugin/service.ts'
import { opErrors } from './errors.ts'
import type { OpBody, StepRun, Transition } from './op.ts'

/** What a component is handed. */
export interface ComponentCall {
  readonly op: string
  /** Stands for this effect for ever: the same again after a crash. Be idempotent by it. */
  readonly token: string
  readonly body: OpBody
  /** The kernel; actor types of the plugin are registered by then. */
  readonly actors: ActorSystem
  /** Aborts when Prov ends. An abort never means that nothing happened. */
  readonly signal: AbortSignal
}

/** Facts about what was done, for ledger and people: never a secret. */
export type ComponentDetail = Readonly<Record<string, string | number | boolean>>

/**
 * The work itself. A ProvError of disposition `unknown` leaves the operation in doubt; any other
 * throw is its failure, with the error's code.
 */
export type Component = (call: ComponentCall) => Promise<ComponentDetail | void>

/**
 * What may follow a crash between call and answer: a `keyed` component is called again under the
 * same token, an `opaque` one is not, and the operation is in doubt.
 */
export type ComponentClass = 'keyed' | 'opaque'

interface OpTypeCommon {
  /** With a name in front: `acme.spend`. `dimension.` and `prov.` are taken. */
  readonly type: string
  /** One sentence for people. */
  readonly describe: string
  /** Patterns: `*` stays between slashes, `**` crosses. */
  readonly targets: readonly string[]
  /** Default: none; policies that ask for a scope then do not match. */
  readonly scope?: readonly string[]
  /** Takes something away that cannot be made again. Default false. */
  readonly destructive?: boolean
  readonly achieves?: readonly Transition[]
  readonly gains?: readonly string[]
  readonly loses?: readonly string[]
  /** Gates that must be open when it is claimed. */
  readonly requires?: readonly string[]
  /** Op type that takes it back, on the same target with the same parameters. Default: none. */
  readonly inverse?: string
}

/** Steps on a machine, a component in this process, or neither: then it only moves state. */
export type OpTypeSpec = OpTypeCommon &
  (
    | { readonly run?: StepRun; readonly apply?: never; readonly class?: never }
    | {
        readonly apply: Component
        /** Default `opaque`. */
        readonly class?: ComponentClass
        readonly run?: never
      }
  )

/** An op type as it stands in the extension point, defaults filled in. */
export interface OpType {
  readonly type: string
  readonly describe: string
  readonly targets: readonly string[]
  readonly scope: readonly string[]
  readonly destructive: boolean
  readonly achieves: readonly Transition[]
  readonly gains: readonly string[]
  readonly loses: readonly string[]
  readonly requires: readonly string[]
  readonly inverse?: string
  readonly run?: StepRun | { readonly component: string }
  readonly apply?: Component
  readonly class: ComponentClass
}

/** Where op types of plugins are found. */
export const opTypePoint = extensionPoint<OpType>('prov.op-type')

const namePattern = /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9_-]*)+$/
const lists = ['targets', 'scope', 'gains', 'loses', 'requires'] as const
const moveFields = ['dimension', 'from', 'to'] as const

/** An op type, ready to be listed in `contributes`. Throws PROV_OP_TYPE_INVALID. */
export function defineOpType(spec: OpTypeSpec): Contribution {
  const { type } = spec
  const refuse = (what: string) => opErrors.PROV_OP_TYPE_INVALID({ type: String(type), what })
  if (typeof type !== 'string' || !namePattern.test(type)) {
    throw refuse('its name needs a name in front, as in `acme.spend`')
  }
  if (/^(dimension|prov)\./.test(type)) throw refuse('this front of a name is Prov’s own')
  if (typeof spec.describe !== 'string') throw refuse('`describe` is missing')
  if ((spec.targets ?? []).length === 0) throw refuse('`targets` names nothing')
  for (const list of lists) {
    const value: unknown = spec[list] ?? []
    const texts = Array.isArray(value) && value.every((item) => typeof item === 'string')
    if (!texts) throw refuse(`\`${list}\` is a list of texts`)
  }
  for (const move of spec.achieves ?? []) {
    const { dimension, from, to } = move
    const whole = [dimension, from, to].every((name) => typeof name === 'string')
    if (!whole || Object.keys(move).length !== moveFields.length) {
      throw refuse(`a move has ${moveFields.join(', ')}`)
    }
  }
  if (spec.inverse !== undefined && typeof spec.inverse !== 'string') {
    throw refuse('`inverse` is the name of an op type')
  }
  if (spec.run && spec.apply) throw refuse('it has steps or a component, not both')
  if (spec.apply !== undefined && typeof spec.apply !== 'function') {
    throw refuse('`apply` is a function')
  }
  const { run, apply } = spec
  const value: OpType = {
    type,
    describe: spec.describe,
    targets: spec.targets,
    scope: spec.scope ?? [],
    destructive: spec.destructive ?? false,
    achieves: spec.achieves ?? [],
    gains: spec.gains ?? [],
    loses: spec.loses ?? [],
    requires: spec.requires ?? [],
    ...(spec.inverse !== undefined && { inverse: spec.inverse }),
    ...(run && { run: JSON.parse(JSON.stringify(run)) as JsonObject as unknown as StepRun }),
    ...(apply && { run: { component: type }, apply }),
    class: spec.class ?? 'opaque',
  }
  return contribute(opTypePoint, type, Object.freeze(value))
}
