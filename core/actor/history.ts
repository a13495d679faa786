/**
 * What the journal says about one actor, step by step, for people. Reading takes no lock and runs
 * none of the actor's code, so it works beside a process that is at work and after one that is gone.
 *
 * @module
 */
import type { JournalReader } from '../journal/journal.ts'
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import { stepsOf } from './ledger.ts'
import type { KernelRecords } from './ledger.ts'

/** One thing that happened to an actor. */
export interface HistoryLine {
  readonly timeMs: Millis
  readonly sequence: Count
  /** `stepped`, or what happened between steps: `started`, `failed`, `parked`, `resumed`, `stopped` … */
  readonly what: string
  /** The event of a step, taken or failed. */
  readonly event?: string
  /** State value afterwards; null once it has stopped. */
  readonly state: JsonValue
  /** What the event came from: id of an effect or a tell, or the name of a timer. */
  readonly cause?: string
  /** Names of what the step asked for. */
  readonly asked?: readonly string[]
  /** Why, of a failure, a stop or a parking. */
  readonly why?: string
  readonly traceparent?: string
}

export interface HistoryQuery {
  /** At most so many lines, the newest. Default: all. */
  readonly last?: Count | undefined
  /** The kernel's part of the journal. Default `kernel`. */
  readonly partition?: string | undefined
}

/** Lines of one actor, oldest first; none when the journal knows nothing of it. */
export async function historyOf(
  journal: JournalReader,
  address: Address,
  { last = Number.POSITIVE_INFINITY, partition = 'kernel' }: HistoryQuery = {},
): Promise<readonly HistoryLine[]> {
  const lines: HistoryLine[] = []
  let state: JsonValue = null
  for await (const { type, body, timeMs } of journal.read({ partition })) {
    if ((body as { readonly address?: unknown }).address !== address) continue
    const records = type === 'actor.turned' ? stepsOf(body) : [body as unknown as Loose]
    for (const record of records as readonly Loose[]) {
      const line = lineOf(type, record, timeMs, state)
      if (!line) continue
      state = line.state
      lines.push(line)
      if (lines.length > last) lines.shift()
    }
  }
  return lines
}

/** Any record of an actor: what is not in it is undefined. */
type Loose = { readonly sequence: Count } & Partial<
  Omit<KernelRecords['actor.stepped'], 'sequence' | 'effects'>
> & {
    readonly effects?: readonly { readonly name: string }[]
    readonly state?: { readonly value: JsonValue }
    readonly crash?: { readonly event: string; readonly error: { readonly message: string } }
    readonly parked?: { readonly code: string; readonly message: string }
    readonly why?: string
  }

function lineOf(
  type: string,
  record: Loose,
  timeMs: Millis,
  state: JsonValue,
): HistoryLine | undefined {
  const { sequence, event, change, timer, effects, crash, parked, traceparent } = record
  const what = type === 'actor.turned' ? 'stepped' : type.slice('actor.'.length)
  const cause = record.cause ?? timer
  const why = record.why ?? crash?.error.message ?? parked?.message
  const name = event?.type ?? crash?.event
  return {
    timeMs: record.atMs ?? timeMs,
    sequence,
    what,
    ...(name !== undefined && { event: name }),
    state: what === 'stopped' ? null : (record.state?.value ?? change?.value ?? state),
    ...(cause !== undefined && { cause }),
    ...(effects && { asked: effects.map(({ name }) => name) }),
    ...(why !== undefined && { why }),
    ...(traceparent !== undefined && { traceparent }),
  }
}
