/**
 * `prov nats config`: what `nats-server -c` reads, with the roles of this workspace and nothing more
 * than each of them needs. Bears public keys only.
 *
 * @module
 */
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  pattern: 'nats config',
  describe: 'print the configuration of a NATS server for the roles of this workspace',
  group: 'Runtime',
  examples: [
    [
      'prov nats config >nats-server.conf',
      'after prov nats keys; then nats-server -c nats-server.conf',
    ],
    [
      'prov nats config --listen 10.0.0.5:4222 --cert c.pem --key k.pem',
      'for other machines, over TLS',
    ],
  ],
  flags: {
    listen: { type: 'string', default: '127.0.0.1:4222', describe: 'where clients connect' },
    monitor: { type: 'string', default: '127.0.0.1:8222', describe: 'where it tells about itself' },
    store: { type: 'string', describe: 'folder of the streams' },
    cert: { type: 'string', describe: 'certificate of the server', complete: 'files' },
    key: { type: 'string', describe: 'key of that certificate', complete: 'files' },
    ca: { type: 'string', describe: 'who signed certificates of clients', complete: 'files' },
  },
  run: async ({ listen, monitor, store, cert, key, ca }, { files, home }) => {
    const { roleKeys } = await import('../../protocol/role-keys.ts')
    const { serverConfig } = await import('../../protocol/server-config.ts')
    const { cliErrors } = await import('../errors.ts')
    const { name: workspace } = await files()
    const keys = await roleKeys(home, workspace)
    if (Object.keys(keys).length === 0) {
      throw cliErrors.PROV_CLI_NATS_NO_KEYS({ workspace })
    }
    const open = !/^(127\.|localhost:|\[::1\])/.test(listen)
    if (open && (cert === undefined || key === undefined)) {
      throw cliErrors.PROV_CLI_NATS_PLAIN({ listen })
    }
    const tls = cert !== undefined &&
      key !== undefined && { cert, key, ...(ca !== undefined && { ca }) }
    const text = serverConfig({
      workspace,
      keys,
      listen,
      monitor,
      storeDir: store,
      tls: tls || undefined,
    })
    return { config: text }
  },
  render: ({ config }) => config.trimEnd().split('\n'),
})
