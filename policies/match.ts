/**
 * Does a policy sign this op by itself, hold it for people, or deny it?
 *
 *     deny  beats  require_manual  beats  auto_sign;  nothing matched: hold       (D-2, D-3)
 *
 * The original system reads auto_sign first, so that a broad auto rule defeats a narrow manual one.
 * Here the careful rule wins; `lintPolicy` names rules that never decide because of it.
 *
 * Every rule is tried, also when the verdict is known, and the answer says for each one whether it
 * matched and which field decided: `prov why` and `prov policy` print that, nobody has to guess.
 *
 * @module
 */
import type { Glob } from './glob.ts'
import type { Policy, ActorKind, Rule, RuleList } from './policy.ts'
import type { Quorum } from './quorum.ts'
import { compileGlob, compileImageGlob, separators } from './glob.ts'
import { ruleLists } from './policy.ts'
import { onePerson } from './quorum.ts'
import { windowOpen, windowText } from './window.ts'

/** What a policy looks at. A value that the op lacks is left out, and only `*` takes it. */
export interface PolicySubject {
  readonly opType: string
  readonly image?: string | undefined
  readonly target?: string | undefined
  /** Scope entries such as `deploy:staging`; a rule matches when one of them does. */
  readonly scope?: readonly string[] | undefined
  readonly actor?: { readonly name: string; readonly kind: ActorKind } | undefined
  readonly destructive?: boolean | undefined
  /** The instant at which the policy is asked, for windows. */
  readonly atMs: number
}

/**
 * What a policy is asked about an operation: the forecast of a plan, the keeper's judgement and the
 * controller's look behind it ask the same.
 */
export function subjectOf(
  op: Required<Pick<PolicySubject, 'scope' | 'destructive' | 'target'>> & {
    readonly type: string
    readonly image?: string | undefined
  },
  actor: { readonly actor: string; readonly kind: ActorKind } | undefined,
  atMs: number,
): PolicySubject {
  const { type: opType, image, target, scope, destructive } = op
  const by = actor && { name: actor.actor, kind: actor.kind }
  return { opType, image, target, scope, actor: by, destructive, atMs }
}

/** What a list of rules does with an op; the words of the audit trail. */
export type Effect = 'deny' | 'hold' | 'auto-sign'
export const effectOf: Readonly<Record<RuleList, Effect>> = {
  deny: 'deny',
  require_manual: 'hold',
  auto_sign: 'auto-sign',
}

/** A rule by its place in the file: `auto_sign[2]`, or its id. */
export interface RuleRef {
  readonly list: RuleList
  readonly index: number
  readonly id?: string
}

/** How one field of one rule fared. */
export interface FieldTrace {
  readonly field: string
  readonly matched: boolean
  /** "target prod-1 is not taken by staging-*": a sentence for people. */
  readonly why: string
}
export interface RuleTrace extends RuleRef {
  readonly matched: boolean
  /** The fields that the rule has, in the order of the file's schema; empty means "no condition". */
  readonly fields: readonly FieldTrace[]
}

export interface PolicyDecision {
  readonly verdict: Effect
  /** The rule that decided; absent when none matched. */
  readonly by?: RuleRef
  /** For `hold`: who must agree. All of them, when several manual rules match. */
  readonly quorum?: Quorum
  readonly why: string
  readonly trace: readonly RuleTrace[]
}

export type FieldCheck = (subject: PolicySubject) => FieldTrace
interface CompiledRule {
  readonly ref: RuleRef
  readonly rule: Rule
  readonly checks: readonly FieldCheck[]
}

/** A policy made ready to be asked many times. Immutable. */
export interface CompiledPolicy {
  readonly policy: Policy
  readonly rules: readonly CompiledRule[]
}

/** Compiles a policy that `readPolicy` accepted. */
export function compilePolicy(policy: Policy): CompiledPolicy {
  const rules = ruleLists.flatMap((list) =>
    policy[list].map((rule, index) => ({
      ref: { list, index, ...(rule.id !== undefined && { id: rule.id }) },
      rule,
      checks: fieldChecks(rule),
    })),
  )
  return { policy, rules }
}

/** "auto_sign[0]" or "auto_sign[0] (staging-restarts)". */
export function ruleName(ref: RuleRef): string {
  return `${ref.list}[${ref.index}]${ref.id === undefined ? '' : ` (${ref.id})`}`
}

/** Judges one op. Same policy and same subject, same answer: the instant is part of the subject. */
export function matchPolicy(compiled: CompiledPolicy, subject: PolicySubject): PolicyDecision {
  const trace: RuleTrace[] = []
  const matched: CompiledRule[] = []
  // Plain loops and records of one shape: this runs for every rule of every op.
  for (const compiledRule of compiled.rules) {
    const { ref, checks } = compiledRule
    const fields: FieldTrace[] = []
    let all = true
    for (const check of checks) {
      const field = check(subject)
      all = all && field.matched
      fields.push(field)
    }
    const { list, index, id } = ref
    trace.push(
      id === undefined
        ? { list, index, matched: all, fields }
        : { list, index, id, matched: all, fields },
    )
    if (all) matched.push(compiledRule)
  }
  // The rules stand in the order of the lists, strongest list first.
  const first = matched[0]
  if (!first) {
    return {
      verdict: 'hold',
      quorum: onePerson,
      why: 'no rule matches, and what no rule decides is held for a person',
      trace,
    }
  }
  const by = first.ref
  const name = ruleName(by)
  if (by.list === 'deny') return { verdict: 'deny', by, why: `${name} denies it`, trace }
  if (by.list === 'auto_sign') return { verdict: 'auto-sign', by, why: `${name} signs it`, trace }
  const manual = matched.filter(({ ref }) => ref.list === 'require_manual')
  return {
    verdict: 'hold',
    by,
    quorum: quorumOf(manual.map(({ rule }) => rule)),
    why: `${manual.map(({ ref }) => ruleName(ref)).join(' and ')} ${manual.length === 1 ? 'asks' : 'ask'} for people`,
    trace,
  }
}

