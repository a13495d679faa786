/**
 * What `prov doctor` asks the keeper: is the policy file a policy, is one in force, and was every
 * broken glass looked at, does its clock agree with the controller's, who may change keys. Asked
 * through the read models, so that it says what `prov keeper status` says.
 *
 * @module
 */
import { asProvError } from '../errors.ts'
import type { CommandContext } from './command.ts'
import type { Finding } from './doctor.ts'

interface KeeperLook {
  readonly policy: { readonly version: number } | null
  readonly trouble: { readonly code: string; readonly message: string } | null
  readonly unreviewed?: readonly { readonly op: string; readonly by: string }[]
  readonly apart?: readonly { readonly op: string; readonly message: string }[]
  readonly file: { readonly state: string; readonly error?: { code: string; message: string } }
}

interface KeysLook {
  readonly rule: object | null
  readonly words: string
  readonly persons: readonly string[]
}

/** Nothing where there is no workspace, or no keeper. */
export async function checkKeeper(context: CommandContext): Promise<readonly Finding[]> {
  let look: KeeperLook
  try {
    look = (await context.read('keeper')) as KeeperLook
  } catch (thrown) {
    const { code } = asProvError(thrown)
    return code.startsWith('PROV_CONFIG_') || code === 'PROV_READ_UNKNOWN' ? [] : [failed(thrown)]
  }
  const keys = (await context.read('keys').catch(() => undefined)) as KeysLook | undefined
  return [
    ...policyFindings(look),
    ...glassFindings(look),
    ...clockFindings(look),
    ...keyFindings(keys),
  ]
}

/** One person who may change whom the workspace trusts is a development set-up: said, not forbidden. */
function keyFindings(keys: KeysLook | undefined): readonly Finding[] {
  if (!keys || keys.persons.length === 0) return []
  const { rule, words } = keys
  if (rule) return [{ check: 'changes of keys', level: 'good', found: words }]
  const fix = 'prov keys status says how a root key or M of N persons come in force'
  return [{ check: 'changes of keys', level: 'note', found: words, fix }]
}

function glassFindings({ unreviewed = [] }: KeeperLook): readonly Finding[] {
  return unreviewed.map(({ op, by }) => ({
    check: 'broken glass',
    level: 'bad',
    found: `${by} let ${op} go alone, and nobody reviewed it`,
    fix: `prov keeper review ${op}`,
  }))
}

/** One finding for all that wait: it is one clock. */
function clockFindings({ apart: [first] = [] }: KeeperLook): readonly Finding[] {
  if (!first) return []
  const fix = 'set the clocks of both machines: timedatectl set-ntp true'
  const { message: found } = first
  return [{ check: 'clocks', level: 'bad', code: 'PROV_OP_CLOCKS_APART', found, fix }]
}

function policyFindings({ policy, file, trouble }: KeeperLook): readonly Finding[] {
  const kept = policy ? `policy ${policy.version} stays in force` : 'everything is held'
  const error = file.error ?? trouble
  if (error) {
    const fix = file.error
      ? 'repair the file by `prov validate-keeper-policy`, then `prov policy activate`'
      : 'prov policy activate'
    const found = `${error.message}; ${kept}`
    return [{ check: 'policy', level: 'bad', code: error.code, found, fix }]
  }
  if (policy)
    return [{ check: 'policy', level: 'good', found: `version ${policy.version} is in force` }]
  return [
    {
      check: 'policy',
      level: 'note',
      found: 'none in force: everything is held',
      fix: 'prov policy activate',
    },
  ]
}

function failed(thrown: unknown): Finding {
  const { code, message, remedy } = asProvError(thrown)
  return { check: 'policy', level: 'bad', code, found: message, fix: remedy }
}
