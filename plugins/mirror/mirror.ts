/**
 * From the audit stream into the ledger: every genuine event once, in order of its emitter, and the
 * message acknowledged when its commit is on disk.
 *
 *     stream ──▶ genuine? ──▶ known: ack ─────────────────────────────┐
 *       │            │  └───▶ next: commit, fsync ───────────────────▶ ack
 *       │            └──────▶ gap: the journal has what is missing ──▶ commit both
 *     journal ──at start, and whenever somebody waits──▶ all that is missing
 *
 * The stream is only the messenger, and may lose or repeat; the journal is asked at the start, from
 * a checkpoint on that the ledger must bear out, and at every gap. Two genuine events with one number, or a journal that is behind the ledger, stop the
 * mirror: what is written then could hide what happened. Operations never wait for it.
 *
 * @module
 */
import { auditErrors, crashPoint, parseAuditEvent, ProvError, sleep } from 'prov'
import type { AuditEvent, Clock, Count, Delivery, KeyRecord, Log, Millis, Position } from 'prov'
import { mirrorErrors } from './errors.ts'
import { faultOf, ledgerEntry } from './genuine.ts'
import type { LedgerEntry } from './message.ts'
import type { LedgerWriter } from './writer.ts'

export interface AuditRecord {
  readonly position: Position
  readonly event: AuditEvent
}

/** A position of the journal up to which the ledger has everything, and where chains were there. */
export interface MirrorCheckpoint {
  readonly position: Position
  readonly ends: readonly (readonly [emitter: string, n: Count, digest: string])[]
}

export interface MirrorParts {
  readonly workspace: string
  /** Opens the ledger; called again after a write failed. */
  readonly open: () => Promise<LedgerWriter>
  /** Audit events of the journal from a position on, in order. */
  readonly journal: (from: Position) => AsyncIterable<AuditRecord>
  /** The newest checkpoint that was kept of this journal. */
  readonly kept: () => Promise<MirrorCheckpoint | undefined>
  readonly keep: (checkpoint: MirrorCheckpoint) => Promise<void>
  /** Record of an enrolled key. */
  readonly key: (kid: string) => KeyRecord | undefined
  /** True when the journal hears of other planes: it may be behind the ledger, and catches up. */
  readonly hears: boolean
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

/** Most events in one batch: one move of main. */
const batchMost: Count = 256
/** A checkpoint is kept after so many events, and at the end. */
const keepEvery: Count = 4_096
const firstPauseMs: Millis = 250
const longestPauseMs: Millis = 30_000

export class Mirror {
  readonly #parts: MirrorParts
  #ledger: LedgerWriter | undefined
  #queue: Delivery[] = []
  /** Last position of the journal that is known to be in the ledger. */
  #readTo: Position = 0
  /** How far chains have come in the journal, and at which positions that is worth a checkpoint. */
  readonly #ends = new Map<string, Count>()
  #last: Position = 0
  #marks: { readonly position: Position; readonly ends: ReadonlyMap<string, Count> }[] = []
  #unmarked: Count = 0
  #keptTo: Position = 0
  #turn: Promise<void> = Promise.resolve()
  #stopped: ProvError | undefined
  #onStop: ((error: ProvError) => void) | undefined

  constructor(parts: MirrorParts) {
    this.#parts = parts
  }

  /** Why it stands still; undefined while it works. */
  get stopped(): ProvError | undefined {
    return this.#stopped
  }

