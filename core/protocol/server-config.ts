/**
 * The configuration of a NATS server for the planes of one workspace, as text: loopback, JetStream
 * that syncs before it acknowledges, one user per role with exactly its allow lists.
 *
 * @module
 */
import type { Bytes } from '../units.ts'
import { busRoles, rolePermissions } from './roles.ts'
import type { BusRole } from './roles.ts'

export interface ServerConfigOptions {
  readonly workspace: string
  /** Public nkey of each role; a role without one cannot connect. */
  readonly keys: Readonly<Partial<Record<BusRole, string>>>
  /** Default 127.0.0.1:4222. */
  readonly listen?: string | undefined
  /** Where the server tells about itself. Default 127.0.0.1:8222. */
  readonly monitor?: string | undefined
  /** Folder of the streams. Default: the server's own choice. */
  readonly storeDir?: string | undefined
  /** Default 256 MB. */
  readonly maxMemory?: Bytes | undefined
  /** Default 1 GB. Publishing is refused beyond it, nothing is lost. */
  readonly maxFile?: Bytes | undefined
  /** Files of certificates; absent: plain, which is for loopback only. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string } | undefined
}

const megabyte = 1024 * 1024

/** Text of the configuration; `nats-server -c` reads it. */
export function serverConfig(options: ServerConfigOptions): string {
  const { workspace, keys, storeDir, tls } = options
  const { listen = '127.0.0.1:4222', monitor = '127.0.0.1:8222' } = options
  const { maxMemory = 256 * megabyte, maxFile = 1024 * megabyte } = options
  const users = busRoles.flatMap((role) => {
    const nkey = keys[role]
    if (nkey === undefined) return []
    const { publish, subscribe } = rolePermissions(role, workspace)
    return [
      `      # ${role}`,
      `      { nkey: ${nkey}, permissions: {`,
      `        publish: ${allow(publish)}`,
      `        subscribe: ${allow(subscribe)} } }`,
    ]
  })
  return [
    `# NATS for the planes of ${workspace}. Printed by prov nats config; change the table, not this.`,
    `listen: ${JSON.stringify(listen)}`,
    `http: ${JSON.stringify(monitor)}`,
    `server_name: ${JSON.stringify(`prov-${workspace}`)}`,
    ...(tls
      ? [
          'tls {',
          `  cert_file: ${JSON.stringify(tls.cert)}`,
          `  key_file: ${JSON.stringify(tls.key)}`,
          ...(tls.ca === undefined ? [] : [`  ca_file: ${JSON.stringify(tls.ca)}`]),
          '}',
        ]
      : []),
    'jetstream {',
    ...(storeDir === undefined ? [] : [`  store_dir: ${JSON.stringify(storeDir)}`]),
    `  max_memory_store: ${maxMemory}`,
    `  max_file_store: ${maxFile}`,
    '  # Without it what was acknowledged may be lost for minutes when the power goes.',
    '  sync_interval: always',
    '}',
    'accounts {',
    '  PROV {',
    '    jetstream: enabled',
    '    users: [',
    ...users,
    '    ]',
    '  }',
    '  SYS {}',
    '}',
    'system_account: SYS',
    '',
  ].join('\n')
}

/** An empty list would allow everything: nothing is said as a refusal of all. */
function allow(subjects: readonly string[]): string {
  if (subjects.length === 0) return '{ deny: [">"] }'
  return `{ allow: [${subjects.map((one) => JSON.stringify(one)).join(', ')}] }`
}
