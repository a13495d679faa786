/**
 * What is answered to a process that may write no more. Another one has its journal by then, so the answer
 * is no RESULT (D-34); but the person who resolves the operation should see it.
 *
 *     fenced:  answer ─▶ sign ─▶ ecosystem.<ws>.op.evidence ─▶ end
 *     living:  verify ─▶ frame { op.evidence } ─▶ ack              plugins/controller/evidence.ts
 *
 * The end of the fenced process waits for answers that are under way, for seconds and no longer; if it
 * dies before, there is no evidence, and nothing else is different. Where planes meet in the journal there
 * is nothing to publish on, and a living writer is never replaced there: its log says it.
 *
 * @module
 */
import type { Bus } from '../bus/bus.ts'
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { asProvError, ProvError } from '../errors.ts'
import { newId } from '../ids.ts'
import { canonicalJson, digestOf } from '../json.ts'
import type { JsonObject } from '../json.ts'
import type { Log } from '../log.ts'
import { defined } from '../optional.ts'
import { maskSecrets, namesSecret } from '../secrets.ts'
import type { Count, Millis } from '../units.ts'
import { tokenRules } from './claims.ts'
import { asEvent } from './ecosystem.ts'
import type { Signer } from './key.ts'
import type { EvidenceClaims } from './op.ts'
import { subjects } from './subjects.ts'
import { signTokenNow } from './tokens.ts'

/** An answer that came too late to be written. */
export interface LateAnswer extends Pick<EvidenceClaims, 'what' | 'outcome' | 'message'> {
  readonly op: string
  /** Provider token of the run. */
  readonly token: string
  readonly step?: string | undefined
  readonly detail?: Readonly<Record<string, string | number | boolean>> | undefined
}

export interface Evidence {
  /** `hold` waits for this work. */
  awaits(work: Promise<unknown>): void
  /** Leaves an answer that could not be written, for whoever goes on. Never rejects. */
  leave(answer: LateAnswer): Promise<void>
  /** Resolves when nothing that was begun is awaited any more, after 5 s at the latest. */
  hold(): Promise<void>
}

export interface EvidenceParts {
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly workspace: string
  /** Journal id and writer epoch of this process. */
  readonly journal: string
  readonly epoch: Count
  /** The controller's key. */
  readonly signer: () => Signer
}

/** Longest hold of the end of a fenced process. */
const longestHoldMs: Millis = 5_000
/** Characters of a message, and of a detail beyond which its digest does. */
const mostMessage: Count = 500
const mostDetail: Count = 4_096

/** True for what a writer hears whom another one replaced. */
export function isFenced(thrown: unknown): boolean {
  return ProvError.is(thrown) && /^PROV_(?:JOURNAL|BUS)_FENCED$/.test(thrown.code)
}

export function evidenceOf(parts: EvidenceParts): Evidence {
  const { bus, clock, log, workspace, signer } = parts
  const underWay = new Set<Promise<unknown>>()
  return {
    awaits(work) {
      const settled: Promise<unknown> = work
        .catch(() => {})
        .finally(() => void underWay.delete(settled))
      underWay.add(settled)
    },
    async leave(answer) {
      const { op, what, step, outcome } = answer
      log.warn(`${op} was answered, and this process may write no more`, { what, step, outcome })
      if (bus.kind === 'embedded') return
      try {
        const own = signer()
        const token = signTokenNow('evidence', claimsOf(answer, parts, own.record.kid), own)
        const [id, subject] = [newId('evt', clock), subjects.evidence(workspace)]
        const from = { workspace, timeMs: clock.now() }
        const event = asEvent({ id, subject, body: { op, token } }, from)
        await bus.publish(subject, { id, body: event as unknown as JsonObject })
      } catch (thrown) {
        const { code, message } = asProvError(thrown)
        log.warn(`nobody hears what ${op} was answered: ${message}`, { code })
      }
    },
    async hold() {
      const enough = new AbortController()
      const late = sleep(clock, longestHoldMs, enough.signal).catch(() => {})
      await Promise.race([Promise.all(underWay), late])
      enough.abort()
    },
  }
}

function claimsOf(answer: LateAnswer, parts: EvidenceParts, kid: string): EvidenceClaims {
  const { op, token, what, step, outcome, message, detail = {} } = answer
  const { journal, workspace, epoch, clock } = parts
  const iat = Math.floor(clock.now() / 1_000)
  return defined({
    iss: kid,
    sub: op,
    aud: journal,
    jti: newId('jti', clock),
    iat,
    exp: iat + tokenRules.evidence.lifeMs / 1_000,
    workspace,
    epoch,
    provider_token: token,
    what,
    step,
    outcome,
    message: maskSecrets(message).slice(0, mostMessage),
    detail: masked(detail),
  })
}

/** Others hear it too, before a plane has judged it. */
function masked(detail: NonNullable<LateAnswer['detail']>): JsonObject {
  const shown = Object.fromEntries(
    Object.entries(detail).map(([name, value]) => {
      if (namesSecret(name)) return [name, '(secret)']
      return [name, typeof value === 'string' ? maskSecrets(value) : value]
    }),
  )
  return canonicalJson(shown).length <= mostDetail ? shown : { digest: digestOf(shown) }
}
