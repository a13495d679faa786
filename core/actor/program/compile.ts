/**
 * A program of plans. A step looks up what its event may do where the actor stands, asks the guards
 * that have a say, and runs the actions of the plan at the end of that path; nothing about the shape
 * of the machine is worked out twice.
 *
 *     (configuration, event type) ─▶ choice ─▶ guards ─▶ path ─▶ plan ─▶ (actions, configuration)
 *
 * @module
 */
import type { AnyMachineSnapshot } from 'xstate'
import type { JsonObject } from '../../json.ts'
import type { Count, Millis } from '../../units.ts'
import type { ActorDef, ActorEvent } from '../define.ts'
import type { ActorState, TimerState } from '../state.ts'
import type { Change, Op } from './actions.ts'
import type { Draft, Place } from './draft.ts'
import { longestStep, without } from './draft.ts'
import { freezeNew } from './freeze.ts'
import { Config, Configs } from './intern.ts'
import { Lexicon } from './lexicon.ts'
import { planMicrostep, planStart } from './plan.ts'
import type { Microstep } from './plan.ts'
import { none } from './program.ts'
import type { Asked, LogLine, Program, Standing, Step } from './program.ts'
import { choiceOf, eventlessChoice } from './select.ts'
import type { Choice, Path, Plan } from './select.ts'
import { xstateSnapshot } from './snapshot.ts'
import { nodesOfValue, rememberedOf, valueOf } from './tree.ts'

/** Actors that keep nothing are watched for writes into their context this long: freezing costs. */
const watchedSteps = 1_000

class PlannedStep implements Step {
  config: Config
  context: JsonObject
  timers: readonly TimerState[]
  asked: readonly Asked[]
  logs: readonly LogLine[]

  constructor(
    config: Config,
    context: JsonObject,
    timers: readonly TimerState[],
    asked: readonly Asked[],
    logs: readonly LogLine[],
  ) {
    this.config = config
    this.context = context
    this.timers = timers
    this.asked = asked
    this.logs = logs
  }
}

function made(
  into: PlannedStep | undefined,
  config: Config,
  context: JsonObject,
  timers: readonly TimerState[],
  asked: readonly Asked[],
  logs: readonly LogLine[],
): Step {
  if (into === undefined) return new PlannedStep(config, context, timers, asked, logs)
  into.config = config
  into.context = context
  into.timers = timers
  into.asked = asked
  into.logs = logs
  return into
}

export class CompiledProgram implements Program {
  readonly def: ActorDef
  readonly mode = 'compiled'
  readonly why = undefined
  readonly #lexicon: Lexicon
  readonly #draft: Draft
  readonly #configs: Configs
  readonly #longest: Count
  /** Steps whose context is still frozen. */
  #watched: Count
  /** Where `stateIn` stands while the first state is made. */
  readonly #before: Place
  #first: Plan | undefined = undefined
  /** What leaps are written into. */
  #spare: PlannedStep | undefined = undefined
  /** New configurations or plans since they were counted. */
  #grown = false

  constructor(def: ActorDef, lexicon = new Lexicon(def, def.machine), limit?: Count) {
    const { maxIterations = longestStep } = lexicon.machine.options
    this.def = def
    this.#lexicon = lexicon
    this.#draft = lexicon.draft
    this.#configs = new Configs(limit)
    const { root } = lexicon.machine
    this.#before = { nodes: [root], value: valueOf(root, [root]) }
    this.#longest = Math.min(longestStep, maxIterations)
    this.#watched = def.durability === 'volatile' ? watchedSteps : Number.MAX_SAFE_INTEGER
  }

