/**
 * Is this the newest journal of the plane? A copy that was set back says yes to every question that it
 * is asked alone. The planes elsewhere followed its chain, so a controller and a keeper ask them once per
 * life. Before one answered the controller lets nothing happen, and the keeper says nothing: a number
 * that it signed and forgot would be given to another operation. What a token says does not do, since
 * the one that is used again was signed before its use was heard of.
 *
 *     controller ──{ standing: n, digest, nonce }──▶ ops.ask.<ws> ──▶ keeper, submitter, mirror
 *         ▲                                                               │
 *         └─ good: their end stands in my chain ◀── { stands: n, digest, nonce, event }, signed
 *            else: it is over for this process
 *
 * V1  Controller and keeper decide for each other: the one sends the commands and follows what becomes of
 *     them, the other one uses up each number.
 * V2  While that one is silent, any other plane stands in for it after a while. For a controller the lease
 *     that remembers this journal does too: the server that forgot it lost the commands with it, and a
 *     keeper that is away sends none again. A keeper's lease knows where its life began, not what it signed.
 * V3  An event of this chain that is not in this journal ends this life, whenever it comes. It bears the
 *     signature of the plane itself, so nobody who answers can make one up.
 * V4  A keeper that may have been replaced asks again before it ends by such an event: then its successor
 *     spoke, which the controller's grant in the answer shows, or somebody has its key, and the others say
 *     whether they believed it. Until they did, nothing is signed.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { canonicalJson } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Log } from '../log.ts'
import type { ProvError } from '../errors.ts'
import { defined } from '../optional.ts'
import type { Count, Millis } from '../units.ts'
import { isAudit } from './audit.ts'
import type { AuditEvent, Emitter } from './audit.ts'
import { eventDigest } from './emitter.ts'
import type { ChainEnd } from './emitter.ts'
import { genuine } from './follow.ts'
import { verifySignature } from './key.ts'
import type { Signer } from './key.ts'
import type { Keyring } from './keyring.ts'
import { planeErrors } from './plane-errors.ts'

/** What a plane says besides the gaps in what it heard, on the same subject. */
export interface Talk {
  /** Asked about once a second. */
  ask?(): readonly JsonObject[]
  /** What is to be said to a message. */
  hear(message: JsonObject): Promise<JsonObject | undefined>
}

/** Several that talk about different things. */
export const together = (talks: readonly Talk[]): Talk => ({
  ask: () => talks.flatMap((talk) => talk.ask?.() ?? []),
  async hear(message) {
    const answers = await Promise.all(talks.map((talk) => talk.hear(message)))
    return answers.find((answer) => answer !== undefined)
  },
})

/** How far another plane heard a chain, as it is signed. */
interface Stand {
  readonly emitter: string
  readonly n: Count
  readonly digest: string | null
  readonly nonce: string
  readonly by: string
}

/** Under a word of its own: no event and no token could be read out of it. */
const textOf = (stand: Stand, journal: string): string =>
  `prov-standing ${journal} ${canonicalJson({ ...stand })}`

const noEnd: ChainEnd = { n: 0, digest: null }

const isNonce = (value: unknown): value is string =>
  typeof value === 'string' && /^[0-9a-f-]{36}$/.test(value)

export interface WitnessOptions {
  /** Id of the workspace's journal. */
  readonly journal: string
  /** Role whose key signs the answers. */
  readonly by: string
  readonly signer: () => Signer
  readonly ends: ReadonlyMap<string, ChainEnd>
  readonly known: (emitter: string, n: Count) => Promise<AuditEvent | undefined>
  /** What the controller said last of a keeper that took the place of a lost one. */
  readonly grant: () => AuditEvent | undefined
  readonly clock: Clock
}

/** Answers in this time; who asks more often waits. */
const spanMs: Millis = 1_000
const mostAnswers: Count = 8

