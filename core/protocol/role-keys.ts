/**
 * The nkey of each role, as seed files of mode 600 in the user's own folder, and how one connects
 * with it. A seed never is an argument, a variable or a word in a log.
 *
 *     PROV_HOME/nats/<workspace>/<role>.nk
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NatsBus, NatsBusOptions } from '../bus/nats.ts'
import { configErrors } from '../config/errors.ts'
import type { NatsSettings } from '../config/nats.ts'
import { busRoles, inboxOf } from './roles.ts'
import type { BusRole } from './roles.ts'

/** Where the seed of a role lies, whether it is there or not. */
export function roleSeedFile(home: string, workspace: string, role: BusRole): string {
  return join(home, 'nats', workspace, `${role}.nk`)
}

export interface RoleKey {
  readonly role: BusRole
  /** Public nkey: what a server configuration names. */
  readonly key: string
  readonly file: string
  readonly state: 'made' | 'known'
}

/** Makes the seeds that are missing; a known one is never replaced. */
export async function makeRoleKeys(home: string, workspace: string): Promise<readonly RoleKey[]> {
  const { newUser, publicKeyOf } = await import('../bus/nats.ts')
  mkdirSync(join(home, 'nats', workspace), { recursive: true, mode: 0o700 })
  const made = async (role: BusRole): Promise<RoleKey> => {
    const file = roleSeedFile(home, workspace, role)
    if (existsSync(file))
      return { role, key: await publicKeyOf(seedIn(file)), file, state: 'known' }
    const { seed, key } = await newUser()
    writeFileSync(file, seed, { mode: 0o600, flag: 'wx' })
    return { role, key, file, state: 'made' }
  }
  return Promise.all(busRoles.map(made))
}

/** Public keys of those roles whose seeds are here. */
export async function roleKeys(
  home: string,
  workspace: string,
): Promise<Readonly<Partial<Record<BusRole, string>>>> {
  const { publicKeyOf } = await import('../bus/nats.ts')
  const keys: Partial<Record<BusRole, string>> = {}
  for (const role of busRoles) {
    const file = roleSeedFile(home, workspace, role)
    if (existsSync(file)) keys[role] = await publicKeyOf(seedIn(file))
  }
  return keys
}

export interface RoleConnection extends Partial<NatsBusOptions> {
  readonly settings: NatsSettings
  readonly home: string
  readonly workspace: string
  /** Default: whoever the settings' own seed is, or nobody in particular. */
  readonly role?: BusRole | undefined
}

/**
 * Connects as a role, with its own seed and inbox. Throws PROV_CONFIG_NATS_SEED when the role has no
 * seed here, and what `natsBus` throws.
 */
export async function connectAs(options: RoleConnection): Promise<NatsBus> {
  const { settings, home, workspace, role, ...rest } = options
  const { natsBus } = await import('../bus/nats.ts')
  const nkeySeed = seedFor(options)
  // Answers to a role come to its own inbox only, also when its seed was named by the settings.
  const who = role ?? (nkeySeed && (await roleOf(nkeySeed, home, workspace)))
  return natsBus({
    servers: settings.url.split(',').map((one) => one.trim()),
    name: `prov ${workspace}${role === undefined ? '' : ` ${role}`}`,
    nkeySeed,
    inboxPrefix: who && inboxOf(who, workspace),
    tls: settings.tls,
    ...rest,
  })
}

/** Who one enters as, for people who have to allow it on a server; undefined without a seed. */
export async function entrant(options: RoleConnection): Promise<string | undefined> {
  const { home, workspace, role } = options
  const nkeySeed = seedFor(options)
  if (!nkeySeed) return undefined
  const { publicKeyOf } = await import('../bus/nats.ts')
  const who = role ?? (await roleOf(nkeySeed, home, workspace))
  return `${who === undefined ? 'the user' : `the role ${who},`} ${await publicKeyOf(nkeySeed)}`
}

const seedFor = ({ settings, home, workspace, role }: RoleConnection): Uint8Array | undefined =>
  role === undefined ? settings.seed() : seedIn(roleSeedFile(home, workspace, role))

/** The role whose key here is the same, if any. */
async function roleOf(
  seed: Uint8Array,
  home: string,
  workspace: string,
): Promise<BusRole | undefined> {
  const { publicKeyOf } = await import('../bus/nats.ts')
  const [key, keys] = [await publicKeyOf(seed), await roleKeys(home, workspace)]
  return busRoles.find((role) => keys[role] === key)
}

function seedIn(file: string): Uint8Array {
  const stat = statSync(file, { throwIfNoEntry: false })
  const refuse = (what: string) => configErrors.PROV_CONFIG_NATS_SEED({ from: file, what })
  if (!stat) throw refuse('the file does not exist')
  if ((stat.mode & 0o077) !== 0 && process.platform !== 'win32') {
    throw refuse(`other users can read it (mode ${(stat.mode & 0o777).toString(8)})`)
  }
  return Buffer.from(readFileSync(file, 'utf8').trim())
}
