/**
 * Traces against a small stand-in for `@opentelemetry/api`: real contexts that follow asynchronous
 * code, spans that know their parents. The adapter takes the API as a parameter, so nothing else
 * differs from the real one.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import t from 'tap'
import { openTelemetry, parseTraceparent, traceparentOf } from '../../core/actor/telemetry.ts'
import type {
  TelemetryApi,
  TelemetrySpan,
  TelemetrySpanContext,
} from '../../core/actor/telemetry.ts'
import { counter, House, settle } from './counter.ts'

class Span implements TelemetrySpan {
  readonly name: string
  readonly kind: number
  readonly parent: TelemetrySpanContext | undefined
  readonly context: TelemetrySpanContext
  readonly attributes: Record<string, unknown>
  readonly events: string[] = []
  status: { code: number; message?: string } | undefined
  ended = 0

  constructor(
    name: string,
    kind: number,
    attributes: object,
    parent: TelemetrySpanContext | undefined,
    id: number,
  ) {
    this.name = name
    this.kind = kind
    this.parent = parent
    this.attributes = { ...attributes }
    const hex = (digits: number) => id.toString(16).padStart(digits, '0')
    this.context = { traceId: parent?.traceId ?? hex(32), spanId: hex(16), traceFlags: 1 }
  }

  spanContext(): TelemetrySpanContext {
    return this.context
  }
  setAttributes(attributes: object): void {
    Object.assign(this.attributes, attributes)
  }
  setStatus(status: { code: number; message?: string }): void {
    this.status = status
  }
  addEvent(name: string): void {
    this.events.push(name)
  }
  end(): void {
    this.ended++
  }
}

type Context = { readonly span: TelemetrySpanContext | undefined }

function telemetry(broken = false) {
  const spans: Span[] = []
  const root: Context = { span: undefined }
  const active = new AsyncLocalStorage<Context>()
  const api: TelemetryApi = {
    ROOT_CONTEXT: root,
    context: {
      active: () => active.getStore() ?? root,
      with: (context, run) => active.run(context as Context, run),
    },
    trace: {
      getTracer: () => ({
        startSpan: (name, { kind, attributes }, context) => {
          if (broken) throw new Error('a broken tracer')
          const parent = (context as Context).span
          const span = new Span(name, kind, attributes, parent, spans.length + 1)
          spans.push(span)
          return span
        },
      }),
      setSpan: (_context, span): Context => ({ span: span.spanContext() }),
      setSpanContext: (_context, span): Context => ({ span }),
      getSpanContext: (context) => (context as Context).span,
    },
  }
  const inside = <T>(span: Span, run: () => T): T => active.run({ span: span.context }, run)
  const tracer = api.trace.getTracer('test')
  const start = (name: string) => tracer.startSpan(name, { kind: 0, attributes: {} }, root) as Span
  /** Each span under the name of its parent. */
  const tree = () =>
    spans.map((span) => {
      const parent = spans.find((one) => one.context.spanId === span.parent?.spanId)
      return `${parent?.name ?? '-'} > ${span.name}`
    })
  return { api, spans, start, inside, active, tree }
}

t.test('step, effect and tell are one trace, from the sender on', async (t) => {
  const traces = telemetry()
  const house = new House()
  const system = await house.start({ ...openTelemetry(traces.api) })
  t.teardown(() => system.close())
  let within: unknown
  let handed: string | undefined
  const def = counter([], {
    effects: {
      charge: async (_params: unknown, { traceparent }) => {
        await settle(1)
        within = traces.active.getStore()
        handed = traceparent
      },
    },
  })
  system.register(def)
  const [a, b] = [await system.spawn(def, 'a'), await system.spawn(def, 'b')]
  const request = traces.start('request')
  await traces.inside(request, () => a.apply({ type: 'pay', amount: 1 }))
  await settle(8)
  await traces.inside(request, () => a.apply({ type: 'forward', to: b.address, hops: 1 }))
  await settle(8)
  t.same(traces.tree(), [
    '- > request',
    'request > test.counter/a pay',
    'test.counter/a pay > effect charge',
    'test.counter/a pay > test.counter/a effect.done.charge',
    'request > test.counter/a forward',
    'test.counter/a forward > tell test.counter/b',
    'tell test.counter/b > test.counter/b forward',
  ])
  const [, step, effect] = traces.spans
  t.same(within, { span: effect?.context }, 'the handler runs inside of its span')
  t.equal(handed, traceparentOf(effect?.context), 'and can hand it on')
  t.match(step?.attributes, {
    'prov.actor': 'test.counter/a',
    'prov.actor.type': 'test.counter',
    'prov.event': 'pay',
    'prov.sequence': 2,
    'prov.state.from': 'awake',
    'prov.state.to': 'awake',
  })
  t.same([step?.kind, effect?.kind, traces.spans[5]?.kind], [4, 0, 3])
  const open = traces.spans.filter(({ name, ended }) => name !== 'request' && ended !== 1)
  t.same(
    open.map(({ name }) => name),
    [],
    'each span ends once',
  )
  t.equal(new Set(traces.spans.map(({ context }) => context.traceId)).size, 1)
})