/** Tells others how far their chains were heard here. */
export function witness(options: WitnessOptions): Talk {
  const { journal, by, signer, ends, known, grant, clock } = options
  let since: Millis = -Infinity
  let answers: Count = 0
  return {
    async hear({ standing }) {
      const { emitter, nonce, digest: theirs } = Object(standing) as JsonObject
      if (typeof emitter !== 'string' || !isNonce(nonce)) return undefined
      if (clock.monotonic() - since >= spanMs) {
        since = clock.monotonic()
        answers = 0
      }
      if (++answers > mostAnswers) return undefined
      const { n, digest } = ends.get(emitter) ?? noEnd
      const stand = { emitter, n, digest, nonce, by }
      const event = n > 0 && digest !== theirs ? await known(emitter, n) : undefined
      const signature = signer().sign(textOf(stand, journal))
      const shown = event && { event, grant: emitter === 'keeper' ? grant() : undefined }
      return { stands: defined({ ...stand, signature, ...shown }) as unknown as JsonObject }
    },
  }
}

export interface StandingOptions {
  /** Whose chain it is. */
  readonly emitter: 'controller' | 'keeper'
  /** Whose answer decides; undefined when it lives here too, and nobody else could answer in its place. */
  readonly decides: Emitter | undefined
  /** Id of the workspace's journal. */
  readonly journal: string
  readonly workspace: string
  readonly keyring: Keyring
  /** Where chains end in this journal, live. */
  readonly ends: ReadonlyMap<string, ChainEnd>
  readonly known: (emitter: string, n: Count) => Promise<AuditEvent | undefined>
  /** True when the server remembered this journal by the lease. Default: it remembers nothing that counts. */
  readonly remembered?: (() => boolean) | undefined
  /** Why a keeper is one no more after the grant of an epoch; undefined when it still is. Default: it always is. */
  readonly replaced?: ((granted: Count) => ProvError | undefined) | undefined
  readonly clock: Clock
  readonly log: Log
}

/** Until when an answer is waited for. Default: for ever. */
export interface Until {
  readonly withinMs?: Millis | undefined
  readonly signal?: AbortSignal | undefined
}

/** How long the answer that decides is waited for before another one may do. */
const patienceMs: Millis = 3_000
/** How often it is asked for once another one did. */
const seldomMs: Millis = 30_000

export class Standing implements Talk {
  readonly #options: StandingOptions
  #nonce: string = randomUUID()
  readonly #over = new AbortController()
  #sinceMs: Millis
  #good: Promise<void> = Promise.resolve()
  #settle: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined
  #isGood = false
  #wasGood = false
  #askedMs: Millis = -Infinity
  #vouched = false
  #decided = false
  #told = false

  constructor(options: StandingOptions) {
    this.#options = options
    this.#sinceMs = options.clock.monotonic()
    this.#await()
  }

  get emitter(): Emitter {
    return this.#options.emitter
  }

  /** Aborts when the journal was found to be an older one, or another one's; its reason says so. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** True once somebody answered well, and nobody otherwise. */
  get vouched(): boolean {
    return this.#isGood && !this.over.aborted
  }

