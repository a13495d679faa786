/** What the socket of a workspace can refuse. @module */
import { defineErrors } from '../errors.ts'

export const socketErrors = defineErrors<{
  PROV_SOCKET_REQUEST: { what: string }
  PROV_SOCKET_BUSY: { pid: number }
  PROV_SOCKET_GONE: { pid: number }
  PROV_SOCKET_LOST: { pid: number; what: string; look: string }
  PROV_SOCKET_UNUSABLE: { path: string; reason: string }
  PROV_SOCKET_DIFFERS: { what: string }
}>({
  PROV_SOCKET_REQUEST: {
    disposition: 'usage',
    text: ({ what }) => `the socket of the workspace was asked something it does not take: ${what}`,
    remedy:
      'use the same version of Prov on both sides: `prov --version`; see `core/socket/README.md`',
  },
  PROV_SOCKET_BUSY: {
    disposition: 'retry',
    text: ({ pid }) => `process ${pid}, which writes this workspace, has its hands full`,
    remedy: 'run the command again; `prov doctor` shows who writes',
  },
  PROV_SOCKET_GONE: {
    disposition: 'retry',
    text: ({ pid }) => `process ${pid}, which wrote this workspace, ended meanwhile`,
    remedy:
      'nothing that was accepted is lost: run the command again, or see `prov op list` and go on with `prov op wait <id>`',
  },
  PROV_SOCKET_LOST: {
    disposition: 'unknown',
    text: ({ pid, what }) =>
      `process ${pid}, which writes this workspace, ended while it took ${what}: whether it was taken is not known`,
    remedy: ({ look }) => `${look}; \`prov audit log\` shows all that was taken`,
  },
  PROV_SOCKET_UNUSABLE: {
    disposition: 'fail',
    text: ({ path, reason }) => `nobody can hand anything in at ${path}: ${reason}`,
    remedy: ({ path }) =>
      `see that this user owns the folder of \`${path}\`, then start \`prov run\` again`,
  },
  PROV_SOCKET_DIFFERS: {
    disposition: 'refuse',
    text: ({ what }) => `nothing was signed: the process that writes answered with ${what}`,
    remedy: 'run the command again; if it stays so, stop that process (`prov doctor` names it)',
  },
})
