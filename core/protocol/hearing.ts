/**
 * What planes in other processes say, kept in this plane's own journal before it is acknowledged and
 * folded like what is said here. Each event once, in the order of its emitter, and never before what
 * it rests on: a claim comes after the approval that it claims, whichever way the messages took.
 *
 *     stream ─▶ signed by the plane it names? ─▶ its turn? ─▶ record `heard` ─▶ ack ─▶ fold
 *                                                   └─ no: waits here; what is missing is asked for
 *
 * What waits is bounded: in number, in bytes (`waiting.ts`), and in time. One whose cause does not come is
 * told by name; then what is behind it leaves memory and is asked for again when the cause came.
 *
 * @module
 */
import type { Journal } from '../journal/journal.ts'
import type { Log } from '../log.ts'
import type { Count, Millis } from '../units.ts'
import type { AuditEvent, Emitter, SeqRecord } from './audit.ts'
import { isAudit } from './audit.ts'
import { eventDigest } from './emitter.ts'
import type { ChainEnd } from './emitter.ts'
import { auditErrors } from './errors.ts'
import { seqKey } from './fold.ts'
import type { OpsModel } from './fold.ts'
import { heardEntry } from './planes.ts'
import { Recent } from './recent.ts'
import { Waiting } from './waiting.ts'
import type { WaitingBounds } from './waiting.ts'

export interface HearingOptions {
  readonly journal: Journal
  readonly log: Log
  /** Planes of this process: what they said is known here. */
  readonly own: ReadonlySet<Emitter>
  /** Where each chain ends in the journal now, own ones too. */
  readonly ends: ReadonlyMap<string, ChainEnd>
  readonly model: () => OpsModel
  /** False for an event that cannot be judged before others were heard. Default: each can. */
  readonly ready?: ((event: AuditEvent) => boolean) | undefined
  /** The event with that number, when the journal has it. */
  readonly known: (emitter: string, n: Count) => Promise<AuditEvent | undefined>
  /** Told a genuine event of a plane of this process that the journal does not have. */
  readonly setBack?: ((event: AuditEvent) => void) | undefined
  /** True for a key that another one followed: what it signs now was not said then. Default: none was. */
  readonly retired?: ((kid: string) => boolean) | undefined
  /** Time that only goes on. */
  readonly now: () => Millis
  /** Default: `waitingBounds`. */
  readonly bounds?: WaitingBounds | undefined
}

/** Numbers that are missing between what is known and what was seen or announced. */
export interface Hole {
  readonly emitter: string
  readonly from: Count
  readonly to: Count
}

/** `kept`: durable here. `later`: others come first. `refused`: never. */
export type Heard = 'kept' | 'later' | 'refused'

/** How long one waits for its cause before it is told, and what is behind it is let go. */
const longestWaitMs: Millis = 60_000

export class Hearing {
  readonly #options: HearingOptions
  /** Where each foreign chain ends, what is on its way to the disk included. */
  readonly #ends = new Map<string, ChainEnd>()
  readonly #waiting: Waiting
  /** Since when the next one of a chain waits for its cause. */
  readonly #since = new Map<string, { readonly n: Count; readonly ms: Millis; told: boolean }>()
  readonly #announced = new Map<string, Count>()
  readonly #forked = new Set<string>()
  readonly #digests = new Recent<string>(8_192)
  /** On their way to the disk. */
  readonly #coming = new Map<string, Promise<unknown>>()
  readonly #brings = new Set<string>()

  constructor(options: HearingOptions) {
    this.#options = options
    this.#waiting = new Waiting(options.bounds)
    for (const [emitter, end] of options.ends) {
      if (!options.own.has(emitter as Emitter)) this.#ends.set(emitter, end)
    }
  }

