/**
 * The workspace alive: one actor per dimension and per gate, kept true by what planes did. An event
 * moves the dimensions it names; only the leaves that look at those facts are answered again, and
 * only the gates that name a changed leaf hear of it. A gate that changed wakes the gates that wait
 * for it, and so on until nothing changes.
 *
 *     op.applied ─▶ dimension.moved ─▶ leaves of it ─▶ condition.changed ─▶ gate ─▶ leaves of it ─▶ …
 *
 * L1  One event after the other, in order; `idle` resolves when all that came so far are done.
 * L2  What the journal's fold says is the truth: at start every actor is brought up to it, and an
 *     actor that missed a move is told where things stand (`dimension.synced`).
 * L3  An actor of something that the files no longer declare is stopped.
 *
 * @module
 */
import { asProvError, canonicalJson, isAudit } from 'prov'
import type { ActorDef, ActorRef, ActorSystem, AuditEvent, JsonValue, Log, OpsModel } from 'prov'
import type {
  DimensionContext,
  DimensionEvent,
  DimensionInput,
  GateContext,
  GateEvent,
  GateInput,
} from '../../machines/index.ts'
import { leafId, leavesOf } from '../../policies/index.ts'
import type { GateStatus, Leaf } from '../../policies/index.ts'
import { gatesByLeaf, judgeGates, leafVerdict } from './conditions.ts'
import type { LeafVerdict } from './conditions.ts'
import { positionOf } from './model.ts'
import type { DimensionDecl, GateDecl, Standing, WorkspaceModel } from './model.ts'

export type DimensionDef = ActorDef<DimensionContext, DimensionEvent, DimensionInput>
export type GateDef = ActorDef<GateContext, GateEvent, GateInput>

export interface LiveOptions {
  readonly model: WorkspaceModel
  readonly actors: ActorSystem
  readonly dimension: DimensionDef
  readonly gate: GateDef
  /** What the events add up to, now. */
  readonly ops: () => OpsModel
  readonly standing: () => Standing
  readonly log: Log
}

type DimensionRef = ActorRef<DimensionContext, DimensionEvent>
type GateRef = ActorRef<GateContext, GateEvent>

export class LiveWorkspace {
  readonly #options: LiveOptions
  readonly #dimensions = new Map<string, DimensionRef>()
  readonly #gates = new Map<string, GateRef>()
  /** Every leaf that some gate names, by id, and what was last answered. */
  readonly #leaves = new Map<string, Leaf>()
  readonly #answers = new Map<string, LeafVerdict>()
  readonly #gatesByLeaf: ReadonlyMap<string, readonly string[]>
  #work: Promise<void> = Promise.resolve()

  constructor(options: LiveOptions) {
    this.#options = options
    const { gates } = options.model
    this.#gatesByLeaf = gatesByLeaf(gates)
    for (const gate of gates) {
      for (const leaf of leavesOf(gate.condition)) this.#leaves.set(leafId(leaf), leaf)
    }
  }

  /** Starts or finds every actor and brings it up to the journal; events taken meanwhile wait. */
  start(): Promise<void> {
    this.#work = this.#begin()
    return this.#work
  }