/**
 * The trace in the words of the audit trail: one line per rule with every field that did not match,
 * or, for a rule that matched, every field that did.
 */
export function traceLines(decision: PolicyDecision): readonly {
  readonly rule: string
  readonly effect: Effect
  readonly matched: boolean
  readonly why: string
}[] {
  return decision.trace.map((rule) => {
    const shown = rule.fields.filter((field) => field.matched === rule.matched)
    return {
      rule: ruleName(rule),
      effect: effectOf[rule.list],
      matched: rule.matched,
      why: shown.map((field) => field.why).join('; ') || 'the rule has no condition',
    }
  })
}

function quorumOf(rules: readonly Rule[]): Quorum {
  const quorums = rules.flatMap((rule) => (rule.quorum ? [rule.quorum] : []))
  const only = quorums[0]
  if (!only) return onePerson
  if (quorums.length === 1) return only
  const custody = quorums.some((quorum) => quorum.custody === 'separate')
  const all = quorums.map((quorum) => {
    const { custody: _, ...tree } = quorum
    return tree as Quorum
  })
  return { all, ...(custody && { custody: 'separate' as const }) }
}

/** One check per field that a rule has, in the order of the schema. */
export function fieldChecks(rule: Omit<Rule, 'quorum'>): readonly FieldCheck[] {
  const checks: FieldCheck[] = []
  const patterns = (
    field: string,
    globs: readonly Glob[],
    what: string,
    values: (subject: PolicySubject) => string | undefined | readonly string[],
  ) => {
    const written = globs.map((glob) => glob.pattern).join(' | ')
    const isTaken = (value: string | undefined) => {
      for (const glob of globs) if (glob.matches(value)) return true
      return false
    }
    checks.push((subject) => {
      const found = values(subject)
      if (typeof found === 'object') {
        const taken = found.find(isTaken)
        if (taken !== undefined)
          return fieldTrace({ field, what, value: taken, matched: true, written })
        // No entry at all is one missing value: only `*` takes it.
        const matched = found.length === 0 && isTaken(undefined)
        return fieldTrace({
          field,
          what,
          value: found.join(', ') || undefined,
          matched,
          written,
        })
      }
      return fieldTrace({ field, what, value: found, matched: isTaken(found), written })
    })
  }
  if (rule.op_type !== undefined) {
    const glob = compileGlob(rule.op_type, separators.opType)
    patterns('op_type', [glob], 'op type', (subject) => subject.opType)
  }
  if (rule.image_patterns) {
    const globs = rule.image_patterns.map((pattern) => compileImageGlob(pattern))
    patterns('image_patterns', globs, 'image', (subject) => subject.image)
  }
  if (rule.target_patterns) {
    const globs = rule.target_patterns.map((pattern) => compileGlob(pattern, separators.target))
    patterns('target_patterns', globs, 'target', (subject) => subject.target)
  }
  if (rule.scope_patterns) {
    const globs = rule.scope_patterns.map((pattern) => compileGlob(pattern, separators.scope))
    patterns('scope_patterns', globs, 'scope', (subject) => subject.scope ?? [])
  }
  const { kinds, names } = rule.actors ?? {}
  if (kinds) {
    checks.push(({ actor }) => {
      const matched = actor !== undefined && kinds.includes(actor.kind)
      const who = actor ? `${actor.name} is ${actor.kind}` : 'the submitter is unknown'
      return { field: 'actors.kinds', matched, why: `${who}; the rule names ${kinds.join(', ')}` }
    })
  }
  if (names) {
    const globs = names.map((pattern) => compileGlob(pattern, separators.name))
    patterns('actors.names', globs, 'submitter', (subject) => subject.actor?.name)
  }
  const { windows, destructive } = rule
  if (windows) {
    const written = windows.map(windowText).join(' | ')
    checks.push(({ atMs }) => {
      const matched = windows.some((window) => windowOpen(window, atMs))
      const when = new Date(atMs).toISOString()
      return {
        field: 'windows',
        matched,
        why: `${when} is ${matched ? 'inside' : 'outside'} ${written}`,
      }
    })
  }
  if (destructive !== undefined) {
    checks.push((subject) => {
      const is = subject.destructive === true
      const text = is ? 'the op is destructive' : 'the op is not destructive'
      return { field: 'destructive', matched: is === destructive, why: text }
    })
  }
  return checks
}

function fieldTrace(one: {
  readonly field: string
  readonly what: string
  readonly value: string | undefined
  readonly matched: boolean
  /** The patterns, as they read in a message. */
  readonly written: string
}): FieldTrace {
  const { field, what, matched } = one
  const verb = matched ? 'is taken by' : 'is not taken by'
  return { field, matched, why: `${what} ${one.value ?? `(no ${what})`} ${verb} ${one.written}` }
}
