/**
 * Actors as traces of OpenTelemetry. The API is handed in, so nothing of it is loaded unless somebody
 * traces, and whatever version is there is used:
 *
 *     import * as api from '@opentelemetry/api'
 *     createRuntime({ workspace, ...openTelemetry(api) })
 *
 *     caller's span
 *       └─ step      acme.order/7 order.placed      from the turn to the commit
 *            ├─ effect   charge                      while its handler runs, which runs inside of it
 *            └─ tell     acme.stock/eu stock.taken   while it waits in the mailbox
 *                 └─ step    acme.stock/eu stock.taken
 *
 * `traceparent` travels in the envelope and, with the step that promised it, in the journal: what is
 * told or done after a restart still belongs to the trace that asked for it.
 *
 * @module
 */
import type { JsonValue } from '../json.ts'
import type { Count } from '../units.ts'
import type { Address } from './address.ts'
import { typeOf } from './address.ts'
import { messageIn } from './inspect.ts'
import type { Carried, InspectByKind, InspectedMessage } from './inspect.ts'
import type { Pending } from './ledger.ts'

/** What the kernel asks where traces are kept. Without one it hands `traceparent` on as it came. */
export interface Tracing {
  /** `traceparent` of whoever sends now, for messages that come from outside. */
  readonly here: () => string | undefined
  /**
   * A step begins: the answer is the `traceparent` of what it asks for. Asked again for the same
   * message when its commit has to be taken apart.
   */
  readonly step: (address: Address, message: InspectedMessage) => string | undefined
  /** Runs an effect's handler, so that what it does outside belongs to the effect. */
  readonly effect: <T>(pending: Pending, run: (traceparent: string | undefined) => T) => T
}

/** The parts of a span that are used. */
export interface TelemetrySpan {
  spanContext(): TelemetrySpanContext
  setAttributes(attributes: Readonly<Record<string, string | number | boolean>>): unknown
  setStatus(status: { code: number; message?: string }): unknown
  addEvent(name: string, attributes?: Readonly<Record<string, string>>): unknown
  end(): void
}

export interface TelemetrySpanContext {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
  readonly isRemote?: boolean
}

/** The parts of `@opentelemetry/api` that are used: the module itself fits. */
export interface TelemetryApi {
  readonly trace: {
    getTracer(name: string, version?: string): TelemetryTracer
    setSpan(context: unknown, span: TelemetrySpan): unknown
    setSpanContext(context: unknown, spanContext: TelemetrySpanContext): unknown
    getSpanContext(context: unknown): TelemetrySpanContext | undefined
  }
  readonly context: {
    active(): unknown
    with<T>(context: unknown, run: () => T): T
  }
  readonly ROOT_CONTEXT: unknown
}

export interface TelemetryTracer {
  startSpan(
    name: string,
    options: { kind: number; attributes: Readonly<Record<string, string | number>> },
    context: unknown,
  ): TelemetrySpan
}

export interface TelemetryOptions {
  /** Name of the tracer. Default `prov`. */
  readonly name?: string | undefined
  /** Effects, and tells, that are open at most; the oldest is ended beyond that. Default 10,000. */
  readonly open?: Count | undefined
}

/** Both halves: give them to `createRuntime`. */
export interface Telemetry {
  readonly inspect: InspectByKind
  readonly tracing: Tracing
}

/** OpenTelemetry's own numbers. */
const kind = { internal: 0, producer: 3, consumer: 4 } as const
const failed = 2

