/**
 * The policy in force and the policy in the file, side by side: a file only proposes, what was
 * activated judges (D-35).
 *
 * @module
 */
import { asProvError, canonicalJson, defineRead, opsModel } from 'prov'
import type { ErrorReport, JsonObject, JsonValue, ReadContext } from 'prov'
import { lintPolicy, readPolicy } from '../../../policies/index.ts'
import type { Policy, PolicyFinding } from '../../../policies/index.ts'
import { policyFile } from '../policy-file.ts'
import { readPolicyFile } from '../read-policy.ts'

export interface PolicyView {
  readonly file: string
  readonly mode: 'auto' | 'manual' | 'hybrid'
  /** What judges; null while nothing was activated, and then everything is held. */
  readonly active: {
    readonly version: number
    readonly digest: string
    readonly by: string
    readonly policy: JsonObject
  } | null
  /** What the file says now. */
  readonly proposed:
    | { readonly state: 'absent' }
    /** Does not evaluate, computes instead of stating, or says something that no policy says. */
    | { readonly state: 'broken'; readonly error: ErrorReport }
    | {
        readonly state: 'good'
        readonly policy: Policy
        readonly findings: readonly PolicyFinding[]
      }
  /** True when activating the file would change what judges. */
  readonly differs: boolean
  /** Why the keeper goes on with an older one. */
  readonly trouble: { readonly code: string; readonly message: string } | null
}

export const read = defineRead<void, PolicyView>({
  name: 'policy',
  describe: 'the policy in force, the one in the file, and what is odd about it',
  async run(_, { files, journal }) {
    const { policy: active, policyTrouble: trouble, mode } = await opsModel(journal)
    const proposed = await proposedBy(files)
    const differs = proposed.state === 'good' && !same(proposed.policy, active?.policy)
    return { file: policyFile, mode, active, proposed, differs, trouble }
  },
})

/** What the file says now, read the way the keeper reads it. */
export async function proposedBy(files: ReadContext['files']): Promise<PolicyView['proposed']> {
  if (!files.has(policyFile)) return { state: 'absent' }
  try {
    // The way the keeper reads it, so that what is good here is good there.
    const reading = readPolicy((await readPolicyFile(files)).policy)
    if (!reading.ok) return { state: 'absent' }
    return { state: 'good', policy: reading.policy, findings: lintPolicy(reading.policy) }
  } catch (thrown) {
    return { state: 'broken', error: asProvError(thrown).toJSON() }
  }
}

function same(one: Policy, other: JsonObject | undefined): boolean {
  if (other === undefined) return false
  const reading = readPolicy(other)
  const text = (policy: Policy) => canonicalJson(policy as unknown as JsonValue)
  return reading.ok && text(reading.policy) === text(one)
}
