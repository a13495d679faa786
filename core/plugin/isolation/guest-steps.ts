/**
 * Steps for actors whose state is kept elsewhere: (state, messages) in, steps out, as JSON text.
 * Nothing is remembered between two batches, so this thread may be ended at any moment.
 *
 * @module
 */
import type { EventObject } from 'xstate'
import { parseAddress } from '../../actor/address.ts'
import type { Address } from '../../actor/address.ts'
import { said } from '../../actor/children.ts'
import type { ActorDef, ActorEvent } from '../../actor/define.ts'
import { actorErrors } from '../../actor/errors.ts'
import type { Group } from '../../actor/groups.ts'
import { Host } from '../../actor/host.ts'
import { logicOf } from '../../actor/kin.ts'
import { programFor } from '../../actor/program/choose.ts'
import type { Program, Standing, Step } from '../../actor/program/program.ts'
import type {
  RemoteChild,
  RemoteKept,
  RemoteMessage,
  RemoteStep,
  RemoteTurn,
} from '../../actor/program/remote.ts'
import { serveGuest } from '../../actor/remote-guest.ts'
import { persisted } from '../../actor/state.ts'
import { passOn } from '../../actor/turns.ts'
import { climb, upcast } from '../../actor/versions.ts'
import { asProvError } from '../../errors.ts'
import type { ErrorReport } from '../../errors.ts'
import type { Count } from '../../units.ts'
import { pluginErrors } from '../errors.ts'
import { anyTurn, enoughSteps, longestFrame } from './cage.ts'
import { isPlain } from './parcel.ts'

type Climbing = Parameters<typeof climb>[1]

/** As they were before any plugin came. */
const { parse, stringify } = JSON

export class GuestSteps {
  readonly #plugin: string
  readonly #defs = new Map<string, ActorDef>()
  readonly #programs = new Map<string, Program>()
  /** Says which message of which turn runs now. */
  readonly #mark: (batch: Count, turn: Count, message: Count) => void
  /** Turns that failed so far, and answers that were none. */
  failures: Count = 0

  constructor(plugin: string, mark: (batch: Count, turn: Count, message: Count) => void) {
    this.#plugin = plugin
    this.#mark = mark
  }

