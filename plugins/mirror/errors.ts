/** What the ledger can refuse, and what it raises an alarm about. @module */
import { defineErrors } from 'prov'

export const mirrorErrors = defineErrors<{
  PROV_AUDIT_FORKED: { emitter: string; n: number; ledger: string; found: string }
  PROV_LEDGER_AHEAD: { emitter: string; ledger: number; journal: number }
  PROV_LEDGER_CUT: { dir: string; what: string }
  PROV_LEDGER_MOVED: { dir: string; expected: string; found: string }
  PROV_LEDGER_HEAD_LOST: { dir: string; commit: string }
  PROV_LEDGER_FOREIGN: { dir: string; commit: string; why: string }
  PROV_LEDGER_WRITE_FAILED: { dir: string; why: string }
  PROV_LEDGER_CONFIG: { what: string }
  PROV_LEDGER_STOPPED: { why: string }
  PROV_GOVERNANCE_CONFIG: { what: string }
  PROV_GOVERNANCE_ABSENT: { repository: string; role: string; path: string; what: string }
  PROV_GOVERNANCE_PROFILE: { repository: string; what: string }
  PROV_GOVERNANCE_THRESHOLD: {
    repository: string
    threshold: number
    delegates: number
    what: string
  }
  PROV_GOVERNANCE_DELEGATE: { repository: string; what: string }
  PROV_GOVERNANCE_FOREIGN: { repository: string; commit: string; why: string }
  PROV_GOVERNANCE_QUORUM: {
    repository: string
    commit: string
    needed: number
    by: readonly string[]
  }
  PROV_GOVERNANCE_MOVED: { repository: string; root: string }
  PROV_GOVERNANCE_RADICLE: { repository: string; what: string }
}>({
  PROV_AUDIT_FORKED: {
    disposition: 'fail',
    text: ({ emitter, n, ledger, found }) =>
      `event ${n} of ${emitter} exists twice: the ledger holds ${ledger}, now there is ${found}`,
    remedy:
      'compare `git -C <ledger> log -p` with `prov audit log --json`; where the journal is right, keep the repository under another name: the next command makes a new one of what the journal holds',
  },
  PROV_LEDGER_AHEAD: {
    disposition: 'refuse',
    text: ({ emitter, ledger, journal }) =>
      `the ledger holds ${ledger} events of ${emitter}, the journal only ${journal}: it was set back`,
    remedy:
      'put the newest journal back; only when it is lost, `prov journal adopt` goes on from here under a new id (done already, `prov run` lets the ledger follow)',
  },
  PROV_LEDGER_CUT: {
    disposition: 'refuse',
    text: ({ dir, what }) =>
      `the ledger in ${dir} is not whole: ${what} is not there, and it may remember what the journal forgot`,
    remedy:
      'fetch all of it, as a repository of its own with the branch main: `git -C <ledger> fetch --unshallow`; or move it away to start a new ledger, when the journal is surely the newest',
  },
  PROV_LEDGER_MOVED: {
    disposition: 'conflict',
    text: ({ dir, expected, found }) =>
      `somebody else moved main of ${dir}: it was ${expected}, now it is ${found}`,
    remedy:
      'nobody but the mirror may commit there: look with `git -C <ledger> log -3`, set it back',
  },
  PROV_LEDGER_HEAD_LOST: {
    disposition: 'retry',
    text: ({ dir, commit }) => `main of ${dir} is gone; it pointed to ${commit}`,
    remedy: ({ commit }) => `set it back: \`git -C <ledger> update-ref refs/heads/main ${commit}\``,
  },
  PROV_LEDGER_FOREIGN: {
    disposition: 'fail',
    text: ({ dir, commit, why }) => `commit ${commit} in ${dir} is not of this ledger: ${why}`,
    remedy: 'look with `git -C <ledger> show`; move the repository away to start a new ledger',
  },
  PROV_LEDGER_WRITE_FAILED: {
    disposition: 'retry',
    text: ({ dir, why }) => `the ledger in ${dir} cannot be written: ${why}`,
    remedy: 'make room or mend permissions: `prov doctor`; the mirror tries again by itself',
  },
  PROV_LEDGER_CONFIG: {
    disposition: 'usage',
    text: ({ what }) => `the mirror does not understand its config: ${what}`,
    remedy: 'see the table of settings in `plugins/mirror/README.md`',
  },
  PROV_LEDGER_STOPPED: {
    disposition: 'fail',
    text: ({ why }) => `the mirror stopped: ${why}`,
    remedy: 'run `prov plugins` to see why; operations go on without it',
  },
  PROV_GOVERNANCE_CONFIG: {
    disposition: 'usage',
    text: ({ what }) => `settings of governance: ${what}`,
    remedy: 'correct it in `.ontoref/config.ncl`; see the table in `plugins/mirror/README.md`',
  },
  PROV_GOVERNANCE_ABSENT: {
    disposition: 'fail',
    text: ({ repository, path, what }) => `${repository} is not to be read at ${path}: ${what}`,
    remedy: ({ role }) =>
      role === 'state'
        ? 'the mirror makes it (`prov run`); else say where it is with --state <dir>'
        : `clone it there, or say where it is: \`prov validate-radicle-governance --${role} <dir>\`, or governance.${role}.path in .ontoref/config.ncl`,
  },
  PROV_GOVERNANCE_PROFILE: {
    disposition: 'fail',
    text: ({ repository, what }) => `who decides in ${repository} cannot be told: ${what}`,
    remedy:
      'one line `alice ssh-ed25519 AAAA…` per delegate and one `# threshold: 2`; see `plugins/mirror/README.md`',
  },
  PROV_GOVERNANCE_THRESHOLD: {
    disposition: 'fail',
    text: ({ repository, threshold, delegates, what }) =>
      `in ${repository} ${threshold} of ${delegates} delegates decide: ${what}`,
    remedy:
      'change threshold or delegates in its .allowed_signers, merged as any change there; `--development` allows one person to decide alone',
  },
  PROV_GOVERNANCE_DELEGATE: {
    disposition: 'fail',
    text: ({ repository, what }) =>
      `${repository} has not the ledger key as its one delegate: ${what}`,
    remedy:
      'leave the line of the ledger key alone in its .git/allowed_signers; `prov audit verify` shows what others wrote meanwhile',
  },
  PROV_GOVERNANCE_FOREIGN: {
    disposition: 'fail',
    text: ({ repository, commit, why }) =>
      `commit ${commit} in ${repository} is of no delegate: ${why}`,
    remedy: ({ commit }) =>
      `look with \`git show --show-signature ${commit}\`; a delegate who agrees makes it again and signs it (\`git commit -S\`)`,
  },
  PROV_GOVERNANCE_QUORUM: {
    disposition: 'fail',
    text: ({ repository, commit, needed, by }) =>
      `commit ${commit} is on main of ${repository} with the signatures of ${by.join(', ') || 'nobody'}; ${needed} are needed`,
    remedy:
      'set main back to before it; another delegate merges the branch as it is (`git merge --no-ff -S`): each signs the very same tree; where it is older than these rules, name a later commit as root in `.ontoref/config.ncl`',
  },
  PROV_GOVERNANCE_MOVED: {
    disposition: 'fail',
    text: ({ repository, root }) =>
      `main of ${repository} does not lead back to ${root}, where it is judged from`,
    remedy:
      'it is another history: compare with the copies of others before you trust it; governance in `.ontoref/config.ncl` names that commit',
  },
  PROV_GOVERNANCE_RADICLE: {
    disposition: 'fail',
    text: ({ repository, what }) => `${repository} says something else to Radicle: ${what}`,
    remedy: 'bring both together: `rad id update`, or a change of its .allowed_signers',
  },
})