  /** Throws PROV_PLANE_SET_BACK, or PROV_PLANE_UNVOUCHED while nobody answered. */
  check(): void {
    if (this.over.aborted) throw this.over.reason
    if (!this.#isGood) throw this.#unvouched()
  }

  /** As `check`, where what was begun in good faith may be finished. */
  checkOnce(): void {
    if (this.over.aborted || !this.#wasGood) this.check()
  }

  /**
   * Resolves when somebody answered well. Rejects with PROV_PLANE_SET_BACK or what else ended it, with
   * PROV_PLANE_UNVOUCHED when it takes longer than `withinMs`, and with the reason of the signal.
   */
  async sure(until: Until = {}): Promise<void> {
    while (!this.vouched && !this.over.aborted) await this.#answered(until)
    this.check()
  }

  #answered({ withinMs, signal }: Until): Promise<void> {
    signal?.throwIfAborted()
    const { clock } = this.#options
    return new Promise((resolve, reject) => {
      const end = (): void => reject(signal?.reason)
      const late =
        withinMs === undefined ? undefined : clock.after(withinMs, () => reject(this.#unvouched()))
      signal?.addEventListener('abort', end, { once: true })
      void this.#good.then(resolve, reject).finally(() => {
        late?.cancel()
        signal?.removeEventListener('abort', end)
      })
    })
  }

  ask(): readonly JsonObject[] {
    const { emitter, ends, clock, log, decides, remembered } = this.#options
    if (this.#decided || this.over.aborted) return []
    const nowMs = clock.monotonic()
    if (!this.#isGood && nowMs - this.#sinceMs >= patienceMs) {
      if (this.#vouched || decides === undefined || remembered?.() === true) this.#agree()
      else if (!this.#told) {
        this.#told = true
        const { code, message, remedy } = this.#unvouched()
        log.warn(message, { code, fix: remedy })
      }
    }
    if (this.#isGood && nowMs - this.#askedMs < seldomMs) return []
    this.#askedMs = nowMs
    const { n, digest } = ends.get(emitter) ?? noEnd
    return [{ standing: { emitter, n, digest, nonce: this.#nonce } }]
  }

  async hear({ stands }: JsonObject): Promise<undefined> {
    const { emitter, n, digest, nonce, by, signature, ...shown } = Object(stands) as JsonObject
    if (emitter !== this.#options.emitter || nonce !== this.#nonce) return
    if (typeof by !== 'string' || typeof signature !== 'string') return
    if (typeof n !== 'number' || !(digest === null || typeof digest === 'string')) return
    if (this.over.aborted) return
    const { keyring, journal, decides } = this.#options
    const record = by === emitter ? undefined : keyring.service(by)
    const stand = { emitter, n, digest, nonce, by }
    if (!record || !verifySignature(record.publicKey, textOf(stand, journal), signature)) return
    if (await this.#isReplaced(shown['grant'])) return
    if (!(await this.#stands(stand, shown['event'])) || nonce !== this.#nonce) return
    this.#vouched = true
    if (decides !== undefined && by !== decides) return
    this.#decided = true
    this.#agree()
  }

  /** An event of this chain was heard that is not in this journal, under the plane's own signature. */
  heard(event: AuditEvent): void {
    if (this.over.aborted || event.emitter !== this.#options.emitter) return
    if (!this.#options.replaced) return this.#setBack(event)
    const wasGood = this.#isGood
    this.#isGood = this.#vouched = this.#decided = this.#told = false
    this.#sinceMs = this.#options.clock.monotonic()
    // What was answered to an earlier question says nothing about this event.
    this.#nonce = randomUUID()
    if (wasGood) this.#await()
  }

  #await(): void {
    this.#good = new Promise((resolve, reject) => (this.#settle = { resolve, reject }))
    this.#good.catch(() => {})
  }

  #unvouched(): ProvError {
    return planeErrors.PROV_PLANE_UNVOUCHED({ plane: this.#options.emitter })
  }

  #setBack({ emitter, n }: AuditEvent): void {
    const own = this.#options.ends.get(emitter)?.n ?? 0
    this.#end(planeErrors.PROV_PLANE_SET_BACK({ plane: emitter, own, heard: n }))
  }

  #end(error: ProvError): void {
    if (this.over.aborted) return
    this.#options.log.error(error.message, { code: error.code, fix: error.remedy })
    this.#over.abort(error)
    this.#settle?.reject(error)
  }

  /** True when the controller granted the office to another journal, as it said itself. */
  async #isReplaced(said: JsonValue | undefined): Promise<boolean> {
    const { replaced, keyring, workspace } = this.#options
    if (!replaced || said === undefined) return false
    const grant = await genuine({ keyring, workspace }, { id: 'stands:grant', body: said })
    if (!grant || !isAudit(grant, 'keeper.granted') || grant.emitter !== 'controller') return false
    const error = replaced(grant.data.keeper_epoch)
    if (error) this.#end(error)
    return error !== undefined
  }

  /** True when what was heard stands in this journal. */
  async #stands({ emitter, n, digest, by }: Stand, said: JsonValue | undefined): Promise<boolean> {
    const { ends, known, workspace, keyring, log } = this.#options
    const end = ends.get(emitter) ?? noEnd
    if (n === 0 || digest === end.digest) return true
    const own = n <= end.n ? await known(emitter, n) : undefined
    if (own && eventDigest(own) === digest) return true
    const event = await genuine({ keyring, workspace }, { id: `stands:${n}`, body: said ?? null })
    if (event?.emitter === emitter && event.n === n && eventDigest(event) === digest) {
      if (n > end.n || own) this.#setBack(event)
      // As far back as that this journal knows nothing by itself any more.
      return n <= end.n
    }
    log.warn(`${by} heard event ${n} of ${emitter}, of which nothing is known here, and shows none`)
    return false
  }

  #agree(): void {
    this.#isGood = this.#wasGood = true
    this.#settle?.resolve()
  }
}
