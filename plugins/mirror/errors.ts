/** What the ledger can refuse, and what it raises an alarm about. @module */
import { defineErrors } from 'prov'

export const mirrorErrors = defineErrors<{
  PROV_AUDIT_FORKED: { emitter: string; n: number; ledger: string; found: string }
  PROV_LEDGER_AHEAD: { emitter: string; ledger: number; journal: number }
  PROV_LEDGER_MOVED: { dir: string; expected: string; found: string }
  PROV_LEDGER_HEAD_LOST: { dir: string; commit: string }
  PROV_LEDGER_FOREIGN: { dir: string; commit: string; why: string }
  PROV_LEDGER_WRITE_FAILED: { dir: string; why: string }
  PROV_LEDGER_CONFIG: { what: string }
  PROV_LEDGER_STOPPED: { why: string }
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
})
