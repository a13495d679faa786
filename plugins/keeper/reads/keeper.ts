/** The keeper at a glance: its mode, the policy in force, what waits for people. @module */
import { defined, defineRead, opsModel } from 'prov'
import type { ErrorReport, RuleTrace, Unreviewed } from 'prov'
import { emptyPolicy, keeperMode, readPolicy } from 'prov/policies'
import type { ModeReading } from 'prov/policies'
import { proposedBy } from './policy.ts'

export interface KeeperView {
  readonly mode: 'auto' | 'manual' | 'hybrid'
  /** What switch and policy amount to. */
  readonly reading: ModeReading
  /** Held by the mode alone: the policy would sign them. */
  readonly heldByMode: readonly string[]
  readonly policy: { readonly version: number; readonly digest: string; readonly by: string } | null
  readonly trouble: { readonly code: string; readonly message: string } | null
  /** Operations that wait for a clock to be set right: the keeper signs them in vain. */
  readonly apart: readonly { readonly op: string; readonly message: string }[]
  /** What the file says now; it only proposes, but a broken one is what somebody meant to be in force. */
  readonly file:
    | { readonly state: 'absent' | 'good' }
    | { readonly state: 'broken'; readonly error: ErrorReport }
  /** Operations that wait for a vote, oldest first. */
  readonly held: readonly {
    readonly op: string
    readonly type: string
    readonly target: string
    readonly by: string
    readonly needs?: string
  }[]
  /** Operations whose glass was broken, until another person reviews them; oldest first. */
  readonly unreviewed: readonly Unreviewed[]
  /** Newest number given to an approval; null before the first one. */
  readonly lastSeq: { readonly epoch: number; readonly seq: number } | null
  readonly refusals: readonly {
    readonly at: string
    readonly code: string
    readonly message: string
    readonly count: number
  }[]
}

export const read = defineRead<void, KeeperView>({
  name: 'keeper',
  describe: 'mode, policy in force, what is held, the newest refusals',
  async run(_, { journal, files }) {
    const proposed = await proposedBy(files)
    const {
      open,
      policy,
      policyTrouble: trouble,
      mode,
      refusals,
      unreviewed,
      highest,
    } = await opsModel(journal)
    const { keeperEpoch: epoch, seq } = highest
    const read = policy ? readPolicy(policy.policy) : undefined
    const inForce = read?.ok === true ? read.policy : emptyPolicy
    const waiting = [...open.values()].filter(({ phase }) => phase === 'held')
    return {
      mode,
      reading: keeperMode({ running: true, autoSign: mode !== 'manual', policy: inForce }),
      heldByMode: waiting.filter(({ trace }) => signsByTrace(trace ?? [])).map(({ id }) => id),
      policy: policy && { version: policy.version, digest: policy.digest, by: policy.by },
      trouble,
      apart: [...open.values()]
        .filter(({ code }) => code === 'PROV_OP_CLOCKS_APART')
        .map(({ id: op, why: message }) => ({ op, message })),
      file: proposed.state === 'good' ? { state: 'good' } : proposed,
      held: waiting.map(({ id, type, target, by, needs }) =>
        defined({ op: id, type, target, by, needs }),
      ),
      unreviewed,
      lastSeq: seq === 0 ? null : { epoch, seq },
      refusals: refusals.map(({ at, code, message, count }) => ({ at, code, message, count })),
    }
  },
})

/** No rule that matched holds or denies it, and one signs it. */
function signsByTrace(trace: readonly RuleTrace[]): boolean {
  const matched = trace.filter((rule) => rule.matched)
  return matched.length > 0 && matched.every(({ effect }) => effect === 'auto-sign')
}