  start(input: unknown, nowMs: Millis): Step {
    const draft = this.#draft
    const { context } = this.#lexicon.machine.config
    draft.open({}, { type: 'xstate.init', input } as ActorEvent, none, nowMs)
    if (typeof context === 'function') {
      const made = (context as (args: unknown) => JsonObject)({ input, ...this.#lexicon.birth })
      draft.context = Object.assign({}, made)
    } else if (context) draft.context = context as JsonObject
    this.#first ??= this.#planned(planStart(this.#lexicon))
    const plan = this.#first
    draft.place = this.#before
    run(plan, draft)
    return this.#close(this.#settle(plan), {}, undefined)
  }

  step(at: Standing, event: ActorEvent, nowMs: Millis, timer?: string): Step {
    return this.#step(at, event, nowMs, timer, undefined)
  }

  leap(at: Standing, event: ActorEvent, nowMs: Millis, timer?: string): Step {
    this.#spare ??= new PlannedStep(at.config as Config, at.context, none, none, none)
    return this.#step(at, event, nowMs, timer, this.#spare)
  }

  /** `into` is written over where its caller only looks at it once. */
  #step(
    at: Standing,
    event: ActorEvent,
    nowMs: Millis,
    timer: string | undefined,
    into: PlannedStep | undefined,
  ): Step {
    const timers = timer === undefined ? at.timers : without(at.timers, timer)
    let config = at.config as Config
    if (config.table !== this.#configs) {
      if (config.status === 'done') {
        return made(into, config, at.context, timers, none, none)
      }
      config = this.#adopted(at)
    }
    const draft = this.#draft
    const { type } = event
    const choice =
      config.lastType === type ? (config.lastChoice as Choice) : this.#choice(config, type)
    let path = choice.fixed
    if (path === undefined) {
      draft.open(at.context, event, timers, nowMs)
      draft.place = config
      path = choice.path(draft)
    }
    const plan = path.plan ?? this.#plan(config, path)
    if (path === choice.nothing && type.startsWith('xstate.error.actor')) {
      throw (event as { readonly error?: unknown }).error
    }
    if (plan.changes !== undefined) {
      return this.#changed(plan, at.context, event, timers, nowMs, into)
    }
    if (choice.fixed !== undefined) {
      draft.open(at.context, event, timers, nowMs)
      draft.place = config
    }
    const { ops } = plan
    for (let index = 0; index < ops.length; index++) (ops[index] as Op)(draft)
    const next = plan.settled && draft.queue.length === 0 ? plan.next : this.#settle(plan)
    return this.#close(next, at.context, into)
  }

  /** A step that only assigns: without the draft, which only a `spawn` inside of an assign looks at. */
  #changed(
    { changes, next }: Plan,
    before: JsonObject,
    event: ActorEvent,
    timers: readonly TimerState[],
    nowMs: Millis,
    into: PlannedStep | undefined,
  ): Step {
    const all = changes as readonly Change[]
    let context = before
    let asked: readonly Asked[] = none
    if (all.length > 0) {
      const draft = this.#draft
      draft.nowMs = nowMs
      draft.asked = undefined
      for (let at = 0; at < all.length; at++) {
        context = (all[at] as Change)(this.#lexicon.argsOfAssign(context, event))
      }
      if (draft.asked !== undefined) {
        asked = draft.asked
        draft.asked = undefined
      }
    }
    this.#seal(context, before)
    return made(into, next, context, timers, asked, none)
  }

  restore({ value, context, status, output, history, timers = none }: ActorState): Standing {
    const { root } = this.#lexicon.machine
    const nodes = nodesOfValue(root, value)
    const remembered = rememberedOf(root, history)
    const config =
      status === 'done'
        ? new Config(nodes, remembered, { output })
        : this.#configs.of(nodes, remembered)
    return { config, context, timers }
  }

  snapshot(at: Standing): AnyMachineSnapshot {
    return xstateSnapshot(this.def.machine, at)
  }

  /** How much is worked out, in configurations and plans. */
  get size(): Count {
    return this.#configs.size
  }

  /** Goes on by itself until nothing is raised and no eventless transition is taken. */
  #settle(first: Plan): Config {
    const draft = this.#draft
    let plan = first
    let config = plan.next
    let asks = true
    for (let steps = 1; !plan.done; steps++) {
      if (steps > this.#longest) {
        throw new Error(`more than ${this.#longest} microsteps without coming to rest: a loop`)
      }
      draft.place = config
      const eventless: Choice | null = asks ? this.#eventless(config) : null
      let path: Path | undefined = eventless === null ? undefined : eventless.path(draft)
      const isEventless: boolean = path !== undefined && path !== eventless?.nothing
      if (!isEventless) {
        const raised = draft.queue.shift()
        if (raised === undefined) break
        draft.event = raised
        path = this.#choice(config, raised.type).path(draft)
      }
      plan = (path as Path).plan ?? this.#plan(config, path as Path)
      draft.touched = false
      run(plan, draft)
      config = plan.next
      // An eventless transition after which everything is as it was is not taken again at once.
      asks = !isEventless || plan.fresh || draft.touched
    }
    return plan.done
      ? new Config(config.nodes, config.remembered, { output: draft.output })
      : config
  }

  #close(config: Config, before: JsonObject, into: PlannedStep | undefined): Step {
    const draft = this.#draft
    const { context } = draft
    this.#seal(context, before)
    const asked = draft.asked ?? none
    const logs = draft.logs ?? none
    const timers = config.status === 'done' ? none : draft.timers
    // What is handed out is out of the draft's reach.
    draft.asked = undefined
    draft.logs = undefined
    return made(into, config, context, timers, asked, logs)
  }

  /** The end of every step. Throws for a context that cannot be kept. */
  #seal(context: JsonObject, before: JsonObject): void {
    if (this.#watched > 0) {
      this.#watched--
      freezeNew(context, before, this.def.durability !== 'volatile')
    }
    if (!this.#grown) return
    this.#grown = false
    this.#configs.bound()
  }

  #choice(config: Config, type: string): Choice {
    let choice = (config.choices ??= new Map()).get(type)
    if (!choice) {
      const { root } = this.#lexicon.machine
      choice = choiceOf(this.#lexicon, root, config.value, type)
      config.choices.set(type, choice)
    }
    config.lastType = type
    config.lastChoice = choice
    return choice
  }

  #eventless(config: Config): Choice | null {
    // Not `??=`: `null` is an answer.
    if (config.eventless === undefined) {
      config.eventless = eventlessChoice(this.#lexicon, config.nodes) ?? null
    }
    return config.eventless
  }

  #plan(config: Config, path: Path): Plan {
    const { transitions } = path
    const { nodes, remembered } = config
    return (path.plan =
      transitions.length === 0
        ? this.#planned({ nodes, remembered, ops: none, done: false, fresh: false })
        : this.#planned(planMicrostep(this.#lexicon, config, transitions)))
  }

  #planned({ ops, nodes, remembered, done, fresh }: Microstep): Plan {
    const next = this.#configs.of(nodes, remembered)
    const settled = !done && this.#eventless(next) === null
    this.#configs.planned()
    this.#grown = true
    const changes = ops.flatMap(({ change }) => change ?? [])
    const pure = settled && changes.length === ops.length
    return { ops, next, done, fresh, settled, changes: pure ? changes : undefined }
  }

  /** A configuration of this program that stands for a dropped or a foreign one. */
  #adopted({ config, context }: Standing): Config {
    if (config instanceof Config && config.nodes[0]?.machine === this.#lexicon.machine) {
      return this.#configs.again(config)
    }
    const { value, status, history } = config
    const state = { value, context, status, ...(history && { history }) }
    return this.restore(state).config as Config
  }
}

function run({ ops }: Plan, draft: Draft): void {
  for (const op of ops) op(draft)
}
