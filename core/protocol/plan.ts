/**
 * A plan: what one operation would do, as a document that can be kept, reviewed and handed in. It
 * holds no time and nothing random, so the same proposal against the same state makes the same bytes
 * and whoever hands it in can make it again and compare.
 *
 *     proposal + workspace + journal + policy ─▶ plan ─▶ file ─▶ review ─▶ submit: made again, equal?
 *
 * Its digest covers everything that a reviewer agrees to. How policy would judge it now (a verdict
 * may depend on the hour) is told along and not covered; which policy it was judged by is.
 *
 * @module
 */
import { foreignJson } from '../foreign-json.ts'
import { canonicalJson, digestOf } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Bytes, Count } from '../units.ts'
import type { RuleTrace } from './audit.ts'
import { isOpBody, opDigest } from './claims.ts'
import { opErrors } from './errors.ts'
import type { OpBody, StateVector } from './op.ts'

/** One line of a content diff: kept, taken away or new. */
export type DiffLine = `  ${string}` | `- ${string}` | `+ ${string}`

/** One thing that would be otherwise afterwards. */
export interface PlanChange {
  readonly what: 'dimension' | 'capability' | 'gate' | 'content' | 'step'
  readonly id: string
  /** Null: it is not there now. */
  readonly from: string | null
  /** Null: it is gone afterwards. */
  readonly to: string | null
  /** What brings this about, for people. */
  readonly because: string
  /** Content against what was applied last; secrets masked. */
  readonly diff?: readonly DiffLine[]
}

export interface OpPlan {
  readonly kind: 'prov-plan'
  readonly version: 1
  readonly workspace: string
  /** Null before anything was ever written. */
  readonly journal: string | null
  readonly proposal: PlanProposal
  readonly body: OpBody
  readonly op_digest: string
  /** Version of every dimension that it counts on (D-32). */
  readonly state: StateVector
  readonly changes: readonly PlanChange[]
  /** True when everything that it would bring about is there already. */
  readonly empty: boolean
  /** Why it could not be claimed as things stand; empty when nothing is in its way. */
  readonly obstacles: readonly { readonly code: string; readonly message: string }[]
  readonly policy: {
    /** Null while none is in force. */
    readonly version: Count | null
    readonly digest: string | null
    readonly verdict: 'deny' | 'hold' | 'auto-sign'
    readonly rule: string | null
    readonly why: string
    readonly trace: readonly RuleTrace[]
  }
  readonly digest: string
}

/** The proposal that a plan was made for; who signs it is no part of it. */
export interface PlanProposal {
  readonly type: string
  readonly target: string
  readonly image?: string
  readonly params?: JsonObject
}

/** A plan file larger than this is refused unread. */
export const largestPlan: Bytes = 1_048_576

/** Digest of a plan: of all of it but the forecast of the verdict and the digest itself. */
export function planFileDigest(plan: Omit<OpPlan, 'digest'>): string {
  const { kind, version, workspace, journal, proposal, op_digest, state, changes, empty } = plan
  const policy = { version: plan.policy.version, digest: plan.policy.digest }
  const obstacles = plan.obstacles.map(({ code }) => code)
  const covered = { kind, version, workspace, journal, proposal, op_digest, state, changes, empty }
  return digestOf({ ...covered, obstacles, policy } as unknown as JsonObject)
}

/** The bytes of a plan file: indented JSON with sorted keys and a newline at the end. */
export function planText(plan: OpPlan): string {
  const sorted: unknown = JSON.parse(canonicalJson(plan as unknown as JsonValue))
  return `${JSON.stringify(sorted, null, 2)}\n`
}

/**
 * Reads a plan file. Throws PROV_PLAN_UNREADABLE for what is none, PROV_PLAN_ALTERED when its parts
 * do not fit its digests: somebody changed it after it was made.
 */
export function parsePlan(text: string, file: string): OpPlan {
  const refuse = (reason: string) => opErrors.PROV_PLAN_UNREADABLE({ file, reason })
  if (Buffer.byteLength(text) > largestPlan) throw refuse('it is larger than 1 MiB')
  let raw: unknown
  try {
    raw = foreignJson(text)
  } catch {
    throw refuse('it is not JSON, or nests without end')
  }
  const plan = Object(raw) as Partial<OpPlan>
  if (plan.kind !== 'prov-plan') throw refuse('its `kind` is not "prov-plan"')
  if (plan.version !== 1) throw refuse(`version ${JSON.stringify(plan.version)} is not known here`)
  const { proposal, body, state, changes, policy, obstacles } = plan
  const whole =
    typeof plan.workspace === 'string' &&
    typeof proposal?.type === 'string' &&
    typeof proposal.target === 'string' &&
    isOpBody(body as unknown as JsonValue) &&
    typeof state === 'object' &&
    Array.isArray(changes) &&
    Array.isArray(obstacles) &&
    typeof policy === 'object'
  if (!whole) throw refuse('parts of it are missing')
  const read = plan as OpPlan
  if (read.op_digest !== opDigest(read.body)) throw opErrors.PROV_PLAN_ALTERED({ file })
  if (read.digest !== planFileDigest(read)) throw opErrors.PROV_PLAN_ALTERED({ file })
  return read
}

/** What is otherwise now than in a plan that was made before, in words; empty when nothing is. */
export function planDrift(planned: OpPlan, now: OpPlan): readonly string[] {
  if (planned.digest === now.digest) return []
  const said: string[] = []
  const moved = (name: string, was: JsonValue | undefined, is: JsonValue | undefined): void => {
    if (digestOf(was ?? null) === digestOf(is ?? null)) return
    said.push(`${name} was ${shown(was)}, is ${shown(is)}`)
  }
  moved('workspace', planned.workspace, now.workspace)
  moved('journal', planned.journal, now.journal)
  for (const id of union(Object.keys(planned.state), Object.keys(now.state))) {
    moved(`version of ${id}`, planned.state[id], now.state[id])
  }
  moved('policy', planned.policy.version, now.policy.version)
  if (planned.policy.version === now.policy.version) {
    moved('policy digest', planned.policy.digest, now.policy.digest)
  }
  const [was, is] = [planned.body, now.body] as unknown as readonly [JsonObject, JsonObject]
  for (const field of union(Object.keys(was), Object.keys(is))) {
    // Long parts are named: their content is what `prov op plan` shows.
    if (digestOf(was[field] ?? null) === digestOf(is[field] ?? null)) continue
    said.push(`what the operation declares as \`${field}\` changed`)
  }
  moved(
    'what is in its way',
    planned.obstacles.map(({ code }) => code),
    now.obstacles.map(({ code }) => code),
  )
  return said.length > 0 ? said : ['what it would bring about changed']
}

function shown(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return 'nothing'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`
}

function union(one: readonly string[], other: readonly string[]): readonly string[] {
  return [...new Set([...one, ...other])].sort()
}
