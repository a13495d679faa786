/**
 * `prov nats keys`: one nkey per role, made once, kept by the user alone.
 *
 * @module
 */
import { defineCommand } from '../command.ts'
import { table } from '../table.ts'

export const command = defineCommand({
  pattern: 'nats keys',
  describe: 'make the keys with which the roles of this workspace enter a NATS server',
  group: 'Runtime',
  examples: [
    ['prov nats keys', 'makes what is missing, replaces nothing, shows the public keys'],
    ['prov nats keys --dry-run', 'only shows where they would lie'],
  ],
  flags: {},
  writes: true,
  run: async (_flags, { files, home, dryRun }) => {
    const { makeRoleKeys, roleSeedFile } = await import('../../protocol/role-keys.ts')
    const { busRoles } = await import('../../protocol/roles.ts')
    const { root, name } = await files()
    const { ensureHome } = await import('../../config/home.ts')
    if (dryRun) {
      return busRoles.map((role) => ({
        role,
        state: 'not made',
        key: '',
        file: roleSeedFile(home, name, role),
      }))
    }
    return makeRoleKeys(ensureHome(home, root), name)
  },
  render: (rows, paint, format) =>
    table(
      rows.map(({ role, state, key, file }) => [role, state, key, file]),
      { paint, format, head: ['role', '', 'public key', 'seed'] },
    ),
})
