/** What a desk, and whoever asks one, can refuse. @module */
import { defineErrors } from '../errors.ts'

export const deskErrors = defineErrors<{
  PROV_DESK_NOBODY: { project: string; plane: string }
  PROV_DESK_SILENT: { project: string; plane: string; waitedMs: number }
  PROV_DESK_LOST: { project: string; plane: string; what: string; look: string }
  PROV_DESK_FORGED: { project: string; plane: string; count: number; file: string }
  PROV_DESK_VERSION: { project: string; plane: string; here: number; there: number }
  PROV_DESK_ELSEWHERE: { project: string; what: string }
  PROV_DESK_NAME: { project: string }
  PROV_DESK_BOTH: { project: string; workspace: string }
  PROV_DESK_KNOWN: { file: string; what: string }
  PROV_DESK_REQUEST: { what: string }
  PROV_DESK_PROJECT: { asked: string; here: string }
  PROV_DESK_STRANGER: { what: string; project: string }
  PROV_DESK_LATE: { skewMs: number }
  PROV_DESK_REPLAYED: { nonce: string }
  PROV_DESK_MOVED: { plane: string }
  PROV_DESK_BUSY: { plane: string }
  PROV_DESK_BEHIND: { plane: string; of: string; behind: number }
  PROV_DESK_TOO_LARGE: { what: string; limitBytes: number }
}>({
  PROV_DESK_NOBODY: {
    disposition: 'retry',
    text: ({ project, plane }) => `nobody is at the desk of the ${plane} of ${project}`,
    remedy: ({ project }) =>
      `start it where it lives (\`prov plane run\`), or see whether ${project} is the name and the server is the right one: \`prov nats status\``,
  },
  PROV_DESK_SILENT: {
    disposition: 'retry',
    text: ({ project, plane, waitedMs }) =>
      `the ${plane} of ${project} did not answer within ${waitedMs} ms`,
    remedy:
      'run the command again, it changed nothing; `prov nats status` where the planes live says what is in the way',
  },
  PROV_DESK_LOST: {
    disposition: 'unknown',
    text: ({ project, plane, what }) =>
      `the ${plane} of ${project} did not say whether it took ${what}`,
    remedy: ({ look }) => `${look}; \`prov audit log\` shows all that was taken`,
  },
  PROV_DESK_FORGED: {
    disposition: 'refuse',
    text: ({ project, plane, count }) =>
      `what came as an answer of the ${plane} of ${project} is not signed by the key that it had (${count} of them)`,
    remedy: ({ file }) =>
      `compare with \`prov actor list --services\` where that plane lives; if its key is another one for a reason that you know, remove ${file} and look again`,
  },
  PROV_DESK_VERSION: {
    disposition: 'usage',
    text: ({ project, plane, here, there }) =>
      `the ${plane} of ${project} speaks version ${there} of the desk, this is ${here}`,
    remedy: 'install the same version of Prov on both machines: `prov --version`',
  },
  PROV_DESK_ELSEWHERE: {
    disposition: 'usage',
    text: ({ project, what }) => `${what} of ${project} is where its planes live, not here`,
    remedy:
      'run the command there; without `--project` and PROV_PROJECT it is about the workspace around this folder; see `core/desk/README.md`',
  },
  PROV_DESK_NAME: {
    disposition: 'usage',
    text: ({ project }) => `"${project}" cannot be the name of a project`,
    remedy:
      'use lower case letters, digits and -, as `prov plane list` shows it where the planes live',
  },
  PROV_DESK_BOTH: {
    disposition: 'usage',
    text: ({ project, workspace }) =>
      `--project ${project} and --workspace ${workspace} say two places`,
    remedy: 'leave one of them out; `prov help environment` says what PROV_PROJECT does',
  },
  PROV_DESK_KNOWN: {
    disposition: 'fail',
    text: ({ what }) => `the keys that are known of a project cannot be kept or read: ${what}`,
    remedy: ({ file }) =>
      `bring ${file} back from a copy, or remove it and compare the keys anew with \`prov actor list --services\` there`,
  },
  PROV_DESK_REQUEST: {
    disposition: 'usage',
    text: ({ what }) => `the desk was asked something it does not take: ${what}`,
    remedy:
      'use the same version of Prov on both sides: `prov --version`; see `core/desk/README.md`',
  },
  PROV_DESK_PROJECT: {
    disposition: 'refuse',
    text: ({ asked, here }) => `this is the desk of ${here}, and the request is for ${asked}`,
    remedy: 'name the project that is meant: `prov op list --project <name>`',
  },
  PROV_DESK_STRANGER: {
    disposition: 'refuse',
    text: ({ what, project }) => `${project} does not listen to this request: ${what}`,
    remedy:
      'let somebody who is enrolled vouch for the key, where the planes live: `prov actor enrol --help`',
  },
  PROV_DESK_LATE: {
    disposition: 'retry',
    text: ({ skewMs }) => `the request is ${Math.round(skewMs / 1_000)} s away from the clock here`,
    remedy:
      'set the clocks of both machines (`prov doctor` says what time it is), then run it again',
  },
  PROV_DESK_REPLAYED: {
    disposition: 'refuse',
    text: ({ nonce }) => `request ${nonce} came before and counts once`,
    remedy: 'run the command again, it asks anew; see `core/desk/README.md`',
  },
  PROV_DESK_MOVED: {
    disposition: 'retry',
    text: ({ plane }) => `the ${plane} was started anew meanwhile; nothing was taken`,
    remedy: 'run the command again; `prov op list` shows what stands',
  },
  PROV_DESK_BUSY: {
    disposition: 'retry',
    text: ({ plane }) => `the desk of the ${plane} has its hands full; nothing was taken`,
    remedy: 'run the command again in a while; its bounds stand in `core/desk/README.md`',
  },
  PROV_DESK_BEHIND: {
    disposition: 'retry',
    text: ({ plane, of, behind }) =>
      `the ${plane} has not heard ${behind} events of the ${of} that were told already`,
    remedy:
      'run the command again in a while; `prov nats status` where the planes live says what is in the way',
  },
  PROV_DESK_TOO_LARGE: {
    disposition: 'usage',
    text: ({ what, limitBytes }) =>
      `${what} is larger than the ${limitBytes} bytes that can travel`,
    remedy: 'ask for less (`prov op list --open`), or run the command where the planes live',
  },
})
