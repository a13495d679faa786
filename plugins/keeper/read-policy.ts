/**
 * The policy file of a workspace, read for activation: from source, stating only, whole or not at
 * all (D-2, D-35, INV-01). A file proposes; nothing here puts it in force.
 *
 * @module
 */
import { digestOf, policyErrors, ProvError } from 'prov'
import type { Bytes, Count, JsonObject, JsonValue, WorkspaceFiles } from 'prov'
import { fieldText, readPolicy } from 'prov/policies'
import type { PolicyProblem } from 'prov/policies'
import { policyFile } from './policy-file.ts'

/** The only import that a policy may have, as written between the quotes. */
export const policySchema = 'schemas/lib/keeper_policy.ncl'

/** It goes into the trail whole, and to every plane. */
const longestBytes: Bytes = 262_144
/** So many are told; a file that is no policy at all has thousands. */
const mostProblems: Count = 20

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
  const { value, sources, warnings, placeOf } = await declared(files)
  const problems = problemsOf(value)
  if (problems[0]) {
    const placed = problems.slice(0, mostProblems).map(({ path, problem }) => {
      const { line, column } = placeOf(stepsOf(path))
      return `${line}:${column} ${path}: ${problem}`
    })
    const more = problems.length - placed.length
    const what = [...placed, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
    throw policyErrors.PROV_POLICY_INVALID(
      { file, what },
      { place: placeOf(stepsOf(problems[0].path)) },
    )
  }
  const { policy } = value as { readonly policy: JsonObject }
  return { policy, sources, digest: digestOf({ policy, sources }), warnings }
}

/** What is wrong with what the file says, in the order of the rules. */
function problemsOf(value: JsonValue): readonly PolicyProblem[] {
  const { policy, ...others } = Object(value) as Readonly<Record<string, JsonValue>>
  const strange = Object.keys(Array.isArray(value) ? {} : others).map((field) => ({
    path: fieldText(field),
    problem: 'no such field; the file says `policy` and nothing else',
  }))
  const reading = readPolicy(policy)
  return [...strange, ...(reading.ok ? [] : reading.problems)]
}

/** `policy.deny[2].id` as names and numbers. */
function stepsOf(path: string): readonly (string | number)[] {
  return path
    .split(/\.|\[(\d+)\]/)
    .filter(Boolean)
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step))
}

async function declared(files: WorkspaceFiles) {
  const file = policyFile
  try {
    const { value, imports, warnings, placeOf } = await files.declaration(file, {
      allowedImports: [policySchema],
      longestBytes,
    })
    return { value, sources: imports, warnings, placeOf }
  } catch (thrown) {
    if (!ProvError.is(thrown)) throw thrown
    const options = { cause: thrown, place: thrown.place ?? { file } }
    if (thrown.code === 'PROV_CONFIG_NOT_DECLARATIVE') {
      throw policyErrors.PROV_POLICY_NOT_DECLARATIVE({ file, what: thrown.message }, options)
    }
    throw policyErrors.PROV_POLICY_INVALID({ file, what: thrown.message }, options)
  }
}
