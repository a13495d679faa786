/**
 * The settings `nats_events`: whether and where events leave this machine. Three layers, the later
 * one wins by setting, and every value knows where it comes from:
 *
 *     defaults ◀─ PROV_HOME/config.ncl ◀─ <workspace>/.ontoref/config.ncl ◀─ NATS_URL, NATS_NKEY_SEED
 *
 * The seed of the nkey is a secret: it comes from the environment, from a file of mode 600 or from
 * the user's own config, never from a workspace, and leaves this object only by `seed()`.
 *
 * @module
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { isPattern } from '../bus/subjects.ts'
import { parseDuration } from '../units.ts'
import type { Millis } from '../units.ts'
import { configErrors } from './errors.ts'
import type { Environment } from './home.ts'
import type { WorkspaceFiles } from './workspace.ts'

export interface NatsTls {
  /** Certificates of who may sign for the server. Default: those of the machine. */
  readonly ca?: string
  /** Own certificate and its key, where the server asks for one. */
  readonly cert?: string
  readonly key?: string
}

export interface NatsSettings {
  /** Default false: events stay in the journal of this workspace. */
  readonly enabled: boolean
  /**
   * Default false: the planes of a workspace meet in its journal and need no server. True: they meet on
   * this one, also when all of them live in one process.
   */
  readonly planes: boolean
  /**
   * How long who runs a plane is believed to without a word from it; it renews that at a third. Default
   * `15s`, `3s` to `10m`. Shorter: a standby takes over sooner, and a pause of that length costs the place.
   */
  readonly leadershipMs: Millis
  /** Servers, split at commas. Default `nats://127.0.0.1:4222`. Bears no credentials. */
  readonly url: string
  /** Subjects that leave this workspace. Default: its own and those of its people and daemon. */
  readonly emit: readonly string[]
  /** Subjects of others that come in. Default none. */
  readonly subscribe: readonly string[]
  /** Absolute path of a topology instead of the bundled one. */
  readonly streamsConfig: string | undefined
  readonly tls: NatsTls | undefined
  /** Where the server tells about itself. Default: port 8222 of the host; asked on loopback only. */
  readonly monitor: string | undefined
  /** Where each setting that was given comes from: a file or a variable. */
  readonly from: Readonly<Record<string, string>>
  /** The seed, when there is one. Never logged, never in `JSON.stringify` of this. */
  seed(): Uint8Array | undefined
}

export interface NatsPlace {
  /** Absent outside of a workspace. */
  readonly files?: WorkspaceFiles | undefined
  readonly home: string
  readonly env: Environment
}

type Raw = Readonly<Record<string, unknown>>

const known = [
  'enabled',
  'planes',
  'leadership',
  'url',
  'nkey_seed',
  'nkey_seed_file',
  'emit',
  'subscribe',
  'streams_config',
  'tls',
  'monitor_url',
] as const

/** A turn to the server and back, three times over, must fit into what is left before its end. */
const shortestLeadershipMs: Millis = 3_000
/** A place that nobody may take for longer than this is no place to wait for. */
const longestLeadershipMs: Millis = 600_000

/** The project's file; the mission's documents name it. */
export const projectConfig = '.ontoref/config.ncl'

/**
 * What holds here. Throws PROV_CONFIG_NATS_INVALID, PROV_CONFIG_NATS_SEED, and PROV_NCL_* for a file
 * that does not evaluate.
 */
