/** What the finding and reading of a workspace can refuse. @module */
import { defineErrors } from '../errors.ts'

export const configErrors = defineErrors<{
  PROV_CONFIG_NO_WORKSPACE: { from: string }
  PROV_CONFIG_NAME_INVALID: { name: string; from: string }
  PROV_CONFIG_FILE_MISSING: { file: string }
  PROV_CONFIG_FILE_UNREADABLE: { file: string; what: string }
  PROV_CONFIG_NOT_DECLARATIVE: { file: string; what: string }
  PROV_CONFIG_HOME_INSIDE: { home: string; workspace: string }
  PROV_CONFIG_HOME_OPEN: { home: string; mode: string }
  PROV_CONFIG_HOME_UNUSABLE: { home: string; reason: string }
  PROV_CONFIG_PASSPHRASE_FILE: { file: string; reason: string }
  PROV_CONFIG_NATS_INVALID: { from: string; setting: string; what: string }
  PROV_CONFIG_NATS_SEED: { from: string; what: string }
}>({
  PROV_CONFIG_NO_WORKSPACE: {
    disposition: 'usage',
    text: ({ from }) => `there is no workspace in ${from} or above it: no folder .ontology/`,
    remedy: 'go into one, pass --workspace <dir>, or make one with `prov setup`',
  },
  PROV_CONFIG_NAME_INVALID: {
    disposition: 'usage',
    text: ({ name, from }) =>
      `"${name}" (from ${from}) cannot name a workspace: lower case letters, digits and - only, 63 at most`,
    remedy: 'set `project` in .ontology/manifest.ncl, or "prov": { "name": "…" } in package.json',
  },
  PROV_CONFIG_FILE_MISSING: {
    disposition: 'usage',
    text: ({ file }) => `${file} does not exist`,
    remedy: 'run `prov setup` to add what is missing; it never overwrites a file',
  },
  PROV_CONFIG_FILE_UNREADABLE: {
    disposition: 'usage',
    text: ({ file, what }) => `${file} cannot be read: ${what}`,
    remedy: ({ file }) =>
      `see what lies there and who may read it (\`ls -ld ${file}\`), then put the file back`,
  },
  PROV_CONFIG_NOT_DECLARATIVE: {
    disposition: 'refuse',
    text: ({ file, what }) => `${file} may only state values: ${what}`,
    remedy: ({ file }) =>
      `write plain values into ${file}; \`prov ncl lint ${file}\` names each place`,
  },
  PROV_CONFIG_HOME_INSIDE: {
    disposition: 'refuse',
    text: ({ home, workspace }) =>
      `keys and trust may not lie inside a workspace: ${home} is in ${workspace}`,
    remedy:
      'set PROV_HOME to a folder outside of every repository; `prov help environment` says more',
  },
  PROV_CONFIG_HOME_OPEN: {
    disposition: 'refuse',
    text: ({ home, mode }) => `other users can reach ${home} (mode ${mode}), which holds keys`,
    remedy: ({ home }) => `run \`chmod 700 ${home}\``,
  },
  PROV_CONFIG_HOME_UNUSABLE: {
    disposition: 'usage',
    text: ({ home, reason }) => `keys and trust cannot be kept in ${home}: ${reason}`,
    remedy:
      'set PROV_HOME to a folder of yours that can be written; `prov help environment` says more',
  },
  PROV_CONFIG_PASSPHRASE_FILE: {
    disposition: 'refuse',
    text: ({ file, reason }) => `${file}, which PROV_PASSPHRASE_FILE names, is not used: ${reason}`,
    remedy: ({ file }) => `run \`chmod 600 ${file}\`, or unset PROV_PASSPHRASE_FILE to be asked`,
  },
  PROV_CONFIG_NATS_INVALID: {
    disposition: 'usage',
    text: ({ from, setting, what }) => `nats_events.${setting} (from ${from}) ${what}`,
    remedy: ({ from }) =>
      `correct it in ${from}; \`prov nats status\` shows what holds and where it comes from`,
  },
  PROV_CONFIG_NATS_SEED: {
    disposition: 'refuse',
    text: ({ from, what }) => `the nkey seed from ${from} is not used: ${what}`,
    remedy:
      'put the whole seed of a user (SU…) into a file of mode 600 outside of the workspace and name it in NATS_NKEY_SEED_FILE; `prov nats keys` makes one',
  },
})