  /** Takes an event whose signature was found good. Rejects when it could not be kept. */
  async take(event: AuditEvent): Promise<Heard> {
    const { emitter, n } = event
    if (this.#options.own.has(emitter)) return this.#ownAgain(event)
    if (this.#forked.has(emitter)) return 'refused'
    if (n <= this.#end(emitter).n) return this.#again(event)
    const twin = this.#waiting.get(emitter, n)
    if (twin && eventDigest(twin) !== eventDigest(event)) return this.#fork(event)
    if (!twin) {
      const next = n === this.#end(emitter).n + 1
      if (!next && this.isStalled(emitter)) return 'later'
      if (!this.#waiting.put(event, { next })) return 'later'
    }
    this.#goOn()
    if (this.#forked.has(emitter)) return 'refused'
    if (this.#waiting.get(emitter, n)) return 'later'
    await this.#coming.get(keyOf(emitter, n))
    return 'kept'
  }

  /** True while a chain waits so long for a cause that what is behind it need not come soon. */
  isStalled(emitter: string): boolean {
    return this.#since.get(emitter)?.told === true
  }

  /** Somebody says how far chains have come. */
  announced(heads: ReadonlyMap<string, Count>): void {
    for (const [emitter, n] of heads) {
      if (this.#options.own.has(emitter as Emitter)) {
        if (n > (this.#options.ends.get(emitter)?.n ?? 0)) this.#behind(emitter, n)
      } else this.#announced.set(emitter, Math.max(n, this.#announced.get(emitter) ?? 0))
    }
  }

  /** What is missing, the first hole of each chain. */
  holes(): readonly Hole[] {
    this.#lookAtTime()
    const emitters = new Set([...this.#announced.keys(), ...this.#waiting.emitters()])
    return [...emitters].flatMap((emitter) => {
      if (this.#forked.has(emitter)) return []
      const from = this.#end(emitter).n + 1
      const waiting = this.#waiting.numbers(emitter)
      const first = waiting.length === 0 ? Infinity : Math.min(...waiting)
      const to = Math.min(first - 1, Math.max(this.#announced.get(emitter) ?? 0, ...waiting))
      return to >= from ? [{ emitter, from, to }] : []
    })
  }

  #end(emitter: string): ChainEnd {
    return this.#ends.get(emitter) ?? { n: 0, digest: null }
  }

  /** Keeps whatever has its turn now. */
  #goOn(): void {
    for (let moved = true; moved;) {
      moved = false
      for (const emitter of this.#waiting.emitters()) {
        const end = this.#end(emitter)
        const event = this.#waiting.get(emitter, end.n + 1)
        if (!event || this.#forked.has(emitter)) continue
        if (!this.#isReady(event)) {
          const { n } = event
          if (this.#since.get(emitter)?.n === n) continue
          this.#since.set(emitter, { n, ms: this.#options.now(), told: false })
          continue
        }
        if (event.prev !== end.digest) {
          this.#fork(event)
          continue
        }
        this.#waiting.delete(emitter, event.n)
        this.#since.delete(emitter)
        this.#keep(event)
        moved = true
      }
    }
  }

  /** Who waits too long for its cause is told, and what is behind it is let go. */
  #lookAtTime(): void {
    // A cause may have come in a step of this process.
    this.#goOn()
    const nowMs = this.#options.now()
    for (const [emitter, since] of this.#since) {
      const event = this.#waiting.get(emitter, since.n)
      if (since.told || !event || nowMs - since.ms < longestWaitMs) continue
      since.told = true
      this.#waiting.deleteBehind(emitter, since.n)
      const what = this.#missing(event)
      const { code, message, remedy } = auditErrors.PROV_AUDIT_WAITS({ emitter, n: since.n, what })
      this.#options.log.warn(message, { code, fix: remedy })
    }
  }

  #keep(event: AuditEvent): void {
    const { emitter, n } = event
    const key = keyOf(emitter, n)
    const digest = eventDigest(event)
    this.#ends.set(emitter, { n, digest })
    this.#digests.set(key, digest)
    const brings = bringsOf(event)
    if (brings !== undefined) this.#brings.add(brings)
    const kept = this.#options.journal.append([heardEntry(event)])
    this.#coming.set(key, kept)
    void this.#settle(kept, key, brings)
  }

  async #settle(kept: Promise<unknown>, key: string, brings: string | undefined): Promise<void> {
    // A journal that takes no more has ended; whoever waits for the record is told.
    await Promise.allSettled([kept])
    this.#coming.delete(key)
    if (brings !== undefined) this.#brings.delete(brings)
  }

  /** True when everything that the event rests on is known. */
  #isReady(event: AuditEvent): boolean {
    if (this.#options.ready?.(event) === false) return false
    return restsOn(event).every((need) => this.#brings.has(need.key) || this.#knows(need))
  }

  #knows(need: Need): boolean {
    const model = this.#options.model()
    return need.of === 'op'
      ? model.ops.get(need.id) !== undefined
      : model.numbers.has(need.keeperEpoch, need.seq)
  }

  /** What an event waits for, in words. */
  #missing(event: AuditEvent): string {
    const need = restsOn(event).find((one) => !this.#knows(one))
    if (!need) return 'what other planes say about its key'
    return need.of === 'op'
      ? `the submission of ${need.id}`
      : `the approval with number ${need.seq} of epoch ${need.keeperEpoch}`
  }

  async #again(event: AuditEvent): Promise<Heard> {
    const { emitter, n } = event
    const key = keyOf(emitter, n)
    await this.#coming.get(key)
    const known = this.#digests.get(key) ?? digestOf(await this.#options.known(emitter, n))
    if (known === undefined || known === eventDigest(event)) return 'kept'
    return this.#options.retired?.(event.kid) === true ? 'refused' : this.#fork(event)
  }

  async #ownAgain(event: AuditEvent): Promise<Heard> {
    const { emitter, n } = event
    if (n > (this.#options.ends.get(emitter)?.n ?? 0)) {
      this.#options.setBack?.(event)
      return this.#behind(emitter, n)
    }
    const known = await this.#options.known(emitter, n)
    if (!known || eventDigest(known) === eventDigest(event)) return 'kept'
    this.#options.setBack?.(event)
    return this.#fork(event)
  }

  /** Two events under one number: whatever comes from there cannot be believed until somebody looked. */
  #fork({ emitter, n }: AuditEvent): 'refused' {
    if (this.#forked.has(emitter)) return 'refused'
    this.#forked.add(emitter)
    this.#waiting.deleteBehind(emitter, 0)
    const { code, message, remedy } = auditErrors.PROV_AUDIT_TWO_CHAINS({ emitter, n })
    this.#options.log.error(message, { code, fix: remedy })
    return 'refused'
  }

  /** Others heard more from this plane than it knows to have said: an older copy of its journal. */
  #behind(emitter: string, n: Count): 'refused' {
    if (!this.#forked.has(emitter)) {
      const own = this.#options.ends.get(emitter)?.n ?? 0
      const error = auditErrors.PROV_AUDIT_BEHIND({ emitter, own, heard: n })
      this.#options.log.error(error.message, { code: error.code, fix: error.remedy })
    }
    this.#forked.add(emitter)
    return 'refused'
  }
}

const keyOf = (emitter: string, n: Count): string => `${emitter} ${n}`
const digestOf = (event: AuditEvent | undefined): string | undefined => event && eventDigest(event)

type Need = { readonly key: string } & (
  | { readonly of: 'op'; readonly id: string }
  | { readonly of: 'number'; readonly keeperEpoch: Count; readonly seq: Count }
)

const opNeed = (id: string): Need => ({ of: 'op', id, key: `op ${id}` })
const numberNeed = (keeperEpoch: Count, seq: Count): Need => ({
  of: 'number',
  keeperEpoch,
  seq,
  key: `number ${seqKey(keeperEpoch, seq)}`,
})

/** What later events rest on, when this one brings it. */
function bringsOf(event: AuditEvent): string | undefined {
  if (isAudit(event, 'op.submitted')) return opNeed(event.subject).key
  if (!isAudit(event, 'op.approved')) return undefined
  return numberNeed(event.data.keeper_epoch, event.data.seq).key
}

/** What must be known before an event means anything. */
function restsOn(event: AuditEvent): readonly Need[] {
  if (!event.type.startsWith('prov.op.') || isAudit(event, 'op.submitted')) return []
  const op = opNeed(event.subject)
  const { seq, keeper_epoch: epoch } = event.data as SeqRecord
  if (event.emitter !== 'controller' || seq === undefined || epoch === undefined) return [op]
  return [op, numberNeed(epoch, seq)]
}
