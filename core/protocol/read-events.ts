/**
 * Events of a workspace, read back from its journal without the lock: what was emitted, what planes
 * announced, what the audit events mean to others. In order, each once.
 *
 * @module
 */
import { busPartition } from '../bus/book.ts'
import { subjectMatches } from '../bus/subjects.ts'
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { JournalReader, JournalRecord, Position } from '../journal/journal.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Millis } from '../units.ts'
import { asEvent, noticeOf } from './ecosystem.ts'
import type { Notice } from './ecosystem.ts'
import { outboxItem } from './outbox.ts'
import { eventIn } from './trail.ts'

export interface ReadEventsOptions {
  readonly journal: JournalReader
  readonly workspace: string
  /** Pattern of subjects. Default: all. */
  readonly pattern?: string | undefined
  /** Only what was written from then on. Default: everything. */
  readonly sinceMs?: Millis | undefined
  /** Goes on with what comes until the signal aborts. Default: ends with what is there. */
  readonly follow?: { readonly clock: Clock; readonly signal: AbortSignal } | undefined
}

/** How often a journal that somebody else writes is looked at. */
const lookEveryMs: Millis = 200

export async function* readEvents(options: ReadEventsOptions): AsyncGenerator<Notice> {
  const { journal, workspace, pattern = 'ecosystem.>', sinceMs = 0, follow } = options
  const seen = new Set<string>()
  let from: Position = 1
  for (;;) {
    for await (const record of journal.read({ from })) {
      from = record.position + 1
      if (record.timeMs < sinceMs) continue
      const notice = noticeIn(record, workspace)
      if (!notice || seen.has(notice.event.id)) continue
      seen.add(notice.event.id)
      if (subjectMatches(pattern, notice.subject)) yield notice
    }
    if (!follow) return
    await sleep(follow.clock, lookEveryMs, follow.signal)
  }
}

function noticeIn(record: JournalRecord, workspace: string): Notice | undefined {
  const { type, timeMs } = record
  const event = eventIn(record)
  if (event) return noticeOf(event)
  const message =
    type === 'outbox'
      ? outboxItem(record, workspace)
      : record.partition === busPartition && type === 'message.published'
        ? (record.body as unknown as { subject: string; id: string; body: JsonValue })
        : undefined
  if (!message?.subject.startsWith('ecosystem.')) return undefined
  const { subject } = message
  return { subject, event: asEvent(message as typeof message & JsonObject, { workspace, timeMs }) }
}