  /** Rejects when the mirror stops for a reason that a person must look at. */
  failed(): Promise<never> {
    return new Promise((_, reject) => {
      if (this.#stopped) reject(this.#stopped)
      this.#onStop = reject
    })
  }

  /** Resolves when nothing is being written. */
  idle(): Promise<void> {
    return this.#turn
  }

  /** Takes note of a durable event of the journal; in order, from the start of its life on. */
  durable({ position, event: { emitter, n } }: AuditRecord): void {
    this.#ends.set(emitter, n)
    this.#last = position
    if (++this.#unmarked < keepEvery) return
    this.#marks.push({ position, ends: new Map(this.#ends) })
    this.#unmarked = 0
  }

  /** For the end of a life: the next one starts here. */
  async rest(): Promise<void> {
    await this.#turn
    if (this.#last > 0) this.#marks.push({ position: this.#last, ends: this.#ends })
    if (!this.#stopped) await this.#passMarks().catch(() => {})
  }

  /** Takes a message from the stream. It is acknowledged when its event is in the ledger. */
  take(delivery: Delivery): void {
    this.#queue.push(delivery)
    // While one batch is written the next one gathers.
    if (this.#queue.length === 1) void this.#inTurn(() => this.#drain())
  }

  /** Brings everything the journal holds by now into the ledger. Throws why the mirror stopped. */
  async catchUp(): Promise<Count> {
    const { signal } = this.#parts
    await this.#inTurn(async () => {
      const { seen } = await this.#open()
      const first = this.#readTo === 0
      const ends = new Map<string, Count>()
      if (first) {
        const kept = await this.#resumed()
        this.#readTo = this.#keptTo = kept?.position ?? 0
        for (const [emitter, n] of kept?.ends ?? []) ends.set(emitter, n)
      }
      let missing: LedgerEntry[] = []
      let position = this.#readTo
      for await (const record of this.#parts.journal(this.#readTo + 1)) {
        position = record.position
        const { emitter, n } = record.event
        ends.set(emitter, n)
        const entry = ledgerEntry(record.event)
        if (n > seen.last(emitter)) missing.push(entry)
        else this.#refuseFork(entry)
        if (missing.length < batchMost) continue
        await this.#commit(missing)
        missing = []
        signal.throwIfAborted()
      }
      await this.#commit(missing)
      // Only at a start can it be behind: an open journal does not shrink.
      for (const emitter of first && !this.#parts.hears ? seen.emitters() : []) {
        const journal = ends.get(emitter) ?? 0
        const held = seen.last(emitter)
        if (held > journal) throw mirrorErrors.PROV_LEDGER_AHEAD({ emitter, ledger: held, journal })
      }
      this.#readTo = position
      if (first) {
        // Marks from before it knew all chains say too little.
        this.#marks = []
        for (const [emitter, n] of ends) {
          if (!this.#ends.has(emitter)) this.#ends.set(emitter, n)
        }
      }
      await this.#passMarks()
    })
    if (this.#stopped) throw this.#stopped
    signal.throwIfAborted()
    return this.#ledger?.seen.total ?? 0
  }

  /** One thing at a time; a ledger that cannot be written is tried again, everything else stops. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      const { clock, log, signal } = this.#parts
      let pauseMs = firstPauseMs
      while (!this.#stopped && !signal.aborted) {
        try {
          return await act()
        } catch (thrown) {
          if (signal.aborted) return
          if (!ProvError.is(thrown) || thrown.disposition !== 'retry') return this.#stop(thrown)
          this.#ledger = undefined
          const waiting = this.#queue.length
          log.warn(`${thrown.message}; again in ${pauseMs} ms`, { code: thrown.code, waiting })
          await sleep(clock, pauseMs, signal).catch(() => {})
          pauseMs = Math.min(pauseMs * 2, longestPauseMs)
        }
      }
    })
    return this.#turn
  }

  #stop(thrown: unknown): void {
    const error = ProvError.is(thrown)
      ? thrown
      : mirrorErrors.PROV_LEDGER_STOPPED({ why: String(thrown) }, { cause: thrown })
    this.#stopped = error
    const { code } = error
    this.#parts.log.error(`the ledger stands still: ${error.message}`, { code, fix: error.remedy })
    this.#onStop?.(error)
  }

  async #open(): Promise<LedgerWriter> {
    this.#ledger ??= await this.#parts.open()
    return this.#ledger
  }

  async #drain(): Promise<void> {
    const { seen } = await this.#open()
    while (this.#queue.length > 0 && !this.#parts.signal.aborted) {
      const batch = this.#queue.slice(0, batchMost)
      const taken = new Map<LedgerEntry, Delivery>()
      for (const delivery of batch) {
        const entry = await this.#judged(delivery)
        if (entry) taken.set(entry, delivery)
      }
      const fresh = [...taken.keys()].filter((entry) => {
        if (entry.event.n > seen.last(entry.event.emitter)) return true
        this.#refuseFork(entry)
        return false
      })
      await this.#commit(await this.#gapless(fresh))
      await Promise.all(
        [...taken].map(([{ event }, delivery]) => {
          // What came before it is nowhere yet: it comes again later.
          if (event.n > seen.last(event.emitter)) return delivery.nak({ delayMs: longestPauseMs })
          return delivery.ack()
        }),
      ).catch((thrown: unknown) => {
        // Not acknowledged is delivered again, and then it is known.
        this.#parts.log.debug('an acknowledgement was lost', { reason: String(thrown) })
      })
      // Only now: a batch that failed is taken again.
      this.#queue.splice(0, batch.length)
      await this.#passMarks()
    }
  }

  /** The checkpoint of an earlier life, when this ledger has all that it speaks of. */
  async #resumed(): Promise<MirrorCheckpoint | undefined> {
    const kept = await this.#parts.kept()
    const { seen } = await this.#open()
    const borne = kept?.ends.every(([emitter, n, digest]) => seen.digest(emitter, n) === digest)
    if (kept && !borne) this.#parts.log.info('the ledger is another one than it was; read whole')
    return borne ? kept : undefined
  }

  /** Moves on to the newest mark that the ledger has passed, and keeps it. */
  async #passMarks(): Promise<void> {
    const { seen } = await this.#open()
    const passed = this.#marks.findLastIndex(({ ends }) =>
      [...ends].every(([emitter, n]) => seen.last(emitter) >= n),
    )
    const mark = this.#marks[passed]
    // What came before this life is in the ledger once it has caught up.
    if (!mark || this.#readTo === 0) return
    this.#marks.splice(0, passed + 1)
    this.#readTo = Math.max(this.#readTo, mark.position)
    if (mark.position <= this.#keptTo) return
    this.#keptTo = mark.position
    const ends = [...mark.ends].map(([emitter, n]) => {
      return [emitter, n, seen.digest(emitter, n) as string] as const
    })
    await this.#parts.keep({ position: mark.position, ends }).catch((thrown: unknown) => {
      // It only shortens a start.
      this.#parts.log.debug('no checkpoint was kept', { reason: String(thrown) })
    })
  }

  /** The entry of a genuine event; anything else is put aside for good, with its reason. */
  async #judged(delivery: Delivery): Promise<LedgerEntry | undefined> {
    const { workspace, key, log } = this.#parts
    const where = `message ${delivery.sequence} of ${delivery.stream}`
    try {
      const event = parseAuditEvent(delivery.body, where)
      const fault = faultOf(event, { workspace, key })
      if (fault) throw fault
      return ledgerEntry(event, delivery.sequence)
    } catch (thrown) {
      if (!ProvError.is(thrown)) throw thrown
      log.error(`${where} is put aside: ${thrown.message}`, { code: thrown.code })
      await delivery.term(thrown.code).catch(() => {})
      return undefined
    }
  }

  /**
   * The entries in order and without repeats; what the stream left out between them comes from the
   * journal. Those behind a hole that the journal has not either are left out.
   */
  async #gapless(entries: readonly LedgerEntry[]): Promise<readonly LedgerEntry[]> {
    const { seen } = await this.#open()
    const known = new Map<string, LedgerEntry>()
    const keep = (entry: LedgerEntry): void => {
      const { emitter, n } = entry.event
      const twin = known.get(`${emitter} ${n}`)
      if (twin && twin.digest !== entry.digest) throw forked(entry, twin.digest)
      if (!twin) known.set(`${emitter} ${n}`, entry)
    }
    for (const entry of entries) keep(entry)
    const highest = new Map<string, Count>()
    for (const { event } of entries) {
      highest.set(event.emitter, Math.max(event.n, highest.get(event.emitter) ?? 0))
    }
    const wanted = [...highest].reduce((sum, [emitter, n]) => sum + n - seen.last(emitter), 0)
    if (wanted > known.size) {
      this.#parts.log.info('the stream left something out; the journal is asked')
      for await (const { event } of this.#parts.journal(1)) {
        const { emitter, n } = event
        if (n > seen.last(emitter) && n <= (highest.get(emitter) ?? 0)) keep(ledgerEntry(event))
      }
    }
    const next = new Map<string, Count>()
    const ordered: LedgerEntry[] = []
    for (const { event } of entries) {
      const { emitter } = event
      let n = next.get(emitter) ?? seen.last(emitter) + 1
      for (; n <= event.n; n++) {
        const entry = known.get(`${emitter} ${n}`)
        if (!entry) break
        ordered.push(entry)
      }
      next.set(emitter, n)
    }
    return ordered
  }

