/**
 * A policy as data: the shape of `keeper_policy.ncl` after export, and everything that makes one
 * invalid. The file exports `{ policy = { version, auto_sign, require_manual, deny? } }`; field
 * names are those of the file, so that a message about a field can be followed into it.
 *
 * A policy is judged as a whole: one bad rule and the keeper goes on with the last good policy (D-2).
 * A rule that is dropped silently would be a rule that somebody relies on.
 *
 * @module
 */
import type { Quorum } from './quorum.ts'
import { fieldText, valueText } from './shown.ts'
import type { Window } from './window.ts'
import { longestPattern } from './glob.ts'
import { quorumProblems } from './quorum.ts'
import { windowProblems } from './window.ts'

/** Who holds a key, as its key record says. */
export type ActorKind = 'human' | 'agent' | 'service'

/** The lists of a policy, strongest first. */
export const ruleLists = ['deny', 'require_manual', 'auto_sign'] as const
export type RuleList = (typeof ruleLists)[number]

/** One rule. An absent field matches anything (D-4). */
export interface Rule {
  /** For messages and traces; the position in its list when absent. */
  readonly id?: string
  readonly op_type?: string
  readonly image_patterns?: readonly string[]
  readonly target_patterns?: readonly string[]
  readonly scope_patterns?: readonly string[]
  /** Submitters: by kind, by name pattern, or both (then both must hold). */
  readonly actors?: {
    readonly kinds?: readonly ActorKind[]
    readonly names?: readonly string[]
  }
  /** The rule holds only inside one of these. */
  readonly windows?: readonly Window[]
  /** True: only ops marked destructive. False: only others. */
  readonly destructive?: boolean
  /** `require_manual` only: who must agree. Default: one person. */
  readonly quorum?: Quorum
  /** Said on purpose by the author of a rule that matches every op; refused without it. */
  readonly matches_everything?: boolean
}

/** One entry of `break_glass`: which ops, whose hands, for how long. */
export interface GlassRule extends Omit<Rule, 'quorum'> {
  /** One of these groups. Absent: any person. */
  readonly groups?: readonly string[]
  /** The longest that somebody may ask for. Default 60, at most 480. */
  readonly at_most_minutes?: number
}

export const glassMinutes = { usual: 60, most: 480 } as const

export interface Policy {
  readonly version: number
  readonly auto_sign: readonly Rule[]
  readonly require_manual: readonly Rule[]
  readonly deny: readonly Rule[]
  /** Where one person may let go what a rule holds, for a while. Default: nowhere. */
  readonly break_glass: readonly GlassRule[]
  /** Default false: who asks for an op does not count among those who approve it (SAFE-15). */
  readonly requester_may_approve: boolean
}

/** The version of the shape that this code reads. */
export const policyVersion = 1

/** Holds everything (D-2). */
export const emptyPolicy: Policy = {
  version: policyVersion,
  auto_sign: [],
  require_manual: [],
  deny: [],
  break_glass: [],
  requester_may_approve: false,
}

/** Something wrong in a policy; `path` is the field, as it reads in the file. */
export interface PolicyProblem {
  readonly path: string
  readonly problem: string
}

export type PolicyReading =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] }

const policyFields = [
  'version',
  'auto_sign',
  'require_manual',
  'deny',
  'break_glass',
  'requester_may_approve',
]
const ruleFields = [
  'id',
  'op_type',
  'image_patterns',
  'target_patterns',
  'scope_patterns',
  'actors',
  'windows',
  'destructive',
  'quorum',
  'matches_everything',
]
const glassFields = [...ruleFields, 'groups', 'at_most_minutes']
/** The most rules in all lists: each is looked at, and told in the trail, for every operation. */
const mostRules = 1_000
const actorKinds: readonly string[] = ['human', 'agent', 'service']

/**
 * Reads the exported policy: the value of the file's `policy` field. Says everything that is wrong,
 * not only the first; never throws.
 */
export function readPolicy(value: unknown): PolicyReading {
  const problems: PolicyProblem[] = []
  const say = (path: string, problem: string) => void problems.push({ path, problem })
  if (!isRecord(value))
    return { ok: false, problems: [{ path: 'policy', problem: 'not a record' }] }
  for (const field of Object.keys(value)) {
    if (!policyFields.includes(field)) {
      say(`policy.${fieldText(field)}`, unknownField(field, policyFields))
    }
  }
  const version = value['version'] ?? policyVersion
  if (version !== policyVersion) {
    say('policy.version', `version ${valueText(version)} is not known; this Prov reads 1`)
  }
  const requester = value['requester_may_approve'] ?? false
  if (typeof requester !== 'boolean') say('policy.requester_may_approve', 'not true or false')
  let count = 0
  for (const list of [...ruleLists, 'break_glass'] as const) {
    const rules = value[list] ?? []
    if (!Array.isArray(rules)) say(`policy.${list}`, 'not a list of rules')
    else if (rules.length > 0 && (count += rules.length) > mostRules) {
      say(`policy.${list}`, `more than ${mostRules} rules in all`)
    } else rules.forEach((rule, at) => checkRule(rule, list, `policy.${list}[${at}]`, say))
  }
  if (problems.length > 0) return { ok: false, problems }
  return {
    ok: true,
    policy: {
      version: policyVersion,
      auto_sign: (value['auto_sign'] ?? []) as readonly Rule[],
      require_manual: (value['require_manual'] ?? []) as readonly Rule[],
      deny: (value['deny'] ?? []) as readonly Rule[],
      break_glass: (value['break_glass'] ?? []) as readonly GlassRule[],
      requester_may_approve: requester === true,
    },
  }
}