export async function natsSettings(place: NatsPlace): Promise<NatsSettings> {
  const { files, home } = place
  const layers = await natsLayers(place)
  const from: Record<string, string> = {}
  const values: Record<string, unknown> = {}
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer.values)) {
      if (value === null || value === undefined) continue
      values[name] = value
      from[name] = layer.from
    }
  }
  const wrong = (setting: string, what: string) =>
    configErrors.PROV_CONFIG_NATS_INVALID({ from: from[setting] ?? 'defaults', setting, what })
  const patterns = (setting: string, otherwise: readonly string[]): readonly string[] => {
    const value = values[setting] ?? otherwise
    const good =
      Array.isArray(value) && value.every((one) => typeof one === 'string' && isPattern(one))
    if (!good) throw wrong(setting, 'is not a list of subjects such as "ecosystem.acme.>"')
    return value as readonly string[]
  }
  const flag = (setting: string): boolean => {
    const value = values[setting] ?? false
    if (typeof value !== 'boolean') throw wrong(setting, 'is neither true nor false')
    return value
  }
  const enabled = flag('enabled')
  const planes = flag('planes')
  const leadership = values['leadership'] ?? '15s'
  const leadershipMs = typeof leadership === 'string' ? parseDuration(leadership) : undefined
  if (
    leadershipMs === undefined ||
    leadershipMs < shortestLeadershipMs ||
    leadershipMs > longestLeadershipMs
  ) {
    throw wrong('leadership', 'is not a length of time from "3s" to "10m"')
  }
  const url = values['url'] ?? 'nats://127.0.0.1:4222'
  if (typeof url !== 'string' || !url.split(',').every(isServer)) {
    throw wrong('url', 'is not nats://host:port or tls://host:port without a user and a password')
  }
  const own = files?.name
  const path = (setting: string): string | undefined => {
    const value = values[setting]
    if (value === undefined) return undefined
    if (typeof value !== 'string') throw wrong(setting, 'is not a path')
    const base = from[setting] === join(home, 'config.ncl') ? home : (files?.root ?? home)
    return isAbsolute(value) ? value : resolve(base, value)
  }
  const monitor = values['monitor_url']
  if (monitor !== undefined && (typeof monitor !== 'string' || !/^https?:\/\//.test(monitor))) {
    throw wrong('monitor_url', 'is not an http address')
  }
  const globalTopology = join(home, 'streams.json')
  const seed = seedOf(values, from, path('nkey_seed_file'))
  return {
    enabled,
    planes,
    leadershipMs,
    url,
    emit: patterns('emit', [
      ...(own === undefined ? [] : [`ecosystem.${own}.>`]),
      'ecosystem.actor.>',
      'ecosystem.daemon.>',
      'ecosystem.ontoref.>',
    ]),
    subscribe: patterns('subscribe', []),
    streamsConfig:
      path('streams_config') ?? (existsSync(globalTopology) ? globalTopology : undefined),
    tls: tlsOf(values['tls'], (what) => wrong('tls', what), files?.root ?? home),
    monitor: monitor as string | undefined,
    from,
    seed: () => seed,
  }
}

/** One layer: what it says about `nats_events` and its name for people. */
export interface NatsLayer {
  readonly from: string
  readonly values: Raw
}

/** The layers as they are, first to last: `prov doctor` compares them. */
export async function natsLayers({ files, home, env }: NatsPlace): Promise<readonly NatsLayer[]> {
  const layers: NatsLayer[] = []
  const global = join(home, 'config.ncl')
  if (existsSync(global)) {
    const { evaluateFile } = await import('./evaluate.ts')
    const { value } = await evaluateFile(global, { workspace: home, roots: [], env })
    layers.push(layerOf(value, global))
    if ('nkey_seed' in (layers.at(-1) as NatsLayer).values) demandOwn(global)
  }
  if (files?.has(projectConfig)) {
    const layer = layerOf(await files.evaluate(projectConfig), projectConfig)
    if (typeof layer.values['nkey_seed'] === 'string') {
      const what = 'a workspace is copied and committed, a seed must not be'
      throw configErrors.PROV_CONFIG_NATS_SEED({ from: projectConfig, what })
    }
    layers.push(layer)
  }
  const variables = {
    url: ['NATS_URL', env['NATS_URL']],
    nkey_seed: ['NATS_NKEY_SEED', env['NATS_NKEY_SEED']],
    nkey_seed_file: ['NATS_NKEY_SEED_FILE', env['NATS_NKEY_SEED_FILE']],
  } as const
  for (const [name, [variable, value]] of Object.entries(variables)) {
    if (value) layers.push({ from: variable, values: { [name]: value } })
  }
  return layers
}

