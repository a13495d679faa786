/**
 * The tokens of the contract and their claims, parsed strictly: a claim that is missing, of another
 * class or not known is refused by name. Pure.
 *
 * @module
 */
import { digestOf } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { isShown } from '../signs.ts'
import type { Bytes, Millis } from '../units.ts'
import { tokenErrors } from './errors.ts'
import type { KeyRecord } from './key.ts'
import type {
  ActClaims,
  ApprovalClaims,
  EvidenceClaims,
  IntentClaims,
  OpBody,
  VoteClaims,
} from './op.ts'

/** Claims by kind of token. */
export interface TokenClaims {
  readonly intent: IntentClaims
  readonly vote: VoteClaims
  readonly approval: ApprovalClaims
  readonly act: ActClaims
  readonly evidence: EvidenceClaims
}
export type TokenKind = keyof TokenClaims

/** What every token of a kind must keep to. */
export interface TokenRule {
  /** Header `typ`, our own, so that no token can stand in for another. */
  readonly typ: string
  readonly limitBytes: Bytes
  /** Longest life, from `iat` to `exp` (D-33). */
  readonly lifeMs: Millis
  /** Whose keys may sign it at all; who of them counts is the plane's question. */
  readonly signers: (record: KeyRecord) => boolean
  readonly signersAre: string
}

const minute: Millis = 60_000
const day: Millis = 24 * 60 * minute
const kibibyte: Bytes = 1_024

export const tokenRules: Readonly<Record<TokenKind, TokenRule>> = {
  intent: {
    typ: 'prov-intent+jwt',
    limitBytes: 64 * kibibyte,
    lifeMs: 7 * day,
    signers: ({ kind }) => kind !== 'service',
    signersAre: 'the key of a person or an agent',
  },
  vote: {
    typ: 'prov-vote+jwt',
    limitBytes: 16 * kibibyte,
    lifeMs: 7 * day,
    // Agents and services may hand one in: the keeper refuses it under a name of its own.
    signers: () => true,
    signersAre: 'an enrolled key',
  },
  approval: {
    typ: 'prov-approval+jwt',
    limitBytes: 128 * kibibyte,
    lifeMs: 10 * minute,
    signers: ({ kind, role }) => kind === 'service' && role === 'keeper',
    signersAre: "the keeper's key",
  },
  act: {
    typ: 'prov-act+jwt',
    limitBytes: 16 * kibibyte,
    lifeMs: 7 * day,
    signers: ({ kind }) => kind !== 'service',
    signersAre: 'the key of a person or an agent',
  },
  evidence: {
    typ: 'prov-evidence+jwt',
    limitBytes: 16 * kibibyte,
    // As long as the stream keeps it for a controller that is away.
    lifeMs: 30 * day,
    signers: ({ kind, role }) => kind === 'service' && role === 'controller',
    signersAre: "the controller's key",
  },
}

/** Most that two clocks may differ; more is refused by name. */
export const clockSkewMs: Millis = minute

type Check = { readonly what: string; readonly holds: (value: JsonValue | undefined) => boolean }

/** In one line, and of signs that are shown: whoever agrees sees what they agree to. */
const text: Check = {
  what: 'a text in one line, without control signs',
  holds: (value) => typeof value === 'string' && value.length > 0 && isShown(value),
}
/** What stands in file names, subjects of messages and every list that people read. */
const name: Check = {
  what: 'a name of 1 to 128 letters, digits and . _ : -',
  holds: (value) => typeof value === 'string' && /^[\w.:-]{1,128}$/.test(value),
}
const anyText: Check = { what: 'a text', holds: (value) => typeof value === 'string' }
const digest: Check = {
  what: 'a digest sha256:…',
  holds: (value) => typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value),
}
const seconds: Check = {
  what: 'seconds since 1970, a whole number',
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
}
const count: Check = {
  what: 'a whole number from 0 on',
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
}
const texts: Check = {
  what: 'a list of texts in one line each, without control signs',
  holds: (value) =>
    Array.isArray(value) && value.every((item) => typeof item === 'string' && isShown(item)),
}
const flag: Check = { what: 'true or false', holds: (value) => typeof value === 'boolean' }
const yes: Check = { what: 'true', holds: (value) => value === true }
const object: Check = { what: 'an object', holds: isObject }
const vector: Check = {
  what: 'a version per dimension',
  holds: (value) => isObject(value) && Object.values(value).every((item) => count.holds(item)),
}
const oneOf = (...names: readonly string[]): Check => ({
  what: `one of ${names.join(', ')}`,
  holds: (value) => typeof value === 'string' && names.includes(value),
})
const shape = (what: string, checks: Readonly<Record<string, Check>>): Check => ({
  what,
  holds: (value) =>
    isObject(value) &&
    Object.keys(value).every((key) => Object.hasOwn(checks, key)) &&
    Object.entries(checks).every(([key, check]) => check.holds(value[key])),
})
const listOf = (what: string, check: Check): Check => ({
  what,
  holds: (value) => Array.isArray(value) && value.every((item) => check.holds(item)),
})
const maybe = (check: Check): Check => ({
  what: check.what,
  holds: (value) => value === undefined || check.holds(value),
})

