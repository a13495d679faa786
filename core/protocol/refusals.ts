/**
 * What a plane turns away is audited too, but nobody may fill the ledger by knocking: beyond a rate
 * per reason the rest of the minute becomes one event with a count (D-41).
 *
 * @module
 */
import type { Clock, Timer } from '../clock.ts'
import type { ProvError } from '../errors.ts'
import { digestOf, digestOfText } from '../json.ts'
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Emitter } from './audit.ts'
import type { Contract } from './contract.ts'

export interface Turned {
  /** What it said that it is; a stranger's word, so only a short plain one is repeated. */
  readonly kind: unknown
  /** Op id when one can be told, else `unknown`. */
  readonly subject: string
  readonly error: ProvError
  /** What came in; only its digest is kept. */
  readonly token: unknown
}

/**
 * True for what a plane found about a message itself. Everything else (an actor that stopped because
 * the runtime closes, a journal that takes nothing) says nothing about it: the message comes again.
 */
export function isRefusal({ code }: ProvError): boolean {
  return /^PROV_(?:TOKEN|OP|POLICY|KEY|AUDIT)_/.test(code)
}

const each: Count = 30
const spanMs: Millis = 60_000

export class Refusals {
  readonly #contract: Contract
  readonly #role: Emitter
  readonly #clock: Clock
  readonly #seen = new Map<string, { count: Count; over: Count; last: Turned; timer: Timer }>()

  constructor(options: { contract: Contract; role: Emitter; clock: Clock }) {
    this.#contract = options.contract
    this.#role = options.role
    this.#clock = options.clock
  }

  /** Resolves when it is durable, or counted. */
  async note(turned: Turned): Promise<void> {
    const { code } = turned.error
    let span = this.#seen.get(code)
    if (!span) {
      const timer = this.#clock.after(spanMs, () => this.#close(code), { background: true })
      this.#seen.set(code, (span = { count: 0, over: 0, last: turned, timer }))
    }
    span.last = turned
    if (++span.count > each) span.over++
    else await this.#emit(turned, 1)
  }

  #close(code: string): void {
    const span = this.#seen.get(code)
    this.#seen.delete(code)
    if (span && span.over > 0) this.#emit(span.last, span.over).catch(() => {})
  }

  async #emit({ kind, subject, error, token }: Turned, count: Count): Promise<void> {
    const { code, message, remedy } = error
    const digest = typeof token === 'string' ? digestOfText(token) : digestOf(token as JsonValue)
    const plain = typeof kind === 'string' && /^[a-z]{1,16}$/.test(kind) ? kind : 'message'
    const data = { kind: plain, code, message, remedy, token: digest, count }
    await this.#contract.emit(this.#role, { type: 'token.refused', subject, data })
  }
}
