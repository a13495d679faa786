/**
 * Breaking the glass: one person lets a held op go when there is no time for the people whom a rule
 * asks for. Only where the policy says so, only for a while, and seen by everybody until somebody else
 * looked at it (SAFE-14). What is denied stays denied.
 *
 * @module
 */
import { fieldChecks } from './match.ts'
import type { PolicySubject } from './match.ts'
import { glassMinutes } from './policy.ts'
import type { Policy } from './policy.ts'

export type GlassAnswer =
  | { readonly allowed: true; readonly rule: string; readonly atMostMs: number }
  | { readonly allowed: false; readonly why: string }

/** May somebody of these groups break the glass for this op? The first rule that says so. */
export function mayBreakGlass(
  policy: Policy | undefined,
  subject: PolicySubject,
  groups: readonly string[],
): GlassAnswer {
  const rules = policy?.break_glass ?? []
  if (rules.length === 0) return { allowed: false, why: 'no policy in force lets anybody' }
  let why = 'no rule of break_glass takes this operation'
  for (const [at, rule] of rules.entries()) {
    if (!fieldChecks(rule).every((check) => check(subject).matched)) continue
    const name = `break_glass[${at}]${rule.id === undefined ? '' : ` (${rule.id})`}`
    const { groups: asked, at_most_minutes: minutes = glassMinutes.usual } = rule
    if (asked === undefined || asked.some((group) => groups.includes(group))) {
      return { allowed: true, rule: name, atMostMs: minutes * 60_000 }
    }
    why = `${name} asks for somebody of ${asked.join(' or ')}`
  }
  return { allowed: false, why }
}
