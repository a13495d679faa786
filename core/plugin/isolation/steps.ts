/**
 * Steps of actors whose code runs elsewhere, in batches: whatever the kernel asks for within one turn
 * of the event loop shares a message, and what is asked for meanwhile shares the next one.
 *
 *     turn ─▶ queue ─▶ batch ─▶ thread ─▶ answers, each parsed
 *                        │ the thread died
 *                        └─▶ suspects: one message at a time in the next thread;
 *                            the message that kills again is that step's failure
 *
 * Where it is known which message the thread was at, only that one is blamed and nothing is tried
 * again on its account.
 *
 * @module
 */
import type { ActorEvent } from '../../actor/define.ts'
import type { RemoteStep, RemoteTurn } from '../../actor/program/remote.ts'
import type { ErrorReport, ProvError } from '../../errors.ts'
import { exitCodes } from '../../errors.ts'
import type { JsonValue } from '../../json.ts'
import type { Count } from '../../units.ts'
import { pluginErrors } from '../errors.ts'
import { anyTurn, enoughSteps, longestSteps } from './cage.ts'
import type { Doing } from './cage.ts'
import { isRecord } from './parcel.ts'

export interface Turned {
  readonly steps: readonly RemoteStep[]
  readonly failure?: ErrorReport
}

/** Sends a batch to the thread that runs now. */
export type SendBatch = (batch: Count, text: string) => void

interface Pending {
  readonly turn: RemoteTurn
  readonly done: (turned: Turned) => void
  readonly refuse: (error: ProvError) => void
  /** Taken one message at a time: what is known so far. */
  alone?: { steps: RemoteStep[]; poison?: Count; why?: string; tries: Count }
}

const turnsPerBatch: Count = 256
const batchesUnderWay: Count = 2

export class Steps {
  readonly #plugin: string
  readonly #queue: Pending[] = []
  readonly #suspects: Pending[] = []
  readonly #underWay = new Map<Count, readonly Pending[]>()
  #send: SendBatch | undefined
  #down: ProvError | undefined
  #batch = 0
  #pumping = false
  /** Hears of failed steps: a new generation is watched for a while. */
  onFailure: (failure: ErrorReport) => void = () => {}
  /** Hears of answers that were none. */
  onGarbage: (failure: ErrorReport) => void = () => {}

  constructor(plugin: string) {
    this.#plugin = plugin
  }

  /** Nothing waits and nothing is under way. */
  get idle(): boolean {
    return this.#queue.length + this.#suspects.length + this.#underWay.size === 0
  }

  /** Batches sent so far. */
  get batches(): Count {
    return this.#batch
  }

