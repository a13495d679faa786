/**
 * Every way in which the op contract says no: keys, tokens, operations, policies, the audit trail.
 * One long table on purpose: it is read as a list, and the planes share it.
 *
 * A token is never part of a detail; what is shown is the failing claim and the class of value that
 * was expected.
 *
 * @module
 */
import { defineErrors } from '../errors.ts'

export { planeErrors } from './plane-errors.ts'

const meant = (suggestion: string | undefined): string =>
  suggestion === undefined ? '' : `; did you mean ${suggestion}?`

type TokenDetail = { kind: string; claim: string; expected: string }
type OpDetail = { op: string }

export const keyErrors = defineErrors<{
  PROV_KEY_NAME_INVALID: { actor: string }
  PROV_KEY_EXISTS: { actor: string; file: string }
  PROV_KEY_ABSENT: { actor: string; known: readonly string[] }
  PROV_KEY_AMBIGUOUS: { known: readonly string[] }
  PROV_KEY_ADOPTION_REFUSED: { what: string }
  PROV_KEY_SEALED: { actor: string }
  PROV_KEY_FILE_INVALID: { file: string; what: string }
  PROV_KEY_FILE_OPEN: { file: string; mode: string }
  PROV_KEY_NOT_ENROLLED: { actor: string; workspace: string }
  PROV_KEY_REVOKED: { actor: string; by: string; reason: string }
  PROV_KEY_REVOKE_REFUSED: { actor: string; what: string }
  PROV_KEY_ROTATION_REFUSED: { plane: string; what: string }
  PROV_KEY_ENROL_REFUSED: { actor: string; what: string }
  PROV_KEY_SIGNATURES: { act: string; what: string }
  PROV_KEY_RULE_REFUSED: { what: string }
  PROV_KEY_PLANE_ELSEWHERE: { plane: string; here: readonly string[] }
}>({
  PROV_KEY_SIGNATURES: {
    disposition: 'refuse',
    text: ({ act, what }) => `${act} is not signed by those who must: ${what}`,
    remedy:
      'run `prov keys status` to see who must sign; draft it with `prov keys draft`, have each run `prov keys sign`, then `prov keys apply`',
  },
  PROV_KEY_RULE_REFUSED: {
    disposition: 'refuse',
    text: ({ what }) => `the rule for keys cannot be in force: ${what}`,
    remedy: 'run `prov keys status` to see the rule of now, and `prov keys draft govern` anew',
  },
  PROV_KEY_PLANE_ELSEWHERE: {
    disposition: 'usage',
    text: ({ plane, here }) =>
      `only ${plane} can say that, and it lives in another process; here: ${here.join(', ')}`,
    remedy: 'do it where that plane runs; `prov plane list` shows what lives here',
  },
  PROV_KEY_ADOPTION_REFUSED: {
    disposition: 'refuse',
    text: ({ what }) => `the journal was adopted, but not by somebody it trusts: ${what}`,
    remedy:
      'adopt it again with the key of an enrolled person: `prov journal adopt --actor <name>`',
  },
  PROV_KEY_NAME_INVALID: {
    disposition: 'usage',
    text: ({ actor }) => `"${actor}" cannot be the name of an actor`,
    remedy:
      'use lower case letters, digits, . and -, not the name of a plane: `prov actor create alice`',
  },
  PROV_KEY_EXISTS: {
    disposition: 'usage',
    text: ({ actor }) => `there is a key of ${actor} already`,
    remedy: ({ file }) => `choose another name, or move \`${file}\` away first`,
  },
  PROV_KEY_ABSENT: {
    disposition: 'usage',
    text: ({ actor, known }) =>
      `there is no key of ${actor} here${known.length > 0 ? `; there are ${known.join(', ')}` : ''}`,
    remedy: 'run `prov actor create <name>`, or name one of your own with `--actor`',
  },
  PROV_KEY_AMBIGUOUS: {
    disposition: 'usage',
    text: ({ known }) => `several keys could sign: ${known.join(', ')}`,
    remedy: 'say which with `--actor <name>` or PROV_ACTOR',
  },
  PROV_KEY_SEALED: {
    disposition: 'refuse',
    text: ({ actor }) => `the key of ${actor} is sealed and the passphrase does not open it`,
    remedy:
      'type the passphrase on the terminal, or name a file that holds it in PROV_PASSPHRASE_FILE; `prov help environment` says how',
  },
  PROV_KEY_FILE_INVALID: {
    disposition: 'fail',
    text: ({ file, what }) => `${file} is not a key file: ${what}`,
    remedy: 'put the file back from a copy, or make a new key with `prov actor create <name>`',
  },
  PROV_KEY_FILE_OPEN: {
    disposition: 'refuse',
    text: ({ file, mode }) => `${file} can be read by others (mode ${mode})`,
    remedy: ({ file }) =>
      `run \`chmod 600 ${file}\`, and make a new key if others may have read it`,
  },
  PROV_KEY_NOT_ENROLLED: {
    disposition: 'refuse',
    text: ({ actor, workspace }) => `${actor} is not enrolled in workspace ${workspace}`,
    remedy: ({ actor }) =>
      String(actor).startsWith('service-')
        ? 'set PROV_HOME to the folder this workspace was set up with: its planes have their keys there'
        : `ask somebody who is: \`prov actor enrol ${actor}\``,
  },
  PROV_KEY_REVOKED: {
    disposition: 'refuse',
    text: ({ actor, by, reason }) => `the key of ${actor} was revoked by ${by}: ${reason}`,
    remedy: ({ actor }) =>
      `make another key and have it vouched for: \`prov actor create <name> --person ${actor}\``,
  },
  PROV_KEY_REVOKE_REFUSED: {
    disposition: 'refuse',
    text: ({ actor, what }) => `the key of ${actor} cannot be revoked: ${what}`,
    remedy: 'run `prov actor list` to see who is enrolled',
  },
  PROV_KEY_ROTATION_REFUSED: {
    disposition: 'refuse',
    text: ({ plane, what }) => `the key of the ${plane} cannot be followed by another: ${what}`,
    remedy:
      'run `prov plane rotate <plane>` again, as a person that is enrolled; `prov keys status` says who must sign',
  },
  PROV_KEY_ENROL_REFUSED: {
    disposition: 'refuse',
    text: ({ actor, what }) => `${actor} cannot be enrolled: ${what}`,
    remedy: 'run `prov actor list` to see who is enrolled and who may enrol others',
  },
})

