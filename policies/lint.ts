/**
 * Rules that read well and do nothing, or do more than they say. A policy with findings is still a
 * policy: `prov policy lint` prints them, `readPolicy` refuses what is wrong outright.
 *
 * @module
 */
import type { Policy, Rule, RuleList } from './policy.ts'
import type { RuleRef } from './match.ts'
import { globCovers, imageGlobCovers } from './cover.ts'
import { separators } from './glob.ts'
import { ruleName } from './match.ts'
import { matchesEverything, ruleLists } from './policy.ts'

export interface PolicyFinding {
  /**
   * `shadowed`: a stronger list takes all of it. `repeated`: an earlier rule of its list does.
   * `named-twice`: another rule has its id.
   */
  readonly finding:
    | 'shadowed'
    | 'repeated'
    | 'named-twice'
    | 'matches-everything'
    | 'agents-declare'
    | 'signs-destructive'
  readonly rule: RuleRef
  /** The rule that takes over. */
  readonly other?: RuleRef
  readonly message: string
}

/** Findings in the order of the file's lists, strongest first; empty is good. */
export function lintPolicy(policy: Policy): readonly PolicyFinding[] {
  const findings: PolicyFinding[] = []
  const rules = ruleLists.flatMap((list) =>
    policy[list].map((rule, index) => ({ rule, ref: refOf(list, rule, index) })),
  )
  rules.forEach(({ rule, ref }, at) => {
    const over = rules.slice(0, at).find((other) => ruleCovers(other.rule, rule))
    if (over) {
      const same = over.ref.list === ref.list
      findings.push({
        finding: same ? 'repeated' : 'shadowed',
        rule: ref,
        other: over.ref,
        message: same
          ? `${ruleName(ref)} adds nothing: ${ruleName(over.ref)} takes all of it already`
          : `${ruleName(ref)} never decides: ${ruleName(over.ref)} takes all of it, and ${over.ref.list} is stronger`,
      })
    }
    const twin = rules
      .slice(0, at)
      .find((other) => rule.id !== undefined && other.rule.id === rule.id)
    if (twin) {
      findings.push({
        finding: 'named-twice',
        rule: ref,
        other: twin.ref,
        message: `${ruleName(ref)} has the name of ${ruleName(twin.ref)}: give each its own`,
      })
    }
    if (matchesEverything(rule)) {
      findings.push({
        finding: 'matches-everything',
        rule: ref,
        message: `${ruleName(ref)} decides every op that no stronger rule takes`,
      })
    }
    if (ref.list === 'auto_sign' && letsAgentsDeclare(rule)) {
      findings.push({
        finding: 'agents-declare',
        rule: ref,
        message: `${ruleName(ref)} also signs what an agent says the state is; add \`actors = { kinds = ['human] }\``,
      })
    }
    if (ref.list === 'auto_sign' && rule.destructive === undefined) {
      findings.push({
        finding: 'signs-destructive',
        rule: ref,
        message: `${ruleName(ref)} also signs destructive ops; add \`destructive = false\` or say \`destructive = true\``,
      })
    }
  })
  return findings
}

/** Such an operation runs nothing and proves nothing: all there is behind it is somebody's word. */
function letsAgentsDeclare({ op_type: type, actors }: Rule): boolean {
  const takesIt = type === undefined || globCovers([type], 'dimension.declare', separators.opType)
  return takesIt === true && (actors?.kinds?.some((kind) => kind !== 'human') ?? true)
}

function refOf(list: RuleList, rule: Rule, index: number): RuleRef {
  return { list, index, ...(rule.id !== undefined && { id: rule.id }) }
}

/**
 * True when every op that `narrow` matches is matched by `wide`. Certain when true; false may also
 * mean "cannot tell". A quorum on `wide` does not matter: both hold.
 */
export function ruleCovers(wide: Rule, narrow: Rule): boolean {
  const field = (
    big: readonly string[] | undefined,
    small: readonly string[] | undefined,
    covers: (wide: readonly string[], narrow: string) => boolean | undefined,
  ) =>
    big === undefined ||
    big.includes('*') ||
    (small !== undefined && small.every((pattern) => covers(big, pattern) === true))
  const by = (separator: string) => (big: readonly string[], small: string) =>
    globCovers(big, small, separator)
  const one = (pattern: string | undefined) => (pattern === undefined ? undefined : [pattern])
  return (
    field(one(wide.op_type), one(narrow.op_type), by(separators.opType)) &&
    field(wide.image_patterns, narrow.image_patterns, imageGlobCovers) &&
    field(wide.target_patterns, narrow.target_patterns, by(separators.target)) &&
    field(wide.scope_patterns, narrow.scope_patterns, by(separators.scope)) &&
    field(wide.actors?.names, narrow.actors?.names, by(separators.name)) &&
    (wide.actors?.kinds === undefined ||
      (narrow.actors?.kinds?.every((kind) => wide.actors?.kinds?.includes(kind)) ?? false)) &&
    (wide.destructive === undefined || wide.destructive === narrow.destructive) &&
    (wide.windows === undefined || JSON.stringify(wide.windows) === JSON.stringify(narrow.windows))
  )
}
