/** What a journal can refuse. @module */
import { defineErrors } from '../errors.ts'

/** What a journal looks like against what was remembered of it; positions are ends of logs. */
interface AgainstAnchor {
  dir: string
  journal: string
  position: number
  anchored: number
  file: string
}

export const journalErrors = defineErrors<{
  PROV_JOURNAL_POISONED: { journal: string; reason: string }
  PROV_JOURNAL_NO_SPACE: { journal: string; reason: string }
  PROV_JOURNAL_QUOTA: { journal: string; reason: string }
  PROV_JOURNAL_READ_ONLY: { journal: string; reason: string }
  PROV_JOURNAL_LOW: { dir: string }
  PROV_JOURNAL_CLOSED: { journal: string }
  PROV_JOURNAL_FENCED: { journal: string; epoch: number }
  PROV_JOURNAL_TOO_LARGE: { what: string; bytes: number; limitBytes: number }
  PROV_JOURNAL_NOT_JSON: { partition: string; type: string }
  PROV_JOURNAL_LOCKED: { dir: string; pid: number; since: string; where: string; file: string }
  PROV_JOURNAL_CORRUPT: { file: string; offset: number; what: string }
  PROV_JOURNAL_NEWER: { file: string; format: number; known: number }
  PROV_JOURNAL_ABSENT: { dir: string }
  PROV_JOURNAL_REMOTE: { dir: string; fileSystem: string }
  PROV_JOURNAL_UNUSABLE: { dir: string; reason: string; errno?: string | undefined }
  PROV_JOURNAL_BEHIND: AgainstAnchor
  PROV_JOURNAL_FORKED: AgainstAnchor
  PROV_JOURNAL_GONE: { dir: string; journal: string; anchored: number; file: string }
  PROV_JOURNAL_COPIED: { dir: string; journal: string; other: string }
  PROV_JOURNAL_REPLACED: { dir: string; journal: string; anchored: string; file: string }
  PROV_JOURNAL_ANCHOR: { file: string; what: string }
}>({
  PROV_JOURNAL_POISONED: {
    disposition: 'unknown',
    text: ({ reason }) => `the journal stopped because a write to disk failed: ${reason}`,
    remedy:
      'the disk itself is in trouble: look at the kernel log (`dmesg`), then start Prov again and run `prov journal verify`; everything acknowledged is there',
  },
  PROV_JOURNAL_NO_SPACE: {
    disposition: 'unknown',
    text: ({ reason }) => `the journal stopped because its disk is full: ${reason}`,
    remedy:
      'make room on that disk (`df -h .prov`), then start Prov again: everything acknowledged is there, and `prov op list` says what goes on',
  },
  PROV_JOURNAL_QUOTA: {
    disposition: 'unknown',
    text: ({ reason }) =>
      `the journal stopped because this user's disk quota is used up: ${reason}`,
    remedy:
      'remove files of this user or have the quota raised (`quota -s`), then start Prov again: everything acknowledged is there',
  },
  PROV_JOURNAL_READ_ONLY: {
    disposition: 'unknown',
    text: ({ reason }) => `the journal stopped because its disk became read-only: ${reason}`,
    remedy:
      'a kernel makes a disk read-only after errors: see `dmesg`, check and mount it again for writing, then run `prov journal verify`',
  },
  PROV_JOURNAL_LOW: {
    disposition: 'retry',
    text: ({ dir }) => `the disk of ${dir} is nearly full: only what is under way goes on`,
    remedy: ({ dir }) =>
      `make room on that disk (\`df -h ${dir}\`) and submit again; nothing was recorded`,
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
    remedy:
      'nothing was changed; put the file back from a copy, or run `prov journal repair` to see what could be kept without it',
  },
  PROV_JOURNAL_NEWER: {
    disposition: 'usage',
    text: ({ file, format, known }) =>
      `a later Prov wrote ${file}: its records look like format ${format}, and this one reads up to ${known}`,
    remedy:
      'nothing was changed; use the Prov that wrote it or a newer one: `prov --version` says which this is',
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
    remedy: ({ dir, errno }) =>
      errno === 'ENOSPC'
        ? `make room on the disk of \`${dir}\`, then run the command again; nothing was changed`
        : errno === 'EDQUOT'
          ? `the disk quota of this user is used up: remove files of this user or have it raised (\`quota -s\`)`
          : errno === 'EROFS'
            ? `mount the disk of \`${dir}\` for writing; \`prov journal verify\` works without`
            : errno === 'EIO'
              ? `the disk of \`${dir}\` fails: see \`dmesg\`, then copy the workspace to a sound one`
              : `see that the user of this process may read and write \`${dir}\``,
  },
  PROV_JOURNAL_BEHIND: {
    disposition: 'refuse',
    text: ({ dir, position, anchored }) =>
      `the journal in ${dir} ends at position ${position}, but it was written up to ${anchored} before: this is an older state of it`,
    remedy: ({ file }) =>
      `put the newest journal back; only when it is lost, \`prov journal adopt\` goes on from here under a new id (what is known of it stands in \`${file}\`)`,
  },
  PROV_JOURNAL_FORKED: {
    disposition: 'refuse',
    text: ({ dir, position, anchored }) =>
      `the journal in ${dir} ends at position ${position} and says something else at ${anchored} than was written there before`,
    remedy: ({ file }) =>
      `two histories with one id: put the right one back, or let this one go on under a new id with \`prov journal adopt\` (the other is known from \`${file}\`)`,
  },
  PROV_JOURNAL_GONE: {
    disposition: 'refuse',
    text: ({ dir, journal, anchored }) =>
      `there is no journal in ${dir}, but journal ${journal} was written here up to position ${anchored}`,
    remedy: ({ file }) =>
      `put it back from a copy; only when it is lost, \`prov journal adopt\` begins an empty one (this is known from \`${file}\`)`,
  },
  PROV_JOURNAL_COPIED: {
    disposition: 'refuse',
    text: ({ dir, journal, other }) =>
      `the journal in ${dir} is a copy: journal ${journal} is written in ${other}`,
    remedy: ({ other }) =>
      `work in \`${other}\`, or make this one a workspace of its own with \`prov journal adopt\``,
  },
  PROV_JOURNAL_REPLACED: {
    disposition: 'refuse',
    text: ({ dir, journal, anchored }) =>
      `${dir} holds journal ${journal}, but journal ${anchored} was written here before`,
    remedy: ({ file }) =>
      `put that one back, or let this one go on under a new id with \`prov journal adopt\` (the other is known from \`${file}\`)`,
  },
  PROV_JOURNAL_ANCHOR: {
    disposition: 'fail',
    text: ({ file, what }) => `the anchor ${file} cannot be trusted: ${what}`,
    remedy: ({ file }) =>
      `see who may write \`${file}\` and put it back from a copy; \`prov journal adopt\` makes a new one`,
  },
})