const transition = shape('a move', { dimension: text, from: text, to: text })
const step = shape('a step', {
  id: text,
  script: anyText,
  dependsOn: maybe(texts),
  timeoutMs: maybe(count),
  attempts: maybe(count),
  giveUpOn: maybe(listOf('exit codes', count)),
  undo: maybe(anyText),
})
const stepRun = shape('steps on a machine', {
  provider: text,
  tier: maybe(oneOf('s', 'm', 'l', 'xl')),
  priority: maybe(count),
  steps: listOf('steps', step),
})
const componentRun = shape('a component', { component: text })
const run: Check = {
  what: 'a run',
  holds: (value) => stepRun.holds(value) || componentRun.holds(value),
}
const body = shape('the body of an operation', {
  type: text,
  target: text,
  image: maybe(text),
  params: maybe(object),
  scope: texts,
  destructive: flag,
  achieves: listOf('moves', transition),
  gains: texts,
  loses: texts,
  requires: texts,
  inverse: maybe(text),
  compensates: maybe(text),
  run: maybe(run),
})
const approval = shape('an approval', {
  actor: text,
  kid: text,
  custody: oneOf('shared', 'separate'),
  vote: anyText,
  break_glass: maybe(yes),
})

const common = { iss: text, sub: name, aud: text, jti: text, iat: seconds, exp: seconds }
const tables: Readonly<Record<TokenKind, Readonly<Record<string, Check>>>> = {
  intent: {
    ...common,
    nbf: seconds,
    workspace: text,
    op: body,
    op_digest: digest,
    scope: texts,
    expected_state_version: vector,
  },
  vote: {
    ...common,
    workspace: text,
    decision: oneOf('approve', 'reject'),
    reason: anyText,
    op_digest: digest,
    plan_digest: digest,
    policy_digest: digest,
    state_vector: vector,
    break_glass: maybe(yes),
  },
  approval: {
    ...common,
    nbf: seconds,
    workspace: text,
    intent: text,
    op_digest: digest,
    plan_digest: digest,
    policy_digest: digest,
    policy_version: count,
    expected_state_version: vector,
    scope: texts,
    approvals: listOf('approvals', approval),
    seq: count,
    keeper_epoch: count,
  },
  act: {
    ...common,
    workspace: text,
    act: oneOf(
      'actor.enrol',
      'actor.revoke',
      'policy.activate',
      'keeper.mode',
      'keeper.rotate',
      'plane.rotate',
      'keys.govern',
      'op.review',
      'op.withdraw',
      'op.resolve',
      'journal.adopt',
    ),
    reason: anyText,
    with: object,
  },
  evidence: {
    ...common,
    workspace: text,
    epoch: count,
    provider_token: text,
    what: oneOf('run', 'step', 'undo', 'machine'),
    step: maybe(text),
    outcome: oneOf('applied', 'failed'),
    message: anyText,
    detail: object,
  },
}

/** Claims of that kind, each of its class and none besides. Throws PROV_TOKEN_CLAIM. */
export function parseClaims<K extends TokenKind>(kind: K, raw: JsonValue): TokenClaims[K] {
  if (!isObject(raw)) {
    throw tokenErrors.PROV_TOKEN_CLAIM({ kind, claim: 'payload', expected: 'an object' })
  }
  const table = tables[kind]
  for (const [claim, check] of Object.entries(table)) {
    if (!check.holds(raw[claim])) {
      throw tokenErrors.PROV_TOKEN_CLAIM({ kind, claim, expected: check.what })
    }
  }
  for (const claim of Object.keys(raw)) {
    if (!Object.hasOwn(table, claim)) {
      const shown = claim.length <= 32 ? claim : `${claim.slice(0, 32)}…`
      throw tokenErrors.PROV_TOKEN_CLAIM({ kind, claim: shown, expected: 'no such claim' })
    }
  }
  return raw as unknown as TokenClaims[K]
}

/** True for a body with every field of its class; used where a body does not come inside a token. */
export function isOpBody(value: JsonValue | undefined): boolean {
  return body.holds(value)
}

/** The digest that everybody signs. */
export function opDigest(op: OpBody): string {
  return digestOf(op as unknown as JsonObject)
}

/** The digest of everything a vote agrees to: what is done, against which state, until when. */
export function planDigest(intent: {
  readonly sub: string
  readonly op_digest: string
  readonly expected_state_version: Readonly<Record<string, number>>
  readonly exp: number
}): string {
  const { sub, op_digest, expected_state_version, exp } = intent
  return digestOf({ op: sub, op_digest, expected_state_version, exp })
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
