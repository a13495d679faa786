/**
 * The message of a ledger commit: one line for people, then trailers that say which event it holds.
 * They are what the ledger is resumed from, so nothing in an event may forge one.
 *
 * @module
 */
import type { AuditEvent, Count } from 'prov'

/** One event on its way into the ledger. */
export interface LedgerEntry {
  readonly event: AuditEvent
  /** Canonical JSON of the event, which the digest is over. */
  readonly text: string
  readonly digest: string
  /** Sequence in the audit stream; absent for one that was read from the journal. */
  readonly streamSequence?: Count
}

/** What a commit says it holds. */
export interface LedgerTrailers {
  readonly emitter: string
  readonly n: Count
  readonly digest: string
}

export function commitMessage(entry: LedgerEntry): string {
  const { event, digest, streamSequence } = entry
  const trailers: [string, string | number][] = [
    ['Audit-Jti', event.id],
    ['Audit-Emitter', event.emitter],
    ['Audit-Seq', event.n],
  ]
  if (streamSequence !== undefined) trailers.push(['Audit-Stream-Seq', streamSequence])
  trailers.push(['Audit-Digest', digest])
  const kind = event.type.replace(/^prov\./, '')
  const title = oneLine(`${kind} ${event.subject}`, 100)
  const lines = trailers.map(([name, value]) => `${name}: ${oneLine(String(value), 300)}`)
  return `${title}\n\n${lines.join('\n')}\n`
}

/** The trailers of the last paragraph; undefined when it is not a commit of a ledger. */
export function parseTrailers(message: string): LedgerTrailers | undefined {
  const last = message.trimEnd().split('\n\n').at(-1) ?? ''
  const found = new Map<string, string>()
  for (const line of last.split('\n')) {
    const match = /^(Audit-[A-Za-z-]+): (.*)$/.exec(line)
    if (match) found.set(match[1] as string, match[2] as string)
  }
  const emitter = found.get('Audit-Emitter')
  const n = Number(found.get('Audit-Seq'))
  const digest = found.get('Audit-Digest')
  if (emitter === undefined || digest === undefined || !Number.isSafeInteger(n) || n < 1) {
    return undefined
  }
  return { emitter, n, digest }
}

/** Control characters out (a line break would start a trailer of its own), length bounded. */
function oneLine(text: string, longest: number): string {
  // eslint-disable-next-line no-control-regex -- exactly these are meant
  const flat = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
  return flat.length > longest ? `${flat.slice(0, longest - 1)}…` : flat
}