function layerOf(value: unknown, from: string): NatsLayer {
  const raw: unknown = (Object(value) as Raw)['nats_events'] ?? {}
  const wrong = (setting: string, what: string) =>
    configErrors.PROV_CONFIG_NATS_INVALID({ from, setting, what })
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw configErrors.PROV_CONFIG_NATS_INVALID({ from, setting: '*', what: 'is not a record' })
  }
  for (const name of Object.keys(raw)) {
    if (!(known as readonly string[]).includes(name)) {
      throw wrong(name, `is not known; there are ${known.join(', ')}`)
    }
  }
  return { from, values: raw as Raw }
}

function isServer(text: string): boolean {
  try {
    const url = new URL(text.includes('://') ? text.trim() : `nats://${text.trim()}`)
    const scheme = /^(nats|tls):$/.test(url.protocol)
    return scheme && url.hostname !== '' && url.username === '' && url.password === ''
  } catch {
    return false
  }
}

function seedOf(
  values: Raw,
  from: Readonly<Record<string, string>>,
  file: string | undefined,
): Uint8Array | undefined {
  const direct = values['nkey_seed']
  if (direct !== undefined) {
    const where = from['nkey_seed'] ?? 'nkey_seed'
    if (typeof direct !== 'string') {
      throw configErrors.PROV_CONFIG_NATS_SEED({ from: where, what: 'it is not a text' })
    }
    return checkSeed(direct, where)
  }
  if (file === undefined) return undefined
  demandOwn(file)
  return checkSeed(readFileSync(file, 'utf8'), file)
}

/** A file that bears a secret is its owner's alone. */
function demandOwn(file: string): void {
  const stat = statSync(file, { throwIfNoEntry: false })
  const refuse = (what: string) => configErrors.PROV_CONFIG_NATS_SEED({ from: file, what })
  if (!stat) throw refuse('the file does not exist')
  if ((stat.mode & 0o077) !== 0 && process.platform !== 'win32') {
    throw refuse(`other users can read it (mode ${(stat.mode & 0o777).toString(8)})`)
  }
}

const kinds: Readonly<Record<string, string>> = {
  SA: 'it is the seed of an account',
  SO: 'it is the seed of an operator',
  UD: 'it looks like the public key of a user',
  ey: 'it looks like a JWT',
}

/** The seed of a user, as text of 58 characters. What is wrong is said without it. */
function checkSeed(text: string, from: string): Uint8Array {
  const seed = text.trim()
  const refuse = (what: string) => configErrors.PROV_CONFIG_NATS_SEED({ from, what })
  if (seed === '') throw refuse('it is empty')
  if (/\s/.test(seed)) throw refuse('it has several lines; the public key does not belong there')
  if (seed.startsWith('U')) throw refuse(kinds['UD'] as string)
  const kind = kinds[seed.slice(0, 2)]
  if (kind !== undefined) throw refuse(kind)
  if (!/^SU[A-Z2-7]{56}$/.test(seed) || !hasChecksum(seed)) {
    throw refuse(
      'it is not the whole seed of a user: SU and 56 characters, the last of them a check',
    )
  }
  return Buffer.from(seed)
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** CRC-16 (XMODEM) of all but the last two bytes, little endian in those: what nkeys end with. */
function hasChecksum(seed: string): boolean {
  const bytes: number[] = []
  let bits = 0
  let held = 0
  for (const letter of seed) {
    held = ((held << 5) | alphabet.indexOf(letter)) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 0xff)
  }
  let crc = 0
  for (const byte of bytes.slice(0, -2)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff
  }
  const [low = 0, high = 0] = bytes.slice(-2)
  return crc === (low | (high << 8))
}

function tlsOf(value: unknown, wrong: (what: string) => Error, base: string): NatsTls | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null) throw wrong('is not a record')
  const tls: Record<string, string> = {}
  for (const [name, path] of Object.entries(value)) {
    if (!['ca', 'cert', 'key'].includes(name) || typeof path !== 'string') {
      throw wrong(`has ${name}, which is not one of ca, cert, key with the path of a file`)
    }
    const file = isAbsolute(path) ? path : resolve(base, path)
    if (!existsSync(file)) throw wrong(`names ${file}, which does not exist`)
    if (name === 'key') demandOwn(file)
    tls[name] = file
  }
  return tls
}