const tokenText = ({ kind, claim, expected }: TokenDetail) =>
  `the ${kind} is refused at ${claim}: expected ${expected}`

export const tokenErrors = defineErrors<{
  PROV_TOKEN_MALFORMED: TokenDetail
  PROV_TOKEN_TOO_LARGE: TokenDetail & { bytes: number; limitBytes: number }
  PROV_TOKEN_TYPE: TokenDetail
  PROV_TOKEN_ALG: TokenDetail
  PROV_TOKEN_UNKNOWN_KEY: TokenDetail
  PROV_TOKEN_KEY_ROLE: TokenDetail
  PROV_TOKEN_KEY_REVOKED: TokenDetail
  PROV_TOKEN_KEY_RETIRED: TokenDetail
  PROV_TOKEN_FORGED: TokenDetail
  PROV_TOKEN_CLAIM: TokenDetail
  PROV_TOKEN_AUDIENCE: TokenDetail
  PROV_TOKEN_WORKSPACE: TokenDetail
  PROV_TOKEN_EXPIRED: TokenDetail & { lateMs: number }
  PROV_TOKEN_NOT_YET_VALID: TokenDetail & { earlyMs: number }
  PROV_TOKEN_CLOCK_SKEW: TokenDetail & { skewMs: number }
  PROV_TOKEN_TOO_LONG: TokenDetail
  PROV_TOKEN_ALTERED: TokenDetail
  PROV_TOKEN_REPLAYED: TokenDetail
  PROV_TOKEN_FLOOD: TokenDetail
}>({
  PROV_TOKEN_MALFORMED: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'submit again with `prov op submit`; if it comes back, run `prov doctor`',
  },
  PROV_TOKEN_TOO_LARGE: {
    disposition: 'refuse',
    text: ({ kind, bytes, limitBytes }) =>
      `the ${kind} takes ${bytes} bytes and ${limitBytes} are taken at most`,
    remedy: 'keep large content in a file of the workspace and name it in `prov op submit`',
  },
  PROV_TOKEN_TYPE: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'submit again with `prov op submit`; a token of one kind never stands in for another',
  },
  PROV_TOKEN_ALG: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'sign with the algorithm of the key record; `prov actor list --json` shows it',
  },
  PROV_TOKEN_UNKNOWN_KEY: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'enrol the key with `prov actor enrol`; `prov actor list` shows the enrolled ones',
  },
  PROV_TOKEN_KEY_REVOKED: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'sign with another key; `prov actor list` shows which were revoked, by whom and why',
  },
  PROV_TOKEN_KEY_RETIRED: {
    disposition: 'refuse',
    text: tokenText,
    remedy:
      'whoever signed this has a copy of a key that another one followed: see `prov actor list --services`',
  },
  PROV_TOKEN_KEY_ROLE: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'sign with a key whose kind and role allow it; `prov actor list` shows both',
  },
  PROV_TOKEN_FORGED: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'submit again with the right key; `prov audit log` keeps the attempt',
  },
  PROV_TOKEN_CLAIM: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'submit again with `prov op submit`; core/protocol/README.md lists every claim',
  },
  PROV_TOKEN_AUDIENCE: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'submit it to the journal it was made for; `prov journal verify` prints the id here',
  },
  PROV_TOKEN_WORKSPACE: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'submit it in the workspace it names, with `--workspace <folder>`',
  },
  PROV_TOKEN_EXPIRED: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'submit again with `prov op submit`; an expired token is never taken',
  },
  PROV_TOKEN_NOT_YET_VALID: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'wait until it is valid, or set the clock; `prov doctor` shows the offset',
  },
  PROV_TOKEN_CLOCK_SKEW: {
    disposition: 'refuse',
    text: tokenText,
    remedy:
      'set the clocks of both machines (`timedatectl set-ntp true`); `prov doctor` on each shows its time',
  },
  PROV_TOKEN_TOO_LONG: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'submit again with a shorter life; core/protocol/README.md lists the limits',
  },
  PROV_TOKEN_ALTERED: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'submit the operation again; `prov audit log` keeps the attempt',
  },
  PROV_TOKEN_REPLAYED: {
    disposition: 'refuse',
    text: tokenText,
    remedy: 'nothing is left to do: the first one counts; `prov op show <id>` tells its outcome',
  },
  PROV_TOKEN_FLOOD: {
    disposition: 'refuse',
    text: tokenText,
    remedy:
      'one key hands in more than anybody can: find out who holds it, and `prov actor revoke <name> --reason <why>`',
  },
})