  turn(turn: RemoteTurn): Promise<Turned> {
    return new Promise((done, refuse) => {
      if (this.#down) return refuse(this.#down)
      this.#queue.push({ turn, done, refuse })
      this.#soon()
    })
  }

  /** A thread is there: what is asked for from now on goes there. */
  up(send: SendBatch): void {
    this.#send = send
    this.#down = undefined
    this.#pump()
  }

  /** There is none for now; what is asked for waits. */
  pause(): void {
    this.#send = undefined
  }

  /** There will be none: whoever waits is told. */
  down(error: ProvError): void {
    this.#down = error
    this.#send = undefined
    const all = [...this.#underWay.values()].flat()
    this.#underWay.clear()
    for (const { refuse } of [...all, ...this.#suspects.splice(0), ...this.#queue.splice(0)]) {
      refuse(error)
    }
  }

  /** What that batch is at, for people. */
  name({ a, b, c }: Doing): string {
    const pendings = this.#underWay.get(a) ?? []
    if (b === anyTurn) return `promises that one of ${pendings.length} turns left`
    const pending = pendings[b]
    if (!pending) return 'a step'
    const { address, messages } = pending.turn
    const at = pending.alone ? pending.alone.steps.length : c
    return `a step of ${address} at ${messages[at]?.event.type ?? 'its start'}`
  }

  answered(batch: Count, answer: Readonly<Record<string, unknown>>): void {
    const pendings = this.#underWay.get(batch)
    if (!pendings) return
    this.#underWay.delete(batch)
    const turned = parse(answer, pendings, this.#plugin)
    for (const [index, one] of turned.entries()) {
      const pending = pendings[index] as Pending
      if (pending.alone) this.#took(pending, one)
      else this.#finish(pending, one)
    }
    // More than it says at once: those come again.
    this.#queue.unshift(...pendings.slice(turned.length))
    this.#pump()
  }

  /** The thread died with what was under way there. */
  lost(batches: ReadonlySet<Count>, error: ProvError, doing: Doing | undefined): void {
    const died = [...this.#underWay].filter(([batch]) => batches.has(batch))
    // A thread that ran out of memory may have been filled by somebody before.
    const sure = error.code === 'PROV_PLUGIN_STALLED' || error.code === 'PROV_PLUGIN_EXITED'
    const back: Pending[] = []
    const suspects: Pending[] = []
    for (const [batch, pendings] of died) {
      this.#underWay.delete(batch)
      for (const [index, pending] of pendings.entries()) {
        const here = doing?.kind === 'step' && doing.a === batch
        const elsewhere = doing !== undefined && doing.kind !== 'nothing' && !here
        const { alone } = pending
        if (alone) {
          alone.tries++
          if (!elsewhere || alone.tries > 3) {
            alone.poison = alone.steps.length
            alone.why = error.message
          }
          suspects.push(pending)
        } else if (sure && here && doing.b !== anyTurn) {
          if (doing.b === index) {
            pending.alone = { steps: [], poison: doing.c, why: error.message, tries: 0 }
            suspects.push(pending)
          } else back.push(pending)
        } else if (sure && elsewhere) back.push(pending)
        else {
          pending.alone = { steps: [], tries: 0 }
          suspects.push(pending)
        }
      }
    }
    this.#queue.unshift(...back)
    this.#suspects.unshift(...suspects)
    this.#settlePoison()
  }

  /** Whoever had these batches was let go, through no fault of theirs. */
  back(batches: ReadonlySet<Count>): void {
    const left = [...this.#underWay].filter(([batch]) => batches.has(batch))
    for (const [batch] of left) this.#underWay.delete(batch)
    const pendings = left.flatMap(([, batch]) => batch)
    this.#queue.unshift(...pendings.filter(({ alone }) => !alone))
    this.#suspects.unshift(...pendings.filter(({ alone }) => alone))
    this.#pump()
  }

  #soon(): void {
    if (this.#pumping) return
    this.#pumping = true
    queueMicrotask(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  #pump(): void {
    const send = this.#send
    if (!send) return
    if (this.#suspects.length > 0) {
      if (this.#underWay.size > 0) return
      const [pending] = this.#suspects.splice(0, 1) as [Pending]
      return this.#post(send, [pending], JSON.stringify(alone(pending)))
    }
    while (this.#queue.length > 0 && this.#underWay.size < batchesUnderWay) {
      let turns = ''
      let count = 0
      for (const { turn } of this.#queue) {
        if (count === turnsPerBatch || turns.length > enoughSteps) break
        turns += `${turns && ','}${JSON.stringify(turn)}`
        count++
      }
      this.#post(send, this.#queue.splice(0, count), turns)
    }
  }

  #post(send: SendBatch, pendings: readonly Pending[], turns: string): void {
    const batch = ++this.#batch
    this.#underWay.set(batch, pendings)
    send(batch, `[${turns}]`)
  }

  /** One message of a suspect was survived. */
  #took(pending: Pending, { steps, failure }: Turned): void {
    const mine = pending.alone as NonNullable<Pending['alone']>
    mine.steps.push(...steps)
    mine.tries = 0
    const last = steps.at(-1)
    if (failure) return this.#finish(pending, { steps: mine.steps, failure })
    const all = mine.steps.length >= pending.turn.messages.length
    if (all || steps.length === 0 || last?.state.status === 'done') {
      return this.#finish(pending, { steps: mine.steps })
    }
    this.#suspects.unshift(pending)
    this.#settlePoison()
  }

  /** Suspects that stand before the message that is known to kill are done. */
  #settlePoison(): void {
    for (const pending of Array.from(this.#suspects)) {
      const { alone: mine, turn } = pending
      if (mine?.poison === undefined || mine.steps.length < mine.poison) continue
      this.#suspects.splice(this.#suspects.indexOf(pending), 1)
      const failure = pluginErrors
        .PROV_PLUGIN_POISON({
          plugin: this.#plugin,
          address: turn.address,
          event: turn.messages[mine.steps.length]?.event.type ?? '',
          reason: mine.why ?? '',
          final: true,
        })
        .toJSON()
      this.#finish(pending, { steps: mine.steps, failure })
    }
  }

  #finish({ done }: Pending, turned: Turned): void {
    done(turned)
    const { failure } = turned
    const odd = failure?.code === 'PROV_PLUGIN_GARBAGE' || failure?.code === 'PROV_PLUGIN_DOWN'
    if (failure && odd) this.onGarbage(failure)
    if (failure) this.onFailure(failure)
  }
}

/** The next message of a suspect, from where the ones before it led. */
function alone({ turn, alone: mine }: Pending): RemoteTurn {
  const steps = mine?.steps ?? []
  return {
    address: turn.address,
    sequence: turn.sequence + steps.length,
    state: steps.at(-1)?.state ?? turn.state,
    messages: turn.messages.slice(steps.length, steps.length + 1),
  }
}

/** Answers as they are to be; a turn whose answer is none has failed, and no other one. */
function parse(
  { text, error }: Readonly<Record<string, unknown>>,
  pendings: readonly Pending[],
  plugin: string,
): readonly Turned[] {
  const garbage = (what: string): Turned => ({
    steps: [],
    failure: pluginErrors.PROV_PLUGIN_GARBAGE({ plugin, what }).toJSON(),
  })
  const all = (what: string): readonly Turned[] => pendings.map(() => garbage(what))
  if (typeof text !== 'string') {
    return all(typeof error === 'string' ? `a failure: ${error.slice(0, 500)}` : 'no answer')
  }
  if (text.length > longestSteps) return all('more data than may cross at once')
  let raw: unknown
  try {
    raw = parseJson(text)
  } catch {
    return all('what is no JSON')
  }
  if (!Array.isArray(raw) || raw.length === 0 || raw.length > pendings.length)
    return all('another number of turns')
  return raw.map((one: unknown, index): Turned => {
    const { turn, alone: mine } = pendings[index] as Pending
    const count = mine ? 1 : turn.messages.length
    try {
      return turned(one, count)
    } catch (thrown) {
      return garbage((thrown as Error).message)
    }
  })
}

function turned(raw: unknown, count: Count): Turned {
  const { steps, failure, more } = record(raw, 'a turn')
  if (!Array.isArray(steps) || steps.length > count) throw new TypeError('another number of steps')
  const parsed = steps.map(parseStep)
  const done = parsed.at(-1)?.state.status === 'done'
  if (failure !== undefined) return { steps: parsed, failure: reportOf(failure) }
  const some = more === true && parsed.length > 0
  if (parsed.length < count && !done && !some) throw new TypeError('fewer steps than messages')
  return { steps: parsed }
}

/** Throws TypeError with what is wrong. */
export function parseStep(raw: unknown): RemoteStep {
  const { state, tags, asked, beside, logs } = record(raw, 'a step')
  const { value, context, status, timers, history } = record(state, 'a state')
  if (value === undefined) throw new TypeError('a state without a value')
  record(context, 'a context')
  if (status !== 'active' && status !== 'done') throw new TypeError('a state without a status')
  if (history !== undefined) record(history, 'a history')
  for (const timer of list(timers ?? [], 'timers')) {
    const { id, dueMs, event } = record(timer, 'a timer')
    const whole = typeof id === 'string' && Number.isFinite(dueMs)
    if (!whole || typeof record(event, 'an event')['type'] !== 'string') {
      throw new TypeError('a timer that is none')
    }
  }
  for (const tag of list(tags, 'tags')) {
    if (typeof tag !== 'string') throw new TypeError('a tag that is none')
  }
  for (const one of list(asked, 'actions')) {
    if (typeof record(one, 'an action')['name'] !== 'string') {
      throw new TypeError('an action without a name')
    }
  }
  for (const one of list(beside, 'records')) {
    const { partition, type, body } = record(one, 'a record')
    if (typeof partition !== 'string' || typeof type !== 'string' || body === undefined) {
      throw new TypeError('a record that is none')
    }
  }
  list(logs, 'logs')
  return raw as RemoteStep
}

/** Throws TypeError. */
export function parseEvent(raw: unknown): ActorEvent {
  if (typeof record(raw, 'an event')['type'] === 'string') return raw as ActorEvent
  throw new TypeError('an event without a type')
}

/** Text from elsewhere as plain JSON; the one key that could change a prototype is dropped. */
export function parseJson(text: string): JsonValue {
  if (!text.includes('__proto__')) return JSON.parse(text) as JsonValue
  return JSON.parse(text, function (this: unknown, key, value: unknown) {
    return key === '__proto__' ? undefined : value
  }) as JsonValue
}

function reportOf(raw: unknown): ErrorReport {
  const { code, disposition, message, remedy, detail, cause } = record(raw, 'a failure')
  const known = typeof disposition === 'string' && Object.hasOwn(exitCodes, disposition)
  if (typeof code !== 'string' || !/^PROV_[A-Z0-9_]{1,80}$/.test(code) || !known) {
    throw new TypeError('a failure that is none')
  }
  return {
    code,
    disposition: disposition as ErrorReport['disposition'],
    message: String(message).slice(0, 4_000),
    remedy: String(remedy).slice(0, 1_000),
    detail: isRecord(detail) ? (detail as ErrorReport['detail']) : {},
    ...(typeof cause === 'string' && { cause: cause.slice(0, 4_000) }),
  }
}

function record(raw: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return raw as never
  throw new TypeError(`what is not ${what}`)
}

/** Of effects, timers, sends and the like of one step. */
const longestList: Count = 10_000

function list(raw: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(raw)) throw new TypeError(`${what} that are no list`)
  if (raw.length > longestList) {
    throw new TypeError(`${raw.length} ${what} in one step, where ${longestList} are the most`)
  }
  return raw
}