  /** Throws what refuses the machine, and what of the definition cannot be known elsewhere. */
  add(def: ActorDef): void {
    const { type, mailbox } = def
    if (typeof mailbox.key === 'function') {
      const what = `the mailbox \`key\` of ${type}, a function (as data, \`key: 'field'\` or \`key: ['path', 'to']\`, it can),`
      throw pluginErrors.PROV_PLUGIN_CANNOT_CROSS({ plugin: this.#plugin, what })
    }
    this.#defs.set(type, def)
    this.program(type)
  }

  get(type: string): ActorDef | undefined {
    return this.#defs.get(type)
  }

  program(type: string): Program {
    let program = this.#programs.get(type)
    if (!program) {
      const def = this.#defs.get(type)
      if (!def) {
        const { PROV_PLUGIN_DOWN } = pluginErrors
        throw PROV_PLUGIN_DOWN({ plugin: this.#plugin, reason: `it knows no actor type ${type}` })
      }
      this.#programs.set(type, (program = programFor(def)))
    }
    return program
  }

  /** Runs what the kernel asked for on behalf of one of its machines. Resolves when it has ended. */
  child({ parent, asked, clock, ...ends }: RemoteChild): Promise<void> {
    const { id, src, input, systemId, syncSnapshot: sync } = asked
    const def = this.#defs.get(typeOf(parent))
    const logic = def && logicOf(def.machine, src)
    if (!logic) throw actorErrors.PROV_ACTOR_CHILD_UNKNOWN({ address: parent, child: id, src })
    const quiet = (): void => {}
    const host = new Host({ name: parent, clock, log: quiet, failed: quiet })
    const start = (hear: (event: EventObject) => void) =>
      host.start({ id, src, logic, input, systemId, sync, hear })
    const { hear } = ends
    // Nobody waits for an answer; a host that is gone needs none.
    const tell = (event: unknown): void => void Promise.resolve(hear(event)).catch(() => {})
    return serveGuest(start, id, { ...ends, hear: tell }, said)
  }

  /** A kept actor up the ladders of its definition. */
  climb({ event, ...kept }: RemoteKept): Pick<RemoteKept, 'state' | 'event'> {
    const { def } = this.program(typeOf(kept.address))
    const parked = event && { parked: { code: '', message: '', event } }
    const risen = climb(def, { ...kept, ...parked } as Climbing)
    return { state: risen.state, ...(risen.parked && { event: risen.parked.event }) }
  }

  upcast(event: ActorEvent, version: Count, address: string): ActorEvent {
    return upcast(this.program(typeOf(address)).def, event, version, address)
  }

  /** Where an actor belongs, asked before its first step here: the kernel keeps it. */
  group(address: Address): Group | string | undefined {
    return this.#defs.get(typeOf(address))?.supervision.group?.(parseAddress(address).id)
  }

  /** A batch of turns, each by itself; of those that would say too much at once, the first. */
  run(batch: Count, text: string): string {
    const turns = parse(text) as readonly RemoteTurn[]
    let answer = ''
    for (const [index, turn] of turns.entries()) {
      if (answer.length > enoughSteps) break
      answer += `${answer && ','}${this.#turn(turn, batch, index)}`
    }
    if (turns.length > 1 || (turns[0]?.messages.length ?? 0) > 1) this.#mark(batch, anyTurn, 0)
    // Whatever came of it, this is how an answer begins.
    if (answer[0] !== '{' || answer[2] !== 's') this.failures++
    return `[${answer}]`
  }

  start(address: Address, input: unknown, sequence: Count, nowMs: number): string {
    const program = this.program(typeOf(address))
    const step = program.start(input, nowMs)
    const group = this.group(address)
    return stringify({
      ...this.#sent(program.def, step, undefined, address, sequence),
      ...(group !== undefined && { group }),
    })
  }

  /** Steps as far as one message takes them; the kernel asks again for the rest. */
  #turn({ address, sequence, state, messages }: RemoteTurn, batch: Count, index: Count): string {
    let steps = ''
    let count = 0
    try {
      const program = this.program(typeOf(address))
      this.#mark(batch, index, 0)
      let at = program.restore(state)
      for (const [n, message] of messages.entries()) {
        this.#mark(batch, index, n)
        const step = stepOf(program, at, message)
        const { def } = program
        const sent = this.#sent(def, step, at.context, address, sequence + ++count)
        steps += `${steps && ','}${this.#told(sent, address)}`
        at = step
        if (at.config.status === 'done') break
        if (steps.length > enoughSteps && count < messages.length)
          return `{"steps":[${steps}],"more":true}`
      }
      return `{"steps":[${steps}]}`
    } catch (thrown) {
      this.failures++
      const failure: ErrorReport = asProvError(thrown).toJSON()
      return `{"steps":[${steps}],"failure":${stringify(failure)}}`
    }
  }

  /** Throws PROV_PLUGIN_CANNOT_CROSS for a step that is longer than a message. */
  #told(step: RemoteStep, address: Address): string {
    const text = stringify(step)
    // Whatever came of it, this is how a step begins.
    if (text[0] !== '{' || text[2] !== 's') this.failures++
    if (3 * text.length <= longestFrame || Buffer.byteLength(text) <= longestFrame) return text
    const most = longestFrame / 1024 / 1024
    const what = `a step of ${address} that says more than ${most} MB`
    throw pluginErrors.PROV_PLUGIN_CANNOT_CROSS({ plugin: this.#plugin, what })
  }

  #sent(def: ActorDef, step: Step, before: unknown, self: Address, sequence: Count): RemoteStep {
    const asked = []
    const beside = []
    for (const one of step.asked) {
      const make = def.records[one.name]
      if (make) beside.push(...[make(one.params as never, { self, sequence })].flat())
      else asked.push(one)
    }
    if (step.context !== before) this.#demandData(step.context, before, self)
    return { state: persisted(step), tags: [...step.config.tags], asked, beside, logs: step.logs }
  }

  /** Text would silently make something else of what is no JSON; only what is new is looked at. */
  #demandData(context: object, before: unknown, self: Address): void {
    const old = (before ?? {}) as Record<string, unknown>
    for (const [key, value] of Object.entries(context)) {
      if (before !== undefined && value === old[key]) continue
      const odd = oddIn(value, key, 0)
      if (odd !== undefined) {
        const what = `${odd} in the context of ${self}`
        throw pluginErrors.PROV_PLUGIN_CANNOT_CROSS({ plugin: this.#plugin, what })
      }
    }
  }
}

/** A timer that an earlier message of this turn cancelled does not ring any more. */
function stepOf(program: Program, at: Standing, { event, nowMs, timer }: RemoteMessage): Step {
  if (timer !== undefined && !at.timers.some(({ id }) => id === timer)) {
    return { ...at, asked: [], logs: [] }
  }
  const set = at.timers.find(({ id }) => id === timer)
  return set?.to === undefined ? program.step(at, event, nowMs, timer) : passOn(at, set)
}

/** Where in a value something is that is no JSON, in words. */
function oddIn(value: unknown, path: string, depth: Count): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : `a number that is none (${path})`
    case 'object':
      break
    default:
      return `a ${typeof value} (${path})`
  }
  if (value === null) return undefined
  if (depth > 100) return `a circle, or something very deep (${path})`
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const odd = oddIn(item, `${path}[${index}]`, depth + 1)
      if (odd !== undefined) return odd
    }
    return undefined
  }
  if (!isPlain(value)) return `an instance of ${value.constructor?.name ?? 'a class'} (${path})`
  for (const [key, item] of Object.entries(value)) {
    const odd = oddIn(item, `${path}.${key}`, depth + 1)
    if (odd !== undefined) return odd
  }
  return undefined
}

export const typeOf = (address: string): string => address.slice(0, address.indexOf('/'))