/** Traces steps, effects and tells with this API. Throws nothing; a tracer's own throws harm nobody. */
export function openTelemetry(api: TelemetryApi, options: TelemetryOptions = {}): Telemetry {
  const tracer = api.trace.getTracer(options.name ?? 'prov')
  const steps = new WeakMap<InspectedMessage, TelemetrySpan>()
  const effects = new OpenSpans(options.open ?? 10_000)
  const tells = new OpenSpans(options.open ?? 10_000)

  const under = (traceparent: string | undefined): unknown => {
    const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent)
    return parent ? api.trace.setSpanContext(api.ROOT_CONTEXT, parent) : api.ROOT_CONTEXT
  }

  const step = (address: Address, message: InspectedMessage): string | undefined => {
    const known = steps.get(message)
    if (known) return traceparentOf(known.spanContext())
    const tell = message.cause === undefined ? undefined : tells.get(message.cause)
    const parent = tell ? api.trace.setSpan(api.ROOT_CONTEXT, tell) : under(message.traceparent)
    const { type } = message.event
    const attributes = { ...attributesOf(address), 'prov.event': type }
    const span = tracer.startSpan(`${address} ${type}`, { kind: kind.consumer, attributes }, parent)
    steps.set(message, span)
    if (message.cause !== undefined) tells.end(message.cause)
    return traceparentOf(span.spanContext())
  }

  const endStep = (
    about: Carried | undefined,
    attributes: Readonly<Record<string, string | number>>,
    what?: string,
  ): void => {
    const message = about && messageIn(about)
    const span = message && steps.get(message)
    if (!message || !span) return
    steps.delete(message)
    span.setAttributes(attributes)
    if (what !== undefined) span.setStatus({ code: failed, message: what })
    span.end()
  }

  const effect = <T>(pending: Pending, run: (traceparent: string | undefined) => T): T => {
    const { id, name, from } = pending
    const attributes = { ...attributesOf(from), 'prov.effect': name, 'prov.effect.id': id }
    const parent = under(pending.traceparent)
    const span = tracer.startSpan(`effect ${name}`, { kind: kind.internal, attributes }, parent)
    effects.open(id, span)
    return api.context.with(api.trace.setSpan(parent, span), () =>
      run(traceparentOf(span.spanContext())),
    )
  }

  return {
    tracing: {
      here: () => harmless(() => traceparentOf(api.trace.getSpanContext(api.context.active()))),
      step: (...step_) => harmless(() => step(...step_)),
      effect: (pending, run) => unharmed(run, (inside) => effect(pending, inside)),
    },
    inspect: {
      event: ({ from, to, type }, _actor, about) => {
        const message = about && messageIn(about)
        if (from === undefined || message?.cause === undefined) return
        const attributes = { ...attributesOf(to), 'prov.event': type, 'prov.from': from }
        const parent = under(message.traceparent)
        const span = tracer.startSpan(`tell ${to}`, { kind: kind.producer, attributes }, parent)
        tells.open(message.cause, span)
      },
      transition: ({ sequence, from, to }, _actor, message) => {
        endStep(message, {
          'prov.sequence': sequence,
          'prov.state.from': textOf(from),
          'prov.state.to': textOf(to),
        })
      },
      crash: ({ what, decision }, _actor, message) => {
        endStep(message, { 'prov.decision': decision }, what)
      },
      effect: ({ id, phase }) => {
        if (phase === 'started') return
        effects.end(id, (span) => {
          span.addEvent(phase)
          if (phase === 'failed') span.setStatus({ code: failed })
        })
      },
    },
  }
}

/** Spans that have begun, oldest first. Who never hears of an end must not keep them for ever. */
class OpenSpans {
  readonly #spans = new Map<string, TelemetrySpan>()
  readonly #most: Count

  constructor(most: Count) {
    this.#most = most
  }

  get(key: string): TelemetrySpan | undefined {
    return this.#spans.get(key)
  }

  open(key: string, span: TelemetrySpan): void {
    this.end(key)
    this.#spans.set(key, span)
    if (this.#spans.size <= this.#most) return
    for (const oldest of this.#spans.keys()) return this.end(oldest)
  }

  end(key: string, last?: (span: TelemetrySpan) => unknown): void {
    const span = this.#spans.get(key)
    if (!span) return
    this.#spans.delete(key)
    last?.(span)
    span.end()
  }
}

/** W3C: version, trace, parent, flags. */
const pattern = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/
const nothing = /^0+$/

/** The sender's span, or undefined when the text is not a `traceparent`. */
export function parseTraceparent(text: string): TelemetrySpanContext | undefined {
  const [, traceId, spanId, flags] = pattern.exec(text) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (nothing.test(traceId) || nothing.test(spanId)) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
}

/** Undefined for a span that belongs to no trace, as those of an API without a provider do. */
export function traceparentOf(span: TelemetrySpanContext | undefined): string | undefined {
  if (!span || nothing.test(span.traceId) || nothing.test(span.spanId)) return undefined
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & 255).toString(16).padStart(2, '0')}`
}

const attributesOf = (address: Address) => ({
  'prov.actor': address,
  'prov.actor.type': typeOf(address),
})

const textOf = (value: JsonValue): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

/** A tracer that throws costs a span, never a step. */
function harmless<T>(trace: () => T | undefined): T | undefined {
  try {
    return trace()
  } catch {
    return undefined
  }
}

/** Runs once, inside of `around` if that works, and throws only what `run` itself throws. */
function unharmed<T>(
  run: (traceparent: string | undefined) => T,
  around: (inside: (traceparent: string | undefined) => T) => T,
): T {
  let outcome: { value: T } | { thrown: unknown } | undefined
  const inside = (traceparent: string | undefined): T => {
    try {
      const value = run(traceparent)
      outcome = { value }
      return value
    } catch (thrown) {
      outcome = { thrown }
      throw thrown
    }
  }
  try {
    around(inside)
  } catch {
    // Either the handler's own throw, which is told below, or the tracer's, which nobody needs.
  }
  if (outcome === undefined) return run(undefined)
  if ('thrown' in outcome) throw outcome.thrown
  return outcome.value
}
