/** Why a plane cannot be handed over, joined or run. @module */
import { defineErrors } from '../errors.ts'

export const planeErrors = defineErrors<{
  PROV_PLANE_UNKNOWN: { plane: string; known: readonly string[] }
  PROV_PLANE_BUSY: { plane: string; ops: readonly string[] }
  PROV_PLANE_ELSEWHERE: { plane: string }
  PROV_PLANE_BUNDLE_INVALID: { file: string; what: string }
  PROV_PLANE_BUNDLE_THERE: { file: string }
  PROV_PLANE_OCCUPIED: { state: string }
  PROV_PLANE_PASSPHRASE: { plane: string }
  PROV_PLANE_NO_BUS: { planes: readonly string[] }
  PROV_PLANE_UNFINISHED: { plane: string; file: string }
  PROV_PLANE_LED: { plane: string; holder: string }
  PROV_PLANE_NOT_LEADING: { plane: string }
  PROV_PLANE_UNVOUCHED: { plane: string }
  PROV_PLANE_SET_BACK: { plane: string; own: number; heard: number }
  PROV_PLANE_REPLACED: { plane: string; granted: number }
  PROV_PLANE_RENAMED: { workspace: string; named: string }
}>({
  PROV_PLANE_UNKNOWN: {
    disposition: 'usage',
    text: ({ plane, known }) => `there is no plane ${plane}; there are ${known.join(', ')}`,
    remedy: 'run `prov plane list` to see what lives here',
  },
  PROV_PLANE_BUSY: {
    disposition: 'refuse',
    text: ({ plane, ops }) =>
      `${plane} cannot move while ${ops.length} operations are under way: ${ops.slice(0, 3).join(', ')}`,
    remedy: 'let them end or withdraw them first: `prov op list`',
  },
  PROV_PLANE_ELSEWHERE: {
    disposition: 'refuse',
    text: ({ plane }) => `${plane} was handed over and lives elsewhere`,
    remedy: 'run `prov plane list`; the bundle that was written then is the only one',
  },
  PROV_PLANE_BUNDLE_INVALID: {
    disposition: 'refuse',
    text: ({ file, what }) => `${file} is no bundle of a plane that can be joined: ${what}`,
    remedy: 'write it anew where the plane lives: `prov plane export <plane> --out <file>`',
  },
  PROV_PLANE_BUNDLE_THERE: {
    disposition: 'usage',
    text: ({ file }) => `${file} is there already and was left alone`,
    remedy: 'name another file: `prov plane export <plane> --out <file>`',
  },
  PROV_PLANE_OCCUPIED: {
    disposition: 'refuse',
    text: ({ state }) => `${state} holds a journal already`,
    remedy: 'name another folder: `prov plane join <file> --state <folder>`',
  },
  PROV_PLANE_PASSPHRASE: {
    disposition: 'usage',
    text: ({ plane }) =>
      `the key of ${plane} travels sealed, and there is no passphrase that opens it`,
    remedy:
      'type it, or name a file of mode 600 that holds it: `export PROV_PASSPHRASE_FILE=<file>`',
  },
  PROV_PLANE_NO_BUS: {
    disposition: 'refuse',
    text: ({ planes }) =>
      `only ${planes.join(', ')} lives here, and without a server the other planes cannot be heard`,
    remedy: 'name the server: `export NATS_URL=nats://127.0.0.1:4222`, then `prov nats status`',
  },
  PROV_PLANE_UNFINISHED: {
    disposition: 'conflict',
    text: ({ plane, file }) => `${plane} runs nowhere: its hand-over to ${file} was broken off`,
    remedy: ({ plane, file }) =>
      `finish it where it was begun: \`prov plane export ${plane} --out ${file}\``,
  },
  PROV_PLANE_LED: {
    disposition: 'retry',
    text: ({ plane, holder }) => `${plane} is run by ${holder}`,
    remedy:
      'let that one do it, or wait here for its end with `prov plane run --standby`; `prov nats status` shows who leads',
  },
  PROV_PLANE_NOT_LEADING: {
    disposition: 'retry',
    text: ({ plane }) => `this process does not know that it is the only ${plane} just now`,
    remedy: 'nothing to do: it goes on as soon as it is sure; `prov nats status` shows who leads',
  },
  PROV_PLANE_UNVOUCHED: {
    disposition: 'retry',
    text: ({ plane }) =>
      `no other plane said yet that this journal of the ${plane} is the newest one; until then it does nothing`,
    remedy: ({ plane }) =>
      `start the ${plane === 'keeper' ? 'controller' : 'keeper'}: \`prov plane run\` where it lives; it answers by itself`,
  },
  PROV_PLANE_SET_BACK: {
    disposition: 'refuse',
    text: ({ plane, own, heard }) =>
      `another plane has event ${heard} of the ${plane} as its key signed it; this journal, which ends at ${own}, has not: it is an older state`,
    remedy: ({ plane }) =>
      plane === 'keeper'
        ? 'put the newest journal back and run `prov plane run`; where it is lost, let the controller grant another one: `prov plane export keeper --lost --out <file>`; where this is the newest, somebody else has its key: then `prov keeper rotate`, too'
        : 'put the newest journal back, remove the note of this one (`prov journal stats` names its anchor) and run `prov plane run`; what this one would claim may have been done',
  },
  PROV_PLANE_RENAMED: {
    disposition: 'usage',
    text: ({ workspace, named }) =>
      `this journal is of the workspace ${workspace}, which calls itself ${named} now: nothing that is signed for one counts for the other`,
    remedy: ({ workspace }) =>
      `put the name back: "prov": { "name": "${workspace}" } in package.json; then run \`prov doctor\``,
  },
  PROV_PLANE_REPLACED: {
    disposition: 'refuse',
    text: ({ plane, granted }) =>
      `this ${plane} was taken for lost: another journal goes on in its place, in epoch ${granted}`,
    remedy:
      'nothing here is needed any more, what it signed and nobody claimed has lapsed; `prov nats status` shows who goes on',
  },
})