export const opErrors = defineErrors<{
  PROV_OP_ADOPTED: OpDetail
  PROV_OP_ID_INVALID: OpDetail
  PROV_OP_ID_REUSED: OpDetail
  PROV_OP_UNKNOWN: OpDetail
  PROV_OP_NOT_SUBMITTED: OpDetail
  PROV_OP_NOT_HEARD: OpDetail & { what: string }
  PROV_OP_TYPE_UNKNOWN: {
    type: string
    known: readonly string[]
    suggestion?: string | undefined
  }
  PROV_OP_TYPE_INVALID: { type: string; what: string }
  PROV_OP_TYPE_TAKEN: { type: string; plugin: string; by: string }
  PROV_OP_DIMENSION_UNKNOWN: {
    dimension: string
    known: readonly string[]
    suggestion?: string | undefined
  }
  PROV_OP_SUBJECT_MISMATCH: { subject: string; type: string }
  PROV_OP_DENIED: OpDetail & { rule: string; why: string }
  PROV_OP_REJECTED: OpDetail & { by: string; reason: string }
  PROV_OP_WITHDRAWN: OpDetail & { by: string; reason: string }
  PROV_OP_NOT_YOURS: OpDetail & { by: string; requester: string }
  PROV_OP_REASON_MISSING: OpDetail
  PROV_OP_NOT_HELD: OpDetail & { phase: string }
  PROV_OP_VOTED: OpDetail & { actor: string }
  PROV_OP_SELF_APPROVAL: OpDetail & { actor: string }
  PROV_OP_BREAK_GLASS: OpDetail & { actor: string; what: string }
  PROV_OP_REVIEW: OpDetail & { actor: string; what: string }
  PROV_OP_AGENT_APPROVAL: OpDetail & { actor: string; kind: string }
  PROV_OP_SHARED_CUSTODY: OpDetail & { actor: string; with: string }
  PROV_OP_PLAN_CHANGED: OpDetail & { what: string }
  PROV_OP_VERSION_MOVED: OpDetail & { dimension: string; expected: number; found: number }
  PROV_OP_WRITE_SET_HELD: OpDetail & { dimension: string; holder: string }
  PROV_OP_FROM_STATE: OpDetail & { dimension: string; expected: string; found: string }
  PROV_OP_GATE_CLOSED: OpDetail & { gate: string; status: string; unmet: readonly string[] }
  PROV_OP_COMMAND_LATE: OpDetail & { lateMs: number }
  PROV_OP_CLOCKS_APART: OpDetail & { behindMs: number }
  PROV_OP_KEEPER_ANEW: OpDetail & { keeperEpoch: number }
  PROV_OP_UNBACKED: OpDetail & { what: string }
  PROV_OP_SEQ_REUSED: OpDetail & { seq: number; keeperEpoch: number }
  PROV_OP_SEQ_SKIPPED: OpDetail & { seq: number; keeperEpoch: number }
  PROV_OP_ALREADY_CLAIMED: OpDetail & { phase: string }
  PROV_OP_NOT_IN_DOUBT: OpDetail & { phase: string }
  PROV_OP_RESOLVE_SELF: OpDetail & { actor: string }
  PROV_OP_CLAIM_CHANGED: OpDetail
  PROV_OP_EVIDENCE_REFUSED: OpDetail & { what: string }
  PROV_OP_STEP_FAILED: OpDetail & { what: string }
  PROV_OP_OUTCOME_UNKNOWN: OpDetail & { what: string }
  PROV_OP_TIMEOUT: OpDetail & { phase: string; waitedMs: number }
  PROV_OP_PARAM_SECRET: { param: string }
  PROV_OP_NAME_UNSHOWN: { field: string }
  PROV_PLAN_UNREADABLE: { file: string; reason: string }
  PROV_PLAN_ALTERED: { file: string }
  PROV_PLAN_STALE: { file: string; drift: readonly string[] }
  PROV_OP_SHELF_DAMAGED: { file: string; what: string }
}>({
  PROV_OP_ADOPTED: {
    disposition: 'unknown',
    text: ({ op }) =>
      `${op} was under way when the journal was adopted under another id: whether it ran in the history that was left is not known here`,
    remedy: ({ op }) =>
      `look at what it was to change; then \`prov op resolve ${op}\` if it is in doubt, or submit it again`,
  },
  PROV_OP_ID_INVALID: {
    disposition: 'usage',
    text: ({ op }) => `"${op}" cannot be the id of an operation`,
    remedy: 'leave `--op-id` out, or use 1 to 64 letters, digits, _ and -',
  },
  PROV_OP_ID_REUSED: {
    disposition: 'usage',
    text: ({ op }) => `${op} was submitted before with another content`,
    remedy: ({ op }) => `see the first one with \`prov op show ${op}\`, or submit under a new id`,
  },
  PROV_OP_UNKNOWN: {
    disposition: 'usage',
    text: ({ op }) => `there is no operation ${op} in this workspace`,
    remedy: 'run `prov op list` to see those that exist',
  },
  PROV_OP_NOT_HEARD: {
    disposition: 'retry',
    text: ({ op, what }) => `${what} of ${op} has not been heard here yet`,
    remedy: 'it comes by itself and is asked for; `prov doctor` shows whether the bus carries',
  },
  PROV_OP_NOT_SUBMITTED: {
    disposition: 'refuse',
    text: ({ op }) => `an intent for ${op} came that no submitter of this workspace recorded`,
    remedy:
      'propose it with `prov op submit`, which takes its body from .ontology/provisioning.ncl',
  },
  PROV_OP_TYPE_UNKNOWN: {
    disposition: 'usage',
    text: ({ type, known, suggestion }) =>
      `there is no op type ${type}${meant(suggestion)}${known.length > 0 ? `; known are ${known.join(', ')}` : ''}`,
    remedy: 'declare it in .ontology/provisioning.ncl, or load the plugin that brings it',
  },
  PROV_OP_TYPE_INVALID: {
    disposition: 'usage',
    text: ({ type, what }) => `op type ${type} cannot be: ${what}`,
    remedy: 'correct what the plugin hands to `defineOpType`; see plugins/README.md',
  },
  PROV_OP_TYPE_TAKEN: {
    disposition: 'usage',
    text: ({ type, plugin, by }) =>
      `op type ${type} of plugin ${plugin} is not used: ${by} declares that name`,
    remedy: 'rename the one in .ontology/provisioning.ncl, or the one in the plugin',
  },
  PROV_OP_DIMENSION_UNKNOWN: {
    disposition: 'usage',
    text: ({ dimension, known, suggestion }) =>
      `there is no dimension ${dimension}${meant(suggestion)}${known.length > 0 ? `; known are ${known.join(', ')}` : ''}`,
    remedy: 'declare it in .ontology/state.ncl; `prov state` lists the declared ones',
  },
  PROV_OP_SUBJECT_MISMATCH: {
    disposition: 'refuse',
    text: ({ subject, type }) => `an op of type ${type} came in on ${subject}`,
    remedy: 'submit with `prov op submit`, which puts the type into the subject',
  },
  PROV_OP_DENIED: {
    disposition: 'refuse',
    text: ({ rule, why }) => `policy rule ${rule} denies it: ${why}`,
    remedy: ({ op }) =>
      `see every rule with \`prov op show ${op}\`; the rules are in \`prov policy show\``,
  },
  PROV_OP_REJECTED: {
    disposition: 'refuse',
    text: ({ by, reason }) => `${by} rejected it: ${reason}`,
    remedy: 'settle it with them, then submit a new operation with `prov op submit`',
  },
  PROV_OP_WITHDRAWN: {
    disposition: 'refuse',
    text: ({ by, reason }) => `${by} withdrew it: ${reason}`,
    remedy: 'submit a new operation with `prov op submit`',
  },
  PROV_OP_NOT_YOURS: {
    disposition: 'refuse',
    text: ({ op, by, requester }) => `${op} is ${requester}'s and ${by} cannot withdraw it`,
    remedy: ({ op }) => `vote against it instead: \`prov op reject ${op} --reason …\``,
  },
  PROV_OP_REASON_MISSING: {
    disposition: 'usage',
    text: () => 'this act needs a reason',
    remedy: 'add `--reason "…"`: it goes into the ledger with the act',
  },
  PROV_OP_NOT_HELD: {
    disposition: 'conflict',
    text: ({ op, phase }) => `${op} waits for nobody: it is ${phase}`,
    remedy: ({ op }) => `run \`prov op show ${op}\``,
  },
  PROV_OP_VOTED: {
    disposition: 'usage',
    text: ({ op, actor }) => `${actor} voted on ${op} already; a person counts once`,
    remedy: ({ op }) => `ask another person: \`prov op approve ${op} --actor <name>\``,
  },
  PROV_OP_SELF_APPROVAL: {
    disposition: 'refuse',
    text: ({ op, actor }) => `${actor} asked for ${op} and cannot approve it`,
    remedy: ({ op }) => `another person approves it: \`prov op approve ${op} --actor <name>\``,
  },
  PROV_OP_BREAK_GLASS: {
    disposition: 'refuse',
    text: ({ op, actor, what }) => `${actor} cannot break the glass for ${op}: ${what}`,
    remedy: ({ op }) =>
      `\`prov policy show\` says where the policy lets whom; else people agree: \`prov op approve ${op} --actor <name>\``,
  },
  PROV_OP_REVIEW: {
    disposition: 'refuse',
    text: ({ op, actor, what }) => `${actor} cannot review ${op}: ${what}`,
    remedy: 'run `prov keeper status`: it lists what was broken and not reviewed, and by whom',
  },
  PROV_OP_AGENT_APPROVAL: {
    disposition: 'refuse',
    text: ({ actor, kind }) =>
      `${actor} is ${kind === 'agent' ? 'an agent' : 'a service'}; only people vote`,
    remedy: ({ op }) => `a person votes: \`prov op approve ${op} --actor <name>\``,
  },
  PROV_OP_SHARED_CUSTODY: {
    disposition: 'refuse',
    text: ({ actor, with: other }) =>
      `the keys of ${actor} and ${other} are in the same hands, and the rule wants two pairs`,
    remedy: ({ op }) => `approve ${op} from another user's account: \`prov op approve ${op}\``,
  },
  PROV_OP_PLAN_CHANGED: {
    disposition: 'conflict',
    text: ({ op, what }) => `what was agreed about ${op} is void: ${what} changed since`,
    remedy: ({ op }) => `look again with \`prov op show ${op}\`, then approve it anew`,
  },
  PROV_OP_VERSION_MOVED: {
    disposition: 'conflict',
    text: ({ dimension, expected, found }) =>
      `${dimension} moved: the operation counts on version ${expected}, it is at ${found}`,
    remedy: 'look at `prov state`, then submit a new operation',
  },
  PROV_OP_WRITE_SET_HELD: {
    disposition: 'conflict',
    text: ({ dimension, holder }) => `${dimension} is held by ${holder}, which is under way`,
    remedy: ({ holder }) => `wait for it (\`prov op show ${holder}\`), then submit again`,
  },
  PROV_OP_FROM_STATE: {
    disposition: 'conflict',
    text: ({ dimension, expected, found }) =>
      `${dimension} is at ${found}, the operation starts from ${expected}`,
    remedy: 'look at `prov state`, then submit an operation that starts there',
  },
  PROV_OP_GATE_CLOSED: {
    disposition: 'blocked',
    text: ({ gate, status, unmet }) =>
      `gate ${gate} is ${status}${unmet.length > 0 ? `; not met: ${unmet.join(', ')}` : ''}`,
    remedy: 'run `prov gates` to see what would open it, then submit again',
  },
  PROV_OP_KEEPER_ANEW: {
    disposition: 'retry',
    text: ({ op, keeperEpoch }) =>
      `what was signed for ${op} has no force: the keeper lost its journal and goes on in epoch ${keeperEpoch}`,
    remedy: ({ op }) => `the keeper judges it anew; \`prov op wait ${op}\` follows it`,
  },
  PROV_OP_COMMAND_LATE: {
    disposition: 'retry',
    text: ({ lateMs }) => `the command came ${Math.round(lateMs / 1000)} s after its time was over`,
    remedy: ({ op }) =>
      `the keeper issues it again by itself; follow it with \`prov op show ${op}\``,
  },
  PROV_OP_CLOCKS_APART: {
    disposition: 'retry',
    text: ({ behindMs }) =>
      `the keeper's clock is at least ${Math.floor(behindMs / 1000)} s behind the controller's: its commands are over when they come`,
    remedy:
      'set the clocks of both machines (`timedatectl set-ntp true`); the keeper then issues it again by itself within a minute',
  },
  PROV_OP_UNBACKED: {
    disposition: 'retry',
    text: ({ op, what }) =>
      `the keeper's key approved ${op}, and what it says is not there: ${what}`,
    remedy: ({ op }) =>
      `the keeper judges it anew (\`prov op show ${op}\`); unless policy, groups or mode changed just then, somebody else has its key: \`prov keeper rotate\``,
  },
  PROV_OP_SEQ_REUSED: {
    disposition: 'refuse',
    text: ({ seq }) => `sequence number ${seq} was given to another command`,
    remedy: 'two keepers sign for this workspace: run `prov keeper status`, stop one of them',
  },
  PROV_OP_SEQ_SKIPPED: {
    disposition: 'retry',
    text: ({ seq }) => `the command with sequence number ${seq} came after the gap was closed`,
    remedy: ({ op }) =>
      `the keeper issues it again by itself; follow it with \`prov op show ${op}\``,
  },
  PROV_OP_ALREADY_CLAIMED: {
    disposition: 'conflict',
    text: ({ op, phase }) => `${op} is ${phase}: it is too late to take it back`,
    remedy: 'wait for its end with `prov op show`, then submit an operation that undoes it',
  },
  PROV_OP_NOT_IN_DOUBT: {
    disposition: 'conflict',
    text: ({ op, phase }) => `nothing is in doubt about ${op}: it is ${phase}`,
    remedy: ({ op }) => `run \`prov op show ${op}\``,
  },
  PROV_OP_RESOLVE_SELF: {
    disposition: 'refuse',
    text: ({ op, actor }) => `${actor} asked for ${op} and cannot say how it ended`,
    remedy: ({ op }) =>
      `another person looks and says so: \`prov op resolve ${op} --actor <name>\``,
  },
  PROV_OP_CLAIM_CHANGED: {
    disposition: 'conflict',
    text: ({ op }) => `the resolution speaks of another claim of ${op}`,
    remedy: ({ op }) => `look again with \`prov op show ${op}\`, then resolve anew`,
  },
  PROV_OP_EVIDENCE_REFUSED: {
    disposition: 'refuse',
    text: ({ op, what }) => `what is said about ${op} is no evidence: ${what}`,
    remedy: ({ op }) =>
      `nothing was changed; \`prov audit log --op ${op}\` shows what counts, and \`prov nats status\` who may publish`,
  },
  PROV_OP_STEP_FAILED: {
    disposition: 'fail',
    text: ({ what }) => `the work itself failed: ${what}`,
    remedy: ({ op }) =>
      `see its output with \`prov op show ${op}\`, repair, submit a new operation`,
  },
  PROV_OP_OUTCOME_UNKNOWN: {
    disposition: 'unknown',
    text: ({ what }) => `nobody knows how it ended: ${what}`,
    remedy: ({ op }) =>
      `look at the target, then \`prov op resolve ${op} --as applied|failed --reason …\``,
  },
  PROV_OP_SHELF_DAMAGED: {
    disposition: 'retry',
    text: ({ file, what }) => `${file}, which holds operations that ended, is damaged: ${what}`,
    remedy: ({ file }) =>
      `remove the folder of ${file}: the next start makes it anew from the journal`,
  },
  PROV_OP_TIMEOUT: {
    disposition: 'retry',
    text: ({ op, phase, waitedMs }) =>
      `${op} is ${phase} after ${Math.round(waitedMs / 1000)} s; it goes on by itself`,
    remedy: ({ op }) => `look later with \`prov op show ${op}\``,
  },
  PROV_OP_PARAM_SECRET: {
    disposition: 'usage',
    text: ({ param }) =>
      `parameter ${param} holds a secret: it would stand in journal and ledger for ever`,
    remedy: 'name where it lies instead: `--param password=secret:db/password`',
  },
  PROV_OP_NAME_UNSHOWN: {
    disposition: 'usage',
    text: ({ field }) =>
      `the ${field} holds a line break or another sign that is not shown: who agrees would not see it`,
    remedy: 'write it in one line, without control signs; `prov next` lists what can be proposed',
  },
  PROV_PLAN_UNREADABLE: {
    disposition: 'usage',
    text: ({ file, reason }) => `${file} is not a plan: ${reason}`,
    remedy: 'make one with `prov op plan <type> <target> --out <file>`',
  },
  PROV_PLAN_ALTERED: {
    disposition: 'refuse',
    text: ({ file }) => `${file} was changed after it was made: its parts do not fit its digest`,
    remedy: 'make it anew with `prov op plan <type> <target> --out <file>` and have it reviewed',
  },
  PROV_PLAN_STALE: {
    disposition: 'conflict',
    text: ({ file, drift }) => `${file} is void: ${drift.join('; ')}`,
    remedy: 'make it anew with `prov op plan <type> <target> --out <file>` and look at what is new',
  },
})

