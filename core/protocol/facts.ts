/**
 * Between audit events and the machines that follow them. A plane's act is a fact with what it says
 * and sends inside; the recorder turns that into entries of the very frame in which the step is
 * kept. The other way round, an event of another plane becomes the fact it is, word for word.
 *
 * @module
 */
import type { JournalEntry } from '../journal/journal.ts'
import type { JsonValue } from '../json.ts'
import type { Millis } from '../units.ts'
import { isAudit } from './audit.ts'
import type { AuditData, AuditEvent, AuditType } from './audit.ts'
import type { AuditEmitter } from './emitter.ts'
import { outboxEntry } from './outbox.ts'

/** One thing to say about an operation. */
export type Saying = {
  [T in AuditType]: {
    readonly type: T
    readonly data: AuditData[T]
    readonly causation?: string | undefined
  }
}[AuditType]

/** What a plane writes beside a step: `data` of its own facts. */
export interface Acted {
  readonly say: readonly Saying[]
  readonly send?: readonly {
    readonly subject: string
    readonly id: string
    readonly body: JsonValue
  }[]
}

/**
 * The `record` handler of a plane's operation actors: its own facts become events and messages, the
 * facts of others leave nothing behind.
 */
export function factRecorder(emitter: AuditEmitter) {
  return ({ op, fact }: { readonly op: string; readonly fact: unknown }): JournalEntry[] => {
    const { by, data } = (fact ?? {}) as { readonly by?: string; readonly data?: unknown }
    if (by !== emitter.role || data === undefined) return []
    const { say, send = [] } = data as Acted
    const messages = send.map((message) => outboxEntry(emitter.role, message))
    const events = say.map(({ type, data, causation }) => {
      const { partition, type: kind, body } = emitter.entry({ type, subject: op, data, causation })
      return { partition, type: kind, body }
    })
    return [...events, ...messages]
  }
}

/** What an operation's machine takes: a fact with its author and time. */
export interface OpFact {
  readonly type: string
  readonly at: Millis
  readonly by: string
  readonly why?: string
  readonly [field: string]: unknown
}

/**
 * The fact in another plane's event; undefined when no operation is moved by it. How it was judged moves
 * none: what follows from that is a fact of its own, mostly in the same frame.
 */
export function opFact(event: AuditEvent): OpFact | undefined {
  const said = {
    type: event.type.slice('prov.'.length),
    at: Date.parse(event.time),
    by: event.emitter,
  }
  if (isAudit(event, 'op.held')) return { ...said, needs: event.data.needs, why: event.data.why }
  if (isAudit(event, 'op.vote')) {
    const { actor, decision, reason, custody, kid, vote, until } = event.data
    const cast = { ...said, actor, decision, reason, custody, kid, vote }
    return until === undefined ? cast : { ...cast, until }
  }
  if (isAudit(event, 'op.approved')) {
    const { seq, keeper_epoch: keeperEpoch } = event.data
    return { ...said, seq, keeperEpoch }
  }
  if (isAudit(event, 'op.refused') || isAudit(event, 'op.failed')) {
    return { ...said, code: event.data.code, why: event.data.message }
  }
  if (isAudit(event, 'op.in_doubt')) {
    return { ...said, code: event.data.code, why: event.data.message }
  }
  if (isAudit(event, 'op.withdrawn')) return { ...said, why: event.data.reason }
  if (isAudit(event, 'op.expired')) {
    return { ...said, what: event.data.what, why: event.data.message }
  }
  if (isAudit(event, 'op.claimed')) {
    const { seq, epoch, provider_token: providerToken } = event.data
    return { ...said, seq, epoch, providerToken }
  }
  if (isAudit(event, 'op.applied')) return said
  if (isAudit(event, 'op.resolved')) {
    return { ...said, as: event.data.as, why: event.data.reason }
  }
  return undefined
}