  /** Checks chain and signature of each, then writes them. */
  async #commit(entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length === 0) return
    const { workspace, key } = this.#parts
    const ledger = await this.#open()
    const ends = new Map<string, { n: Count; digest: string | undefined }>()
    for (const { event, digest } of entries) {
      const { emitter, n, prev } = event
      const fault = faultOf(event, { workspace, key })
      if (fault) throw fault
      const last = ledger.seen.last(emitter)
      const end = ends.get(emitter) ?? { n: last, digest: ledger.seen.digest(emitter, last) }
      if (n !== end.n + 1) {
        throw auditErrors.PROV_AUDIT_GAP({ emitter, expected: end.n + 1, found: n })
      }
      if (prev !== (end.digest ?? null)) throw auditErrors.PROV_AUDIT_CHAIN({ emitter, n })
      ends.set(emitter, { n, digest })
    }
    await ledger.append(entries)
    crashPoint('mirrored')
  }

  #refuseFork(entry: LedgerEntry): void {
    const { emitter, n } = entry.event
    const held = this.#ledger?.seen.digest(emitter, n)
    if (held !== undefined && held !== entry.digest) throw forked(entry, held)
  }
}

function forked({ event, digest }: LedgerEntry, held: string): ProvError {
  const { emitter, n } = event
  return mirrorErrors.PROV_AUDIT_FORKED({ emitter, n, ledger: held, found: digest })
}
