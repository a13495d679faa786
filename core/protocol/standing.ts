/**
 * Is this the newest journal of the plane? A copy that was set back says yes to every question that it
 * is asked alone. The planes elsewhere followed its chain, so a controller asks them once per life, and
 * lets nothing happen before one answered: what a token says does not do, since the one that is used
 * again was signed before its use was heard of.
 *
 *     controller ──{ standing: n, digest, nonce }──▶ ops.ask.<ws> ──▶ keeper, submitter, mirror
 *         ▲                                                               │
 *         └─ good: their end stands in my chain ◀── { stands: n, digest, nonce, event }, signed
 *            else: it is over for this process
 *
 * V1  The keeper's answer decides: it sends the commands, and follows what becomes of them.
 * V2  While it is silent, the lease that remembers this journal stands in for it after a while; without
 *     one, any other plane. The server that forgot the lease lost the commands with it, and a keeper
 *     that is away sends none again.
 * V3  An event of this chain that is not in this journal ends this life, whenever it comes. It bears the
 *     signature of the plane itself, so nobody who answers can make one up.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { canonicalJson } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Log } from '../log.ts'
import { defined } from '../optional.ts'
import type { Count, Millis } from '../units.ts'
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
  ask?(): JsonObject | undefined
  /** What is to be said to a message. */
  hear(message: JsonObject): Promise<JsonObject | undefined>
}

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
  readonly clock: Clock
}

/** Answers in this time; who asks more often waits. */
const spanMs: Millis = 1_000
const mostAnswers: Count = 8

/** Tells others how far their chains were heard here. */
export function witness({ journal, by, signer, ends, known, clock }: WitnessOptions): Talk {
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
      return { stands: defined({ ...stand, signature, event: event as unknown as JsonObject }) }
    },
  }
}

export interface StandingOptions {
  /** Whose chain it is. */
  readonly emitter: Emitter
  /** Id of the workspace's journal. */
  readonly journal: string
  readonly workspace: string
  readonly keyring: Keyring
  /** Where chains end in this journal, live. */
  readonly ends: ReadonlyMap<string, ChainEnd>
  readonly known: (emitter: string, n: Count) => Promise<AuditEvent | undefined>
  /** True when this process holds the keeper too, and nobody else could answer in its place. */
  readonly keeps: boolean
  /** True when the server remembered this journal by the lease. */
  readonly remembered: () => boolean
  readonly clock: Clock
  readonly log: Log
}

/** How long the keeper's answer is waited for before another one may do. */
const patienceMs: Millis = 3_000
/** How often it is asked for once another one did. */
const seldomMs: Millis = 30_000

export class Standing implements Talk {
  readonly #options: StandingOptions
  readonly #nonce: string = randomUUID()
  readonly #over = new AbortController()
  readonly #sinceMs: Millis
  readonly #good: Promise<void>
  #settle: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined
  #isGood = false
  #askedMs: Millis = -Infinity
  #vouched = false
  #decided = false
  #told = false

  constructor(options: StandingOptions) {
    this.#options = options
    this.#sinceMs = options.clock.monotonic()
    this.#good = new Promise((resolve, reject) => (this.#settle = { resolve, reject }))
    this.#good.catch(() => {})
  }

  /** Aborts when the journal was found to be an older one; its reason says so. */
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
    if (!this.#isGood) throw planeErrors.PROV_PLANE_UNVOUCHED({ plane: this.#options.emitter })
  }

  /** Resolves when somebody answered well. Rejects with PROV_PLANE_SET_BACK. */
  async sure(): Promise<void> {
    await this.#good
    this.check()
  }

  ask(): JsonObject | undefined {
    const { emitter, ends, clock, log, keeps, remembered } = this.#options
    if (this.#decided || this.over.aborted) return undefined
    const nowMs = clock.monotonic()
    if (!this.#isGood && nowMs - this.#sinceMs >= patienceMs) {
      if (this.#vouched || keeps || remembered()) this.#agree()
      else if (!this.#told) {
        this.#told = true
        const { code, message, remedy } = planeErrors.PROV_PLANE_UNVOUCHED({ plane: emitter })
        log.warn(message, { code, fix: remedy })
      }
    }
    if (this.#isGood && nowMs - this.#askedMs < seldomMs) return undefined
    this.#askedMs = nowMs
    const { n, digest } = ends.get(emitter) ?? noEnd
    return { standing: { emitter, n, digest, nonce: this.#nonce } }
  }

  async hear({ stands }: JsonObject): Promise<undefined> {
    const { emitter, n, digest, nonce, by, signature, event } = Object(stands) as JsonObject
    if (emitter !== this.#options.emitter || nonce !== this.#nonce) return
    if (typeof by !== 'string' || typeof signature !== 'string') return
    if (typeof n !== 'number' || !(digest === null || typeof digest === 'string')) return
    if (this.#decided || this.over.aborted) return
    const { keyring, journal } = this.#options
    const record = by === emitter ? undefined : keyring.service(by)
    const stand = { emitter, n, digest, nonce, by }
    if (!record || !verifySignature(record.publicKey, textOf(stand, journal), signature)) return
    if (!(await this.#stands(stand, event))) return
    this.#vouched = true
    if (by !== 'keeper' && !this.#options.keeps) return
    this.#decided = true
    this.#agree()
  }

  /** This journal does not have an event that the plane's own key signed. */
  setBack({ emitter, n }: AuditEvent): void {
    const { ends, log } = this.#options
    if (this.over.aborted || emitter !== this.#options.emitter) return
    const own = ends.get(emitter)?.n ?? 0
    const error = planeErrors.PROV_PLANE_SET_BACK({ plane: emitter, own, heard: n })
    log.error(error.message, { code: error.code, fix: error.remedy })
    this.#over.abort(error)
    this.#settle?.reject(error)
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
      if (n > end.n || own) this.setBack(event)
      // As far back as that this journal knows nothing by itself any more.
      return n <= end.n
    }
    log.warn(`${by} heard event ${n} of ${emitter}, of which nothing is known here, and shows none`)
    return false
  }

  #agree(): void {
    this.#isGood = true
    this.#settle?.resolve()
  }
}