export const policyErrors = defineErrors<{
  PROV_POLICY_ABSENT: { file: string }
  PROV_POLICY_INVALID: { file: string; what: string }
  PROV_POLICY_NOT_DECLARATIVE: { file: string; what: string }
  PROV_POLICY_NOT_ACTIVE: Record<string, never>
  PROV_POLICY_CHANGED: { op: string; matched: string; active: string }
  PROV_POLICY_ACTIVATION: { actor: string; kind: string }
}>({
  PROV_POLICY_ABSENT: {
    disposition: 'usage',
    text: ({ file }) => `there is no policy file ${file}; everything is held`,
    remedy: ({ file }) =>
      `write ${file} (an empty policy holds everything), then \`prov policy activate\``,
  },
  PROV_POLICY_INVALID: {
    disposition: 'fail',
    text: ({ file, what }) => `${file} is not a policy: ${what}`,
    remedy: ({ file }) =>
      `repair ${file} and try \`prov policy lint\`; the last good policy stays in force`,
  },
  PROV_POLICY_NOT_DECLARATIVE: {
    disposition: 'refuse',
    text: ({ file, what }) => `${file} computes: ${what}; a policy only states`,
    remedy: ({ file }) => `write plain values into ${file}, then \`prov policy lint\``,
  },
  PROV_POLICY_NOT_ACTIVE: {
    disposition: 'held',
    text: () => 'no policy was ever activated here; everything is held',
    remedy: 'run `prov policy activate` as a person who is enrolled',
  },
  PROV_POLICY_CHANGED: {
    disposition: 'conflict',
    text: ({ op, matched, active }) =>
      `${op} was judged by policy ${matched}, but ${active} is in force now`,
    remedy: ({ op }) => `the keeper judges it anew by itself; see \`prov op show ${op}\``,
  },
  PROV_POLICY_ACTIVATION: {
    disposition: 'refuse',
    text: ({ actor, kind }) => `${actor} (${kind}) cannot put a policy in force; a person does`,
    remedy: 'run `prov policy activate --actor <name>` as a person who is enrolled',
  },
})

