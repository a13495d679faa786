/**
 * One record as one line of text: `[time,"partition","type",body]`. JSON never holds a raw line
 * break, so lines need no lengths, people can read a segment with `strings`, and the partition is
 * told from the first bytes without parsing the body.
 *
 * @module
 */
import type { JsonValue } from '../json.ts'
import type { Bytes, Count, Millis } from '../units.ts'
import { journalErrors } from './errors.ts'
import type { JournalEntry, JournalRecord, Position } from './journal.ts'

/** Most that one body may take as JSON text. */
export const bodyLimitBytes: Bytes = 1_048_576

/**
 * The line of an entry, with its line break. Throws PROV_JOURNAL_TOO_LARGE beyond 1 MiB of body and
 * PROV_JOURNAL_NOT_JSON for cycles, functions and undefined.
 */
export function encodeLine(entry: JournalEntry, timeMs: Millis): string {
  const { partition, type } = entry
  // Anything else would make a line that nobody can read again, nor what follows it.
  if (typeof partition !== 'string' || typeof type !== 'string') {
    throw journalErrors.PROV_JOURNAL_NOT_JSON({ partition: String(partition), type: String(type) })
  }
  let body: string | undefined
  try {
    body = entry.json ?? JSON.stringify(entry.body)
  } catch (cause) {
    throw journalErrors.PROV_JOURNAL_NOT_JSON({ partition, type }, { cause })
  }
  if (body === undefined) throw journalErrors.PROV_JOURNAL_NOT_JSON({ partition, type })
  // A UTF-16 unit takes at most three bytes: short texts need no counting.
  const bytes = body.length * 3 <= bodyLimitBytes ? 0 : Buffer.byteLength(body)
  if (bytes > bodyLimitBytes) {
    throw journalErrors.PROV_JOURNAL_TOO_LARGE({
      what: `record ${type} of ${partition}`,
      bytes,
      limitBytes: bodyLimitBytes,
    })
  }
  return `${headOf(timeMs, partition, type)}${body}]\n`
}

const last = { timeMs: NaN, partition: '', type: '', head: '' }

/** Records come in runs of one kind and one moment: their beginning is made once. */
function headOf(timeMs: Millis, partition: string, type: string): string {
  if (timeMs !== last.timeMs || partition !== last.partition || type !== last.type) {
    last.timeMs = timeMs
    last.partition = partition
    last.type = type
    last.head = `[${Math.round(timeMs)},${JSON.stringify(partition)},${JSON.stringify(type)},`
  }
  return last.head
}

/**
 * Records of a batch text, the first one at `first`; only those of `partition` when given. A body is
 * parsed when somebody looks at it: whoever goes through a journal wants few of them.
 */
export function* decodeLines(
  text: string,
  first: Position,
  epoch: Count,
  partition?: string,
): Generator<JournalRecord> {
  const wanted = partition === undefined ? undefined : `${JSON.stringify(partition)},`
  let position = first
  for (let at = 0; at < text.length; position++) {
    const end = text.indexOf('\n', at)
    if (wanted === undefined || text.startsWith(wanted, text.indexOf(',', at) + 1)) {
      yield recordOf(text.slice(at, end), position, epoch)
    }
    at = end + 1
  }
}

function recordOf(line: string, position: Position, epoch: Count): JournalRecord {
  const timeEnd = line.indexOf(',')
  const partitionEnd = line.indexOf('",', timeEnd + 2)
  const typeEnd = line.indexOf('",', partitionEnd + 3)
  let partition = line.slice(timeEnd + 2, partitionEnd)
  let type = line.slice(partitionEnd + 3, typeEnd)
  let bodyAt = typeEnd + 2
  // A name that needs escapes may hold what looks like its end.
  if (partition.includes('\\') || type.includes('\\')) {
    headPattern.lastIndex = 0
    const head = headPattern.exec(line) as RegExpExecArray
    partition = JSON.parse(head[1] as string) as string
    type = JSON.parse(head[2] as string) as string
    bodyAt = headPattern.lastIndex
  }
  let parsed: JsonValue | undefined
  return {
    position,
    epoch,
    timeMs: Number(line.slice(1, timeEnd)),
    partition,
    type,
    get body() {
      return (parsed ??= JSON.parse(line.slice(bodyAt, -1)) as JsonValue)
    },
  }
}

/** Adds the partitions of all records of a batch text; runs of one partition cost a comparison. */
export function notePartitions(text: string, into: Set<string>): void {
  let last = ''
  for (let at = 0; at < text.length; at = text.indexOf('\n', at) + 1) {
    const from = text.indexOf(',', at) + 1
    if (last !== '' && text.startsWith(last, from)) continue
    headPattern.lastIndex = at
    const partition = headPattern.exec(text)?.[1]
    if (partition === undefined) continue
    last = `${partition},`
    into.add(JSON.parse(partition) as string)
  }
}

const headPattern = /\[\d+,("(?:[^"\\]|\\.)*"),("(?:[^"\\]|\\.)*"),/y

/** Partition and type of each record of a batch text, as JSON texts; bodies are not parsed. */
export function* lineHeads(text: string): Generator<readonly [partition: string, type: string]> {
  for (let at = 0; at < text.length; at = text.indexOf('\n', at) + 1) {
    headPattern.lastIndex = at
    const head = headPattern.exec(text)
    if (head) yield [head[1] as string, head[2] as string]
  }
}