t.test('what fails is told: the step that threw, the effect that did', async (t) => {
  const traces = telemetry()
  const house = new House()
  const system = await house.start({ ...openTelemetry(traces.api) })
  t.teardown(() => system.close())
  const def = counter([], {
    supervision: { onFailure: 'resume' },
    effects: {
      charge: async () => {
        throw new Error('declined')
      },
    },
  })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  await t.rejects(ref.apply({ type: 'break' }))
  await ref.apply({ type: 'pay', amount: 1 })
  await settle(8)
  const [broken, , effect] = traces.spans
  t.match(broken, {
    name: 'test.counter/a break',
    status: { code: 2, message: 'this assign is broken' },
    ended: 1,
    attributes: { 'prov.decision': 'resume' },
  })
  t.match(effect, { name: 'effect charge', status: { code: 2 }, events: ['failed'], ended: 1 })
})

t.test('a trace goes on after a crash: it is in the journal with what was promised', async (t) => {
  const before = telemetry()
  const house = new House()
  const first = await house.start({ ...openTelemetry(before.api) })
  const def = counter([], { effects: { charge: () => new Promise<never>(() => {}) } })
  first.register(def)
  const ref = await first.spawn(def, 'a')
  await ref.apply({ type: 'pay', amount: 1 })
  const step = before.spans.find(({ name }) => name === 'test.counter/a pay')
  house.crash()
  const after = telemetry()
  const second = await house.start({ ...openTelemetry(after.api) })
  t.teardown(() => second.close())
  second.register(counter())
  await settle(8)
  t.match(after.spans[0], {
    name: 'effect charge',
    parent: { traceId: step?.context.traceId, spanId: step?.context.spanId, isRemote: true },
  })
  t.match(await house.records(), [
    { type: 'actor.type' },
    { type: 'actor.started' },
    { type: 'actor.stepped', body: { traceparent: traceparentOf(step?.context) } },
  ])
})

t.test('volatile actors hand a trace on as well', async (t) => {
  const traces = telemetry()
  const house = new House()
  const system = await house.start({ ...openTelemetry(traces.api) })
  t.teardown(() => system.close())
  const def = counter([], { durability: 'volatile' })
  system.register(def)
  const [a, b] = [await system.spawn(def, 'a'), await system.spawn(def, 'b')]
  const request = traces.start('request')
  traces.inside(request, () => a.send({ type: 'forward', to: b.address, hops: 1 }))
  await settle()
  t.same(traces.tree(), [
    '- > request',
    'request > test.counter/a forward',
    'test.counter/a forward > tell test.counter/b',
    'tell test.counter/b > test.counter/b forward',
  ])
})

t.test('without a trace around it nothing is invented, and timers begin their own', async (t) => {
  const traces = telemetry()
  const house = new House()
  const system = await house.start({ ...openTelemetry(traces.api) })
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const request = traces.start('request')
  await traces.inside(request, () => ref.apply({ type: 'sleep' }))
  await house.clock.advance(1_000)
  await settle()
  t.match(traces.tree(), [
    '- > request',
    'request > test.counter/a sleep',
    /^- > test.counter\/a xstate.after/,
  ])
})

t.test('a tracer that throws costs spans, never a step or an effect', async (t) => {
  const traces = telemetry(true)
  const house = new House()
  const ran: unknown[] = []
  const system = await house.start({ ...openTelemetry(traces.api) })
  t.teardown(() => system.close())
  const def = counter([], { effects: { charge: (params: unknown) => void ran.push(params) } })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  for (let n = 0; n < 5; n++) await ref.apply({ type: 'pay', amount: 1 })
  await settle(8)
  t.equal(ran.length, 5)
  t.equal(ref.snapshot().context.log.length, 5, 'each was answered')
})

t.test('traceparent is read as the W3C has it, and nothing else', async (t) => {
  const text = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const span = parseTraceparent(text)
  t.match(span, { spanId: '00f067aa0ba902b7', traceFlags: 1, isRemote: true })
  t.equal(traceparentOf(span), text)
  for (const bad of ['', text.slice(3), text.toUpperCase(), text.replace('4bf9', '4bg9')]) {
    t.equal(parseTraceparent(bad), undefined)
  }
  const none = { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 }
  t.equal(traceparentOf(none), undefined, 'an API without a provider traces nothing')
})
