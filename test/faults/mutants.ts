/**
 * What a careless hand could leave out of the pipeline: each mutant takes one protection out of the
 * compiled output, and names the test that must notice.
 */
export interface Mutant {
  readonly name: string
  /** Below `dist`. */
  readonly file: string
  /** Stands there exactly once; a patch that no longer applies fails the run. */
  readonly find: string
  readonly put: string
  /** Below `dist/test`. */
  readonly test: string
}

const at = (file: string, test: string) => (name: string, find: string, put: string) => ({
  name,
  file,
  find,
  put,
  test,
})
const claim = at('plugins/controller/verify.js', 'plugins/controller.test.js')
const command = at('plugins/controller/controller.js', 'plugins/controller.test.js')
const vote = at('plugins/keeper/decide.js', 'plugins/keeper.test.js')
const token = at('core/protocol/tokens.js', 'protocol/tokens.test.js')
const write = at('core/journal/writer.js', 'journal/file.test.js')

export const mutants: readonly Mutant[] = [
  claim('no policy check at claim', 'policy.digest !== approval.policy_digest', 'false'),
  claim('expiry of a command ignored', 'if (lateMs >= 0)', 'if (false)'),
  claim('no check against the intent inside', 'if (altered !== undefined)', 'if (false)'),
  claim('no version check at claim', 'if (found !== expected)', 'if (false)'),
  claim('no hold', 'holder !== undefined && holder !== op', 'false'),
  claim('no check of gates', "gate?.status !== 'open'", 'false'),
  command('approval reused', "if (place === 'reused')", 'if (false)'),
  command('no order of numbers', "if (place === 'early')", 'if (false)'),
  command(
    'a replay is acknowledged',
    '!isMessage(delivery.id, `command:${epoch}:${seq}`)',
    'false',
  ),
  vote('vote of an agent counted', "if (kind !== 'human')", 'if (false)'),
  vote(
    'vote of the requester counted',
    'if (own && policy.compiled?.policy.requester_may_approve !== true)',
    'if (false)',
  ),
  vote('vote on another policy counted', 'claims.policy_digest !== policy.digest', 'false'),
  token('no body-hash check', 'bodyDigest(claims) !== claims.op_digest', 'false'),
  token(
    'no signature check',
    'if (!verifySignature(parts.record.publicKey, parts.input, parts.signature))',
    'if (false)',
  ),
  token(
    'journal id not checked',
    'claims.aud !== context.audience && !context.former?.includes(claims.aud)',
    'false',
  ),
  write('no sync', 'const synced = this.#file.datasync();', 'const synced = undefined;'),
]
