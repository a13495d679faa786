/**
 * The policy file of a workspace, read for activation: from source, stating only, whole or not at
 * all (D-2, D-35, INV-01). A file proposes; nothing here puts it in force.
 *
 * @module
 */
import { digestOf, policyErrors, ProvError } from 'prov'
import type { JsonObject, JsonValue, WorkspaceFiles } from 'prov'
import { readPolicy } from 'prov/policies'
import { policyFile } from './policy-file.ts'

/** The only import that a policy may have, as written between the quotes. */
export const policySchema = 'schemas/lib/keeper_policy.ncl'

export interface PolicyProposal {
  readonly policy: JsonObject
  /** Digest of each schema, by its path. */
  readonly sources: Readonly<Record<string, string>>
  /** Over data and schema: the same data under another schema is another policy. */
  readonly digest: string
  /** What is odd and harmless, such as a schema of one's own that is not used. */
  readonly warnings: readonly string[]
}

/**
 * Throws PROV_POLICY_ABSENT, PROV_POLICY_NOT_DECLARATIVE, PROV_POLICY_INVALID (each with the place
 * when it is known).
 */
export async function readPolicyFile(files: WorkspaceFiles): Promise<PolicyProposal> {
  const file = policyFile
  if (!files.has(file)) throw policyErrors.PROV_POLICY_ABSENT({ file })
  const { value, sources, warnings } = await declared(files)
  const exported = Object(value) as { readonly policy?: JsonValue }
  const reading = readPolicy(exported.policy)
  if (!reading.ok) {
    const what = reading.problems.map(({ path, problem }) => `${path}: ${problem}`).join('; ')
    throw policyErrors.PROV_POLICY_INVALID({ file, what }, { place: { file } })
  }
  const policy = exported.policy as JsonObject
  return { policy, sources, digest: digestOf({ policy, sources }), warnings }
}

async function declared(files: WorkspaceFiles) {
  const file = policyFile
  try {
    const { value, imports, warnings } = await files.declaration(file, {
      allowedImports: [policySchema],
    })
    return { value, sources: imports, warnings }
  } catch (thrown) {
    if (!ProvError.is(thrown)) throw thrown
    const options = { cause: thrown, place: thrown.place ?? { file } }
    if (thrown.code === 'PROV_CONFIG_NOT_DECLARATIVE') {
      throw policyErrors.PROV_POLICY_NOT_DECLARATIVE({ file, what: thrown.message }, options)
    }
    throw policyErrors.PROV_POLICY_INVALID({ file, what: thrown.message }, options)
  }
}
