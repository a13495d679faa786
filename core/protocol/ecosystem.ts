/**
 * Events for people and other projects: four forms of subject, one CloudEvents 1.0 envelope (D-26).
 * They tell; nothing in the op contract depends on them.
 *
 *     ecosystem.daemon.<event>              ecosystem.actor.<actor>.<event>
 *     ecosystem.ontoref.<scope>.<event>     ecosystem.<project>.<scope>.<event>
 *
 * @module
 */
import type { Bus } from '../bus/bus.ts'
import type { Clock } from '../clock.ts'
import { newId } from '../ids.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { serviceRef } from '../plugin/service.ts'
import type { AuditEvent } from './audit.ts'
import { isAudit } from './audit.ts'
import { ecosystemErrors } from './errors.ts'
import { subjects } from './subjects.ts'

export interface EcosystemEvent {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  /** `prov.` and the words behind `ecosystem.`: `prov.acme.op.held`. */
  readonly type: string
  /** What it is about; the bus subject where nothing better is known. */
  readonly subject: string
  readonly time: string
  readonly datacontenttype: 'application/json'
  readonly workspace: string
  readonly correlationid: string
  readonly causationid?: string
  readonly data: JsonValue
}

/** An event on its way: where it goes and what it says. */
export interface Notice {
  readonly subject: string
  readonly event: EcosystemEvent
}

export interface Emission {
  /** One of the four forms. A workspace speaks for itself and its people, never for other projects. */
  readonly subject: string
  readonly data?: JsonObject | undefined
  /** What it is about. Default: the subject. */
  readonly about?: string | undefined
  /** Ties events of one story together. Default: the event's own id. */
  readonly correlation?: string | undefined
  /** Id of the event that led to it. */
  readonly causation?: string | undefined
}

/** Telling others. Resolves when the event is kept here; where it goes from there, others decide. */
export interface Ecosystem {
  emit(emission: Emission): Promise<{ readonly id: string }>
}
export const ecosystem = serviceRef<Ecosystem>('prov.ecosystem')

const word = '[A-Za-z0-9_-]+'
const rest = `${word}(\\.${word})*`

/** True for a subject that a workspace may emit under: what becomes of operations its planes tell themselves. */
export function isOwnSubject(subject: string, workspace: string): boolean {
  const forms = `daemon\\.${rest}|ontoref\\.${word}\\.${rest}|actor\\.${word}\\.${rest}|${workspace}\\.(?!op\\.)${word}\\.${rest}`
  return new RegExp(`^ecosystem\\.(${forms})$`).test(subject)
}

/** Throws PROV_ECOSYSTEM_SUBJECT for a subject of somebody else. */
export function demandOwnSubject(subject: string, workspace: string): void {
  if (isOwnSubject(subject, workspace)) return
  throw ecosystemErrors.PROV_ECOSYSTEM_SUBJECT({ subject, workspace })
}

/** The service over a bus. Throws PROV_ECOSYSTEM_SUBJECT for a subject of somebody else. */
export function ecosystemOver(bus: Bus, workspace: string, clock: Clock): Ecosystem {
  return {
    async emit({ subject, data = {}, about, correlation, causation }) {
      demandOwnSubject(subject, workspace)
      const id = newId('evt', clock)
      const time = new Date(clock.now()).toISOString()
      const body = envelope({ id, subject, workspace, time, about, correlation, causation, data })
      await bus.publish(subject, { id, body: body as unknown as JsonObject })
      return { id }
    },
  }
}

interface Told {
  readonly id: string
  readonly subject: string
  readonly workspace: string
  readonly time: string
  readonly about?: string | undefined
  readonly correlation?: string | undefined
  readonly causation?: string | undefined
  readonly data: JsonValue
}

function envelope(told: Told): EcosystemEvent {
  const { id, subject, workspace, time, about, correlation, causation, data } = told
  return {
    specversion: '1.0',
    id,
    source: `prov/${workspace}`,
    type: subject.replace(/^ecosystem\./, 'prov.'),
    subject: about ?? subject,
    time,
    datacontenttype: 'application/json',
    workspace,
    correlationid: correlation ?? id,
    ...(causation !== undefined && { causationid: causation }),
    data,
  }
}

/** What a message of the stream says, also one that somebody sent without an envelope. */
export function asEvent(
  message: { readonly id: string; readonly subject: string; readonly body: JsonValue },
  from: { readonly workspace: string; readonly timeMs: number },
): EcosystemEvent {
  const { id, subject, body } = message
  if (isEvent(body)) return body as unknown as EcosystemEvent
  const { workspace, timeMs } = from
  const about = (Object(body) as { op?: unknown }).op
  const op = typeof about === 'string' ? { about, correlation: about } : {}
  return envelope({
    id,
    subject,
    workspace,
    time: new Date(timeMs).toISOString(),
    data: body,
    ...op,
  })
}

function isEvent(body: JsonValue): boolean {
  const { specversion, id, source } = Object(body) as Partial<EcosystemEvent>
  return specversion === '1.0' && typeof id === 'string' && typeof source === 'string'
}

/** What happened to an operation, as others may hear of it: no parameters, no tokens. */
export function noticeOf(event: AuditEvent): Notice | undefined {
  const about = whatOf(event)
  if (!about) return undefined
  const { workspace, id, time } = event
  const subject =
    about.actor === undefined
      ? subjects.ecosystem(workspace, 'op', about.word)
      : subjects.actor(about.actor, `op.${about.word}`)
  const told = {
    id: `${id}:notice`,
    subject,
    workspace,
    time,
    about: event.subject,
    correlation: event.correlationid,
    causation: id,
    data: about.data,
  }
  return { subject, event: envelope(told) }
}

function whatOf(
  event: AuditEvent,
): { readonly word: string; readonly actor?: string; readonly data: JsonObject } | undefined {
  const op = event.subject
  if (isAudit(event, 'op.submitted')) {
    const { type, target } = event.data.op
    return { word: 'submitted', actor: event.data.by, data: { op, type, target } }
  }
  if (isAudit(event, 'op.vote')) {
    const { actor, decision } = event.data
    return { word: decision === 'approve' ? 'approved' : 'rejected', actor, data: { op } }
  }
  // That an operation is held is announced by the one who holds it.
  const word = /^prov\.op\.(applied|failed|refused|withdrawn|expired|in_doubt)$/.exec(
    event.type,
  )?.[1]
  if (word === undefined) return undefined
  const { code } = event.data as { readonly code?: string }
  return { word, data: { op, ...(code !== undefined && { code }) } }
}
