/** What a journal can refuse. @module */
import { defineErrors } from '../errors.ts'

export const journalErrors = defineErrors<{
  PROV_JOURNAL_POISONED: { journal: string; reason: string }
  PROV_JOURNAL_CLOSED: { journal: string }
  PROV_JOURNAL_FENCED: { journal: string; epoch: number }
  PROV_JOURNAL_TOO_LARGE: { what: string; bytes: number; limitBytes: number }
  PROV_JOURNAL_NOT_JSON: { partition: string; type: string }
  PROV_JOURNAL_LOCKED: { dir: string; pid: number; since: string; where: string; file: string }
  PROV_JOURNAL_CORRUPT: { file: string; offset: number; what: string }
  PROV_JOURNAL_ABSENT: { dir: string }
  PROV_JOURNAL_REMOTE: { dir: string; fileSystem: string }
  PROV_JOURNAL_UNUSABLE: { dir: string; reason: string }
}>({
  PROV_JOURNAL_POISONED: {
    disposition: 'unknown',
    text: ({ reason }) => `the journal stopped because a write to disk failed: ${reason}`,
    remedy:
      'free the disk or repair it, restart Prov, then run `prov journal verify` to see what was kept',
  },
  PROV_JOURNAL_CLOSED: {
    disposition: 'retry',
    text: () => 'the journal is closed and takes nothing more',
    remedy: 'run the command again once Prov is up; `prov doctor` shows whether it is',
  },
  PROV_JOURNAL_FENCED: {
    disposition: 'unknown',
    text: ({ epoch }) =>
      `another writer took over this workspace; epoch ${epoch} may not write any more`,
    remedy: 'stop this process and use the newer one; `prov journal verify` shows its epoch',
  },
  PROV_JOURNAL_TOO_LARGE: {
    disposition: 'usage',
    text: ({ what, bytes, limitBytes }) =>
      `${what} takes ${bytes} bytes and the journal takes ${limitBytes} at most`,
    remedy: 'keep large content in a file and record its digest; see `core/journal/README.md`',
  },
  PROV_JOURNAL_NOT_JSON: {
    disposition: 'crash',
    text: ({ partition, type }) => `record ${type} of ${partition} has a body that JSON cannot say`,
    remedy: 'run `prov doctor --json` and report its output with this message',
  },
  PROV_JOURNAL_LOCKED: {
    disposition: 'retry',
    text: ({ pid, since, where }) =>
      `process ${pid}${where} has been writing this workspace since ${since}`,
    remedy: ({ pid, where, file }) =>
      where === ''
        ? `wait for its end, or stop it with \`kill ${pid}\`: its lock ends with it; \`prov doctor\` shows who writes`
        : `stop that container; only when nothing in it runs any more, remove \`${file}\``,
  },
  PROV_JOURNAL_CORRUPT: {
    disposition: 'fail',
    text: ({ file, offset, what }) =>
      `the journal is damaged at byte ${offset} of ${file}: ${what}`,
    remedy: 'nothing was changed; run `prov journal verify`, then put the file back from a copy',
  },
  PROV_JOURNAL_ABSENT: {
    disposition: 'usage',
    text: ({ dir }) => `there is no journal in ${dir} yet`,
    remedy: 'run `prov setup` in the workspace',
  },
  PROV_JOURNAL_REMOTE: {
    disposition: 'usage',
    text: ({ dir, fileSystem }) =>
      `${dir} lies on a network file system (${fileSystem}), where a lock and a sync promise nothing`,
    remedy: 'put the workspace on a local disk; `prov doctor` names the file system of a folder',
  },
  PROV_JOURNAL_UNUSABLE: {
    disposition: 'fail',
    text: ({ dir, reason }) => `the journal in ${dir} cannot be opened: ${reason}`,
    remedy: ({ dir }) => `see that the user of this process may read and write \`${dir}\``,
  },
})