export const auditErrors = defineErrors<{
  PROV_AUDIT_GAP: { emitter: string; expected: number; found: number }
  PROV_AUDIT_CHAIN: { emitter: string; n: number }
  PROV_AUDIT_FORGED: { emitter: string; n: number }
  PROV_AUDIT_UNKNOWN_KEY: { emitter: string; n: number; kid: string }
  PROV_AUDIT_MALFORMED: { where: string; what: string }
  PROV_AUDIT_TOO_LARGE: { type: string; bytes: number; limitBytes: number }
  PROV_AUDIT_TWO_CHAINS: { emitter: string; n: number }
  PROV_AUDIT_BEHIND: { emitter: string; own: number; heard: number }
  PROV_AUDIT_WAITS: { emitter: string; n: number; what: string }
}>({
  PROV_AUDIT_TWO_CHAINS: {
    disposition: 'fail',
    text: ({ emitter, n }) =>
      `${emitter} signed two events ${n}: nothing from there is believed any more`,
    remedy: 'find out which journal was restored or copied: `prov audit verify` in both places',
  },
  PROV_AUDIT_BEHIND: {
    disposition: 'fail',
    text: ({ emitter, own, heard }) =>
      `others have event ${heard} of ${emitter}, and here its trail ends at ${own}`,
    remedy:
      'this journal is an older copy: stop it and run `prov plane run` where the newest one is',
  },
  PROV_AUDIT_WAITS: {
    disposition: 'retry',
    text: ({ emitter, n, what }) =>
      `event ${n} of ${emitter} waits for ${what}; what ${emitter} said after it is asked for again then`,
    remedy:
      'start the plane that said it, `prov plane list` shows where each lives; it goes on by itself when it is heard',
  },
  PROV_AUDIT_GAP: {
    disposition: 'fail',
    text: ({ emitter, expected, found }) =>
      `the trail of ${emitter} goes from ${expected - 1} to ${found}: events are missing`,
    remedy: 'compare with the ledger: `prov audit verify` there, and keep both',
  },
  PROV_AUDIT_CHAIN: {
    disposition: 'fail',
    text: ({ emitter, n }) => `event ${n} of ${emitter} does not follow the one before it`,
    remedy: 'compare with the ledger: `prov audit verify` there, and keep both',
  },
  PROV_AUDIT_FORGED: {
    disposition: 'fail',
    text: ({ emitter, n }) => `event ${n} of ${emitter} does not bear a good signature`,
    remedy: 'compare with the ledger: `prov audit verify` there, and keep both',
  },
  PROV_AUDIT_UNKNOWN_KEY: {
    disposition: 'fail',
    text: ({ emitter, n }) => `event ${n} of ${emitter} is signed by a key that is not its own`,
    remedy: 'run `prov actor list` to see the enrolled keys, and compare with the ledger',
  },
  PROV_AUDIT_MALFORMED: {
    disposition: 'fail',
    text: ({ where, what }) => `${where} is not an audit event: ${what}`,
    remedy: 'run `prov journal verify`, then compare with the ledger: `prov audit verify`',
  },
  PROV_AUDIT_TOO_LARGE: {
    disposition: 'crash',
    text: ({ type, bytes, limitBytes }) =>
      `an event ${type} of ${bytes} bytes; ${limitBytes} are taken at most`,
    remedy: 'run `prov doctor --json` and report its output with this message',
  },
})

export const ecosystemErrors = defineErrors<{
  PROV_ECOSYSTEM_SUBJECT: { subject: string; workspace: string }
  PROV_ECOSYSTEM_TIMEOUT: { subject: string; waitedMs: number }
}>({
  PROV_ECOSYSTEM_SUBJECT: {
    disposition: 'usage',
    text: ({ subject, workspace }) => `${workspace} tells nothing under ${subject}`,
    remedy: ({ workspace }) =>
      `use ecosystem.${workspace}.<scope>.<event>, ecosystem.actor.<actor>.<event>, ecosystem.daemon.<event> or ecosystem.ontoref.<scope>.<event>, with a scope other than op, which is the planes' own; \`prov events\` shows what is told`,
  },
  PROV_ECOSYSTEM_TIMEOUT: {
    disposition: 'retry',
    text: ({ subject, waitedMs }) => `nothing came under ${subject} within ${waitedMs} ms`,
    remedy:
      'wait longer with --timeout; `prov events` shows what came, `prov nats status` whether it can',
  },
})
