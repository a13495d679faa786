/** What the commands about actors refuse before a key is made. @module */
import { defineErrors } from 'prov'

export const actorErrors = defineErrors<{
  PROV_KEY_PASSPHRASE_ABSENT: { actor: string }
  PROV_KEY_PASSPHRASE_DIFFERS: { actor: string }
  PROV_KEY_NOT_HERE: { actor: string; near?: string }
  PROV_KEY_ACT_FILE: { file: string; what: string }
  PROV_KEY_ACT_NAMELESS: { change: string }
  PROV_KEY_ROOT_FOLDER: { folder: string }
}>({
  PROV_KEY_PASSPHRASE_ABSENT: {
    disposition: 'usage',
    text: ({ actor }) => `nobody can be asked for a passphrase for the key of ${actor}`,
    remedy:
      'run it on a terminal, name a file in PROV_PASSPHRASE_FILE, or add `--no-seal` to leave the key unsealed',
  },
  PROV_KEY_PASSPHRASE_DIFFERS: {
    disposition: 'usage',
    text: ({ actor }) => `the two passphrases for ${actor} are not the same; no key was made`,
    remedy: 'run `prov actor create` again and type the same one twice',
  },
  PROV_KEY_NOT_HERE: {
    disposition: 'usage',
    text: ({ actor, near }) =>
      `no key of ${actor} lies on this machine${near === undefined ? '' : `; did you mean ${near}?`}`,
    remedy: ({ actor }) =>
      `run \`prov actor create ${actor}\`, or \`prov actor list\` to see yours`,
  },
  PROV_KEY_ACT_FILE: {
    disposition: 'usage',
    text: ({ file, what }) => `${file} does not serve for this: ${what}`,
    remedy: 'draft it anew with `prov keys draft <change> --out <file>`, into another file',
  },
  PROV_KEY_ROOT_FOLDER: {
    disposition: 'usage',
    text: ({ folder }) => `${folder} is a folder; a root key is a file`,
    remedy: ({ folder }) => `run \`prov keys root ${folder}/root.key\``,
  },
  PROV_KEY_ACT_NAMELESS: {
    disposition: 'usage',
    text: ({ change }) => `to ${change} a key, its actor must be named`,
    remedy: ({ change }) => `run \`prov keys draft ${change} <name> --out act.json\``,
  },
})