  async #begin(): Promise<void> {
    const { model, actors } = this.#options
    await this.#forget('dimension', model.dimensions)
    await this.#forget('gate', model.gates)
    for (const dimension of model.dimensions) await this.#startDimension(dimension)
    const verdicts = new Map(
      judgeGates(model, this.#options.standing()).map((one) => [one.id, one.leaves]),
    )
    for (const gate of model.gates) {
      const input = inputOf(gate, verdicts.get(gate.id) ?? [])
      const ref = await actors.spawn(this.#options.gate, gate.id, input)
      this.#gates.set(gate.id, ref)
      const { condition, active } = ref.snapshot().context
      if (!same({ condition, active }, { condition: gate.condition, active: gate.active })) {
        await ref.apply({ type: 'gate.redefined', ...input })
      }
    }
    await this.#answer([...this.#leaves.keys()], { all: true })
  }

  /** Takes a durable event; what follows from it happens in order, behind earlier ones. */
  take(event: AuditEvent): void {
    this.#work = this.#work
      .then(() => this.#apply(event))
      .catch((thrown: unknown) => {
        const { code, message } = asProvError(thrown)
        this.#options.log.error(`${event.id} did not reach every actor: ${message}`, { code })
      })
  }

  /** Resolves when everything taken so far reached the actors. */
  idle(): Promise<void> {
    return this.#work
  }

  async #startDimension(dimension: DimensionDecl): Promise<void> {
    const { actors, dimension: def } = this.#options
    const { id, desired, transitions } = dimension
    const { state: current, version } = this.#position(dimension)
    const input = { id, current, desired, transitions, version }
    const ref = await actors.spawn(def, id, input)
    this.#dimensions.set(id, ref)
    const known = ref.snapshot().context
    if (!same([known.desired, known.transitions], [desired, transitions])) {
      await ref.apply({ type: 'dimension.redefined', desired, transitions })
    }
    await this.#bringUp(dimension, ref)
    const { heldBy, declared } = ref.snapshot().context
    const rows = [...this.#options.ops().open.values()]
    const holder = rows.find(
      ({ phase, writes }) =>
        (phase === 'claimed' || phase === 'applying' || phase === 'in_doubt') &&
        writes?.includes(id) === true,
    )
    if (heldBy !== null && heldBy !== holder?.id) {
      await ref.apply({ type: 'dimension.released', op: heldBy })
    }
    if (holder && heldBy !== holder.id) await ref.apply({ type: 'dimension.held', op: holder.id })
    const waits = rows.some(
      ({ type, target, outcome }) =>
        type === 'dimension.declare' && target === id && outcome === undefined,
    )
    if (declared !== null && !waits) await ref.apply({ type: 'dimension.declined' })
  }

  /** Moves it one version on, or tells it where it stands when it missed more than that. */
  async #bringUp(dimension: DimensionDecl, ref: DimensionRef): Promise<void> {
    const { state, version } = this.#position(dimension)
    const op = this.#options.ops().positions[dimension.id]?.op ?? 'genesis'
    if (ref.snapshot().context.version < version) {
      await ref.apply({ type: 'dimension.moved', to: state, version, op })
    }
    if (ref.snapshot().value === 'behind') {
      await ref.apply({ type: 'dimension.synced', current: state, version })
    }
  }

  async #apply(event: AuditEvent): Promise<void> {
    if (!event.type.startsWith('prov.op.')) return
    const op = event.subject
    const row = this.#options.ops().ops.get(op)
    if (isAudit(event, 'op.submitted')) {
      const { type, target, params } = event.data.op
      const to = params?.['to']
      if (type !== 'dimension.declare' || typeof to !== 'string') return
      await this.#dimensions.get(target)?.apply({ type: 'dimension.declared', to })
    } else if (isAudit(event, 'op.claimed')) {
      for (const id of event.data.writes) {
        await this.#dimensions.get(id)?.apply({ type: 'dimension.held', op })
      }
    } else if (isAudit(event, 'op.applied')) {
      const at = Date.parse(event.time)
      for (const { dimension, to, version } of event.data.moves) {
        await this.#move(dimension, { to, version, op, at })
      }
      await this.#release(op)
      const { moves, gained, lost } = event.data
      await this.#changed({
        dimensions: moves.map(({ dimension }) => dimension),
        capabilities: [...gained, ...lost],
      })
    } else if (isAudit(event, 'op.in_doubt')) {
      await this.#changed({ dimensions: row?.writes ?? [], capabilities: [] })
    } else if (row?.outcome !== undefined) {
      if (row.type === 'dimension.declare') {
        await this.#dimensions.get(row.target)?.apply({ type: 'dimension.declined' })
      }
      await this.#release(op)
      // What was in doubt counts again.
      await this.#changed({ dimensions: row.writes ?? [], capabilities: [] })
    }
  }

  async #move(
    id: string,
    move: {
      readonly to: string
      readonly version: number
      readonly op: string
      readonly at: number
    },
  ): Promise<void> {
    const ref = this.#dimensions.get(id)
    const dimension = this.#options.model.dimensions.find((one) => one.id === id)
    if (!ref || !dimension) return
    await ref.apply({ type: 'dimension.moved', ...move })
    if (ref.snapshot().value === 'behind') await this.#bringUp(dimension, ref)
  }

  async #release(op: string): Promise<void> {
    for (const ref of this.#dimensions.values()) {
      if (ref.snapshot().context.heldBy !== op) continue
      await ref.apply({ type: 'dimension.released', op })
    }
  }

  /** Answers the leaves that look at these facts; counts over all dimensions look at every move. */
  #changed(facts: {
    readonly dimensions: readonly string[]
    readonly capabilities: readonly string[]
  }): Promise<void> {
    const { dimensions, capabilities } = facts
    const touched = [...this.#leaves].flatMap(([id, leaf]) => {
      if ('dimension' in leaf) return dimensions.includes(leaf.dimension) ? [id] : []
      if ('capability' in leaf) return capabilities.includes(leaf.capability) ? [id] : []
      const counts = 'max_tension_dimensions' in leaf || 'pending_transitions' in leaf
      return counts && dimensions.length > 0 ? [id] : []
    })
    return this.#answer(touched, { all: false })
  }

  /** `all` tells gates also what did not change: they may have slept through it. */
  async #answer(leaves: readonly string[], { all }: { readonly all: boolean }): Promise<void> {
    const { model, standing } = this.#options
    const queue = [...leaves]
    for (const id of queue) {
      const leaf = this.#leaves.get(id) as Leaf
      const answer = leafVerdict(leaf, model, standing(), (gate) => this.#statusOf(gate))
      if (!all && this.#answers.get(id)?.met === answer.met) continue
      this.#answers.set(id, answer)
      for (const gate of this.#gatesByLeaf.get(id) ?? []) {
        const before = this.#statusOf(gate)
        await this.#tell(gate, answer)
        if (this.#statusOf(gate) === before) continue
        for (const [other, waits] of this.#leaves) {
          if ('gate' in waits && waits.gate === gate) queue.push(other)
        }
      }
    }
  }

  async #tell(gate: string, { leaf, met, why }: LeafVerdict): Promise<void> {
    const ref = this.#gates.get(gate)
    if (!ref || ref.snapshot().context.leaves[leaf]?.met === met) return
    await ref.apply({ type: 'condition.changed', leaf, met, why })
  }

  #statusOf(gate: string): GateStatus | undefined {
    return this.#gates.get(gate)?.snapshot().value as GateStatus | undefined
  }

  #position(dimension: DimensionDecl) {
    return positionOf(dimension, this.#options.standing())
  }

  async #forget(type: string, declared: readonly { readonly id: string }[]): Promise<void> {
    for (const { address, status } of this.#options.actors.list({ type })) {
      const id = address.slice(type.length + 1)
      if (status === 'stopped' || declared.some((one) => one.id === id)) continue
      await this.#options.actors.stop(address)
    }
  }
}

/** A gate is born knowing what is true now, so that a first start is one step per gate. */
function inputOf(
  { id, condition, active }: GateDecl,
  leaves: readonly LeafVerdict[],
): GateInput & { readonly active: boolean } {
  const truth = Object.fromEntries(leaves.map(({ leaf, met }) => [leaf, met]))
  return { id, condition, active, leaves: truth }
}

const same = (one: object, other: object) =>
  canonicalJson(one as JsonValue) === canonicalJson(other as JsonValue)