/** True when no field of the rule narrows anything: it decides every op there is. */
export function matchesEverything(rule: Omit<Rule, 'quorum'>): boolean {
  const open = (patterns: readonly string[] | undefined) =>
    patterns === undefined || patterns.some((pattern) => /^\*+$/.test(pattern))
  return (
    open(rule.op_type === undefined ? undefined : [rule.op_type]) &&
    open(rule.image_patterns) &&
    open(rule.target_patterns) &&
    open(rule.scope_patterns) &&
    rule.actors?.kinds === undefined &&
    open(rule.actors?.names) &&
    rule.windows === undefined &&
    rule.destructive === undefined
  )
}

type Say = (path: string, problem: string) => void

function checkRule(rule: unknown, list: RuleList | 'break_glass', path: string, tell: Say): void {
  if (!isRecord(rule)) return tell(path, 'not a record')
  let sound = true
  const say: Say = (where, problem) => {
    sound = false
    tell(where, problem)
  }
  const known = list === 'break_glass' ? glassFields : ruleFields
  for (const field of Object.keys(rule)) {
    if (!known.includes(field)) say(`${path}.${fieldText(field)}`, unknownField(field, known))
  }
  const { groups, at_most_minutes: minutes } = rule
  if (groups !== undefined && !isTexts(groups)) say(`${path}.groups`, 'not a list of groups')
  if (minutes !== undefined && !isMinutes(minutes)) {
    say(`${path}.at_most_minutes`, `not a whole number from 1 to ${glassMinutes.most}`)
  }
  if (rule['id'] !== undefined && !isName(rule['id'])) {
    say(`${path}.id`, `not a name of 1 to ${longestName} characters that can be printed`)
  }
  if (rule['op_type'] !== undefined) checkPattern(rule['op_type'], `${path}.op_type`, say)
  for (const field of ['image_patterns', 'target_patterns', 'scope_patterns']) {
    if (rule[field] !== undefined) checkPatterns(rule[field], `${path}.${field}`, say)
  }
  for (const field of ['destructive', 'matches_everything']) {
    if (rule[field] !== undefined && typeof rule[field] !== 'boolean') {
      say(`${path}.${field}`, 'not true or false')
    }
  }
  if (rule['actors'] !== undefined) checkActors(rule['actors'], `${path}.actors`, say)
  if (rule['windows'] !== undefined) {
    const windows = rule['windows']
    if (!Array.isArray(windows) || windows.length === 0) {
      say(`${path}.windows`, 'not a list of at least one window: the rule could never match')
    } else {
      windows.forEach((window, at) => {
        for (const { path: inner, problem } of windowProblems(window)) {
          say(`${path}.windows[${at}]${inner && `.${inner}`}`, problem)
        }
      })
    }
  }
  if (rule['quorum'] !== undefined) {
    if (list !== 'require_manual') say(`${path}.quorum`, 'only rules of require_manual have one')
    for (const { path: inner, problem } of quorumProblems(rule['quorum'])) {
      say(`${path}.quorum${inner && `.${inner}`}`, problem)
    }
  }
  // Only of a rule that is sound: what a misspelt field was meant to narrow, nobody knows.
  if (sound && matchesEverything(rule as Rule) && rule['matches_everything'] !== true) {
    say(path, `matches every op; if that is meant, say \`matches_everything = true\` in the rule`)
  }
}

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string')

const isMinutes = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= glassMinutes.most

function checkActors(actors: unknown, path: string, say: Say): void {
  if (!isRecord(actors)) return say(path, 'not a record of kinds and names')
  for (const field of Object.keys(actors)) {
    if (field !== 'kinds' && field !== 'names') {
      say(`${path}.${fieldText(field)}`, unknownField(field, ['kinds', 'names']))
    }
  }
  if (actors['names'] !== undefined) checkPatterns(actors['names'], `${path}.names`, say)
  const kinds = actors['kinds']
  if (kinds === undefined) return
  if (!Array.isArray(kinds) || kinds.length === 0)
    return say(`${path}.kinds`, 'not a list of kinds')
  for (const kind of kinds) {
    if (!actorKinds.includes(kind as string)) {
      say(`${path}.kinds`, `${valueText(kind)} is not a kind: human, agent or service`)
    }
  }
}

function checkPatterns(patterns: unknown, path: string, say: Say): void {
  if (!Array.isArray(patterns)) return say(path, 'not a list of patterns')
  if (patterns.length === 0) say(path, 'no pattern at all: the rule could never match')
  patterns.forEach((pattern, at) => checkPattern(pattern, `${path}[${at}]`, say))
}

function checkPattern(pattern: unknown, path: string, say: Say): void {
  if (typeof pattern !== 'string' || pattern === '') return say(path, 'not a pattern')
  if (pattern.length > longestPattern) say(path, `longer than ${longestPattern} characters`)
}

const longestName = 128

/** A name stands in every trace: on a terminal it must be a name and nothing else. */
const isName = (value: unknown): boolean =>
  typeof value === 'string' &&
  value.length <= longestName &&
  /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+$/u.test(value)

function unknownField(field: string, known: readonly string[]): string {
  const flat = (text: string) => text.toLowerCase().replaceAll(/[^a-z]/g, '')
  const near = known.find(
    (name) => flat(name).startsWith(flat(field).slice(0, 4)) || flat(field).includes(flat(name)),
  )
  return `no such field${near ? `; did you mean ${near}?` : `; known are ${known.join(', ')}`}`
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
