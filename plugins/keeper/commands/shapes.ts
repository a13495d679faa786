/** What commands about policy, keys and the keeper print with `--json`. @module */
import { shape } from 'prov'
import type { ShapeTable } from 'prov'

const { count, data, either, flag, list, maybe, number, object, printed, text, word } = shape

const mode = word('auto', 'manual', 'hybrid')
const kind = word('human', 'agent', 'service')
const trouble = maybe(object({ code: text, message: text }))

const ruleRef = object(
  { list: word('deny', 'require_manual', 'auto_sign', 'break_glass'), index: count },
  { id: text },
)
const finding = object(
  {
    finding: word('shadowed', 'repeated', 'named-twice', 'matches-everything', 'signs-destructive'),
    rule: ruleRef,
    message: text,
  },
  { other: ruleRef },
)

const policy = object({
  file: text,
  mode,
  // A policy is printed as its file says it: see plugins/keeper/README.md.
  active: maybe(object({ version: count, digest: text, by: text, policy: data })),
  proposed: either(
    object({ state: word('absent') }),
    object({ state: word('broken'), error: shape.error }),
    object({ state: word('good'), policy: data, findings: list(finding) }),
  ),
  differs: flag,
  trouble,
})

const lint = printed(
  1,
  object(
    { file: text, state: word('absent', 'broken', 'good'), findings: list(finding), strict: flag },
    {
      error: object(
        { code: text, message: text, remedy: text },
        { place: object({ file: text }, { line: count, column: count }) },
      ),
    },
  ),
)

const reading = object({ mode, why: text })

const keeper = object({
  mode,
  reading,
  heldByMode: list(text),
  policy: maybe(object({ version: count, digest: text, by: text })),
  trouble,
  apart: list(object({ op: text, message: text })),
  file: either(
    object({ state: word('absent', 'good') }),
    object({ state: word('broken'), error: shape.error }),
  ),
  held: list(object({ op: text, type: text, target: text, by: text }, { needs: text })),
  unreviewed: list(
    object(
      {
        op: text,
        type: text,
        target: text,
        requester: text,
        at: text,
        approval: text,
        by: text,
        kid: text,
        reason: text,
        rule: text,
        until: number,
      },
      { earlier: list(text) },
    ),
  ),
  lastSeq: maybe(object({ epoch: count, seq: count })),
  refusals: list(object({ at: text, code: text, message: text, count })),
})

const plane = word('submitter', 'keeper', 'controller', 'orchestrator')
const rotated = printed(
  1,
  object({ plane, kid: maybe(text), from: maybe(text), done: flag, dryRun: flag }),
)

/** A public key and who holds it. */
const keyRecord = object(
  {
    kid: text,
    actor: text,
    kind,
    alg: word('Ed25519'),
    publicKey: object({ kty: word('OKP'), crv: word('Ed25519'), x: text }),
    createdAt: text,
    custody: text,
  },
  { role: text, groups: list(text), person: text },
)

const act = word('actor.enrol', 'actor.revoke', 'keeper.rotate', 'plane.rotate', 'keys.govern')

const actor = object(
  {
    actor: text,
    kind,
    kid: text,
    alg: word('Ed25519'),
    here: flag,
    sealed: maybe(flag),
    enrolled: flag,
    by: maybe(text),
    custody: text,
  },
  {
    role: text,
    groups: list(text),
    person: text,
    revoked: object({ by: text, reason: text, time: text }),
    retired: flag,
    at: text,
  },
)

export const shapes: ShapeTable = {
  'policy show': printed(1, policy),
  'policy lint': lint,
  'validate-keeper-policy': lint,
  'policy activate': printed(
    1,
    object({
      activated: flag,
      version: count,
      digest: maybe(text),
      was: maybe(count),
      file: text,
      said: text,
    }),
  ),
  'keeper status': printed(1, keeper),
  'keeper review': printed(1, object({ op: text, by: maybe(text) })),
  'keeper rotate': rotated,
  'plane rotate': rotated,
  'keeper mode': printed(
    1,
    object({ mode, was: mode, changed: flag, dryRun: flag, reading, releases: list(text) }),
  ),
  'keys status': printed(
    1,
    object({
      version: count,
      journal: maybe(text),
      rule: maybe(
        object({
          roots: list(keyRecord),
          people: maybe(object({ need: count, of: list(text) })),
        }),
      ),
      words: text,
      persons: list(text),
      offered: list(object({ plane: text, kid: text })),
    }),
  ),
  'keys root': printed(1, object({ file: text, public: text, kid: maybe(text), sealed: flag })),
  'keys draft': printed(
    1,
    object({
      file: text,
      written: flag,
      workspace: text,
      journal: text,
      act,
      subject: text,
      with: data,
      reason: text,
      signatures: list(text),
    }),
  ),
  'keys sign': printed(
    1,
    object({ file: text, words: list(text), signatures: count, signed: flag }),
  ),
  'keys apply': printed(
    1,
    object({ act, subject: text, words: list(text), applied: flag, version: count }),
  ),
  'actor create': printed(
    1,
    object(
      {
        actor: text,
        kind: word('human', 'agent'),
        kid: maybe(text),
        file: text,
        sealed: flag,
        enrolled: flag,
        by: maybe(text),
      },
      { why: text },
    ),
  ),
  'actor enrol': printed(1, object({ actor: text, kid: text, enrolled: flag, by: maybe(text) })),
  'actor revoke': printed(1, object({ actor: text, kid: maybe(text), by: maybe(text) })),
  'actor list': printed(1, list(actor)),
}
