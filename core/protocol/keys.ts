/**
 * The private halves: making them, sealing them at rest, keeping them in files outside every
 * workspace. tweetnacl makes the pairs and seals them (cold paths: it is a hundred times slower
 * than node:crypto, which does the signing); this is its only importer, and it loads it lazily.
 *
 *     <home>/keys/alice.json                     a person or an agent
 *     <home>/keys/services/<journal>/keeper.json        a plane of one workspace, never sealed
 *     <home>/keys/services/<journal>/keeper.next.json   the one that is to follow it
 *
 * A passphrase may be empty: the file then says `"seal": null`, and whoever reads it can sign.
 *
 * @module
 */
import { createHash, randomUUID, scrypt } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { defined } from '../optional.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { keyErrors } from './errors.ts'
import { actorNamePattern, isReservedName, parseKeyRecord, signerOf, thumbprint } from './key.ts'
import type { ActorKind, KeyRecord, Signer } from './key.ts'

/** Keys of this user on this machine. Handed to planes that sign; never to a guest. */
export interface KeyStore {
  /** Makes a key and its file (mode 0600). Throws PROV_KEY_NAME_INVALID, PROV_KEY_EXISTS. */
  create(request: {
    readonly actor: string
    readonly kind: 'human' | 'agent'
    /** Empty leaves the file unsealed. */
    readonly passphrase: string
  }): Promise<KeyRecord>
  /** Own people's and agents' keys by name, sorted, with whether their file is sealed. */
  list(): Promise<readonly (KeyRecord & { readonly sealed: boolean })[]>
  /**
   * Unlocks a key of one's own; without a name the only human one. Asks for the passphrase when
   * sealed. Throws PROV_KEY_ABSENT, PROV_KEY_AMBIGUOUS, PROV_KEY_SEALED, PROV_KEY_FILE_*.
   */
  signer(actor?: string): Promise<Signer>
  /**
   * The key of a plane of one journal, made at first use; with `make: false` only what is there.
   * Throws PROV_KEY_ABSENT then.
   */
  service(journal: string, role: string, options?: { readonly make: boolean }): Promise<Signer>
  /** The key that is to follow a plane's own, beside it; made when there is none yet, as `service`. */
  next(journal: string, role: string, options?: { readonly make: boolean }): Promise<Signer>
  /** Puts the next key in the place of the plane's own, whose private half is gone then. */
  follow(journal: string, role: string): Promise<void>
}

export interface KeyStoreOptions {
  /** Folder outside every workspace, such as PROV_HOME. Its `keys` folder is made, mode 0700. */
  readonly home: string
  readonly clock: Clock
  /** Asked once per sealed key; undefined when nobody can be asked. Default: nobody. */
  readonly passphrase?: ((actor: string) => Promise<string | undefined>) | undefined
  /** Who could open the files. Default: this user on this machine. */
  readonly custody?: string | undefined
}

interface Seal {
  readonly kdf: 'scrypt'
  readonly cost: number
  readonly salt: string
  readonly nonce: string
}

interface KeyFile {
  readonly record: KeyRecord
  readonly seal: Seal | null
  /** Seed, or the sealed box around it; base64url. */
  readonly secret: string
}

/** About a tenth of a second on a laptop. */
const scryptCost = 32_768

/** The same for all keys of one user on one machine, and says neither who nor where. */
export function localCustody(): string {
  let machine = hostname()
  try {
    machine = readFileSync('/etc/machine-id', 'utf8').trim() || machine
  } catch {
    // Not every system has one; the host name is all that is left to tell machines apart.
  }
  const { uid, username } = userInfo()
  const text = `prov custody\n${machine}\n${uid}\n${username}`
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}

/** Opens the store; touches no file until it is asked for something. */
export function openKeyStore(options: KeyStoreOptions): KeyStore {
  const { home, clock } = options
  const dir = join(home, 'keys')
  const custody = options.custody ?? localCustody()
  const unlocked = new Map<string, Promise<Signer>>()
  /** Marks of the files that unlocked signers came from: a key that is asked for often is not read again. */
  const unchanged = new Map<string, string>()

  async function make(
    file: string,
    holder: { actor: string; kind: ActorKind; role?: string },
    passphrase: string,
  ): Promise<Signer> {
    return makeKeyFile(file, holder, { passphrase, clock, custody })
  }

  async function all(): Promise<readonly KeyFile[]> {
    let names: string[]
    try {
      names = await readdir(dir)
    } catch {
      return []
    }
    const files = names.filter((name) => name.endsWith('.json')).sort()
    return Promise.all(files.map((name) => readKeyFile(join(dir, name))))
  }

  const unlock = (file: KeyFile): Promise<Signer> => opened(file, options.passphrase)

  /** One unlocking per key and process; a wrong passphrase may be tried again. */
  function once(name: string, start: () => Promise<Signer>): Promise<Signer> {
    const known = unlocked.get(name)
    if (known) return known
    const coming = start()
    unlocked.set(name, coming)
    coming.catch(() => unlocked.delete(name))
    return coming
  }

  return {
    async create({ actor, kind, passphrase }) {
      if (!actorNamePattern.test(actor) || isReservedName(actor)) {
        throw keyErrors.PROV_KEY_NAME_INVALID({ actor })
      }
      return (await make(join(dir, `${actor}.json`), { actor, kind }, passphrase)).record
    },
    async list() {
      return (await all()).map(({ record, seal }) => ({ ...record, sealed: seal !== null }))
    },
    async signer(actor) {
      const own = actor !== undefined && unlocked.get(actor)
      if (own && unchanged.get(actor) === markOf(join(dir, `${actor}.json`))) return own
      const files = await all()
      const known = files.map(({ record }) => record.actor)
      if (actor === undefined) {
        const people = files.filter(({ record }) => record.kind === 'human')
        if (people.length > 1) {
          throw keyErrors.PROV_KEY_AMBIGUOUS({ known: people.map(({ record }) => record.actor) })
        }
        if (!people[0]) throw keyErrors.PROV_KEY_ABSENT({ actor: 'a person', known })
        return once(people[0].record.actor, () => unlock(people[0] as KeyFile))
      }
      const file = files.find(({ record }) => record.actor === actor)
      if (!file) throw keyErrors.PROV_KEY_ABSENT({ actor, known })
      const mark = markOf(join(dir, `${actor}.json`))
      const signer = await once(actor, () => unlock(file))
      if (mark !== undefined) unchanged.set(actor, mark)
      return signer
    },
    service: (journal, role, options) => plane(journal, role, role, options),
    next: (journal, role, options) => plane(journal, role, `${role}.next`, options),
    async follow(journal, role) {
      await rename(serviceFile(home, journal, `${role}.next`), serviceFile(home, journal, role))
      const next = unlocked.get(`${journal}/${role}.next`)
      unlocked.delete(`${journal}/${role}.next`)
      if (next) unlocked.set(`${journal}/${role}`, next)
      else unlocked.delete(`${journal}/${role}`)
    },
  }

  function plane(
    journal: string,
    role: string,
    name: string,
    { make: may }: { readonly make: boolean } = { make: true },
  ): Promise<Signer> {
    return once(`${journal}/${name}`, async () => {
      const file = serviceFile(home, journal, name)
      const found = await readKeyFile(file).catch((thrown: NodeJS.ErrnoException) => {
        if (thrown.code === 'ENOENT') return undefined
        throw thrown
      })
      if (found) return unlock(found)
      if (!may) throw keyErrors.PROV_KEY_ABSENT({ actor: `service-${role}`, known: [] })
      return make(file, { actor: `service-${role}`, kind: 'service', role }, '')
    })
  }
}

/** Makes a key and its file, mode 0600, wherever that is. Throws PROV_KEY_EXISTS. */
export async function makeKeyFile(
  file: string,
  holder: { readonly actor: string; readonly kind: ActorKind; readonly role?: string },
  options: {
    /** Empty leaves it unsealed. */
    readonly passphrase: string
    readonly clock: Clock
    /** Who could open it. Default: this user on this machine. */
    readonly custody?: string
  },
): Promise<Signer> {
  const { passphrase, clock, custody = localCustody() } = options
  const { default: nacl } = await import('tweetnacl')
  const pair = nacl.sign.keyPair()
  const seed = pair.secretKey.slice(0, 32)
  const publicKey = {
    kty: 'OKP',
    crv: 'Ed25519',
    x: Buffer.from(pair.publicKey).toString('base64url'),
  } as const
  const createdAt = new Date(clock.now()).toISOString()
  const kid = thumbprint(publicKey)
  const record: KeyRecord = { kid, ...holder, alg: 'Ed25519', publicKey, createdAt, custody }
  await keep(file, { record, ...(await sealed(seed, passphrase)) })
  return signerOf(record, seed)
}

/** Unlocks the key in a file. Throws PROV_KEY_SEALED, PROV_KEY_FILE_*; ENOENT passes through. */
export async function openKeyFile(
  file: string,
  passphrase?: KeyStoreOptions['passphrase'],
): Promise<Signer> {
  return opened(await readKeyFile(file), passphrase)
}

async function opened(file: KeyFile, ask: KeyStoreOptions['passphrase']): Promise<Signer> {
  const { actor } = file.record
  const passphrase = file.seal === null ? '' : await ask?.(actor)
  const seed = passphrase === undefined ? undefined : await unsealed(file, passphrase)
  if (!seed) throw keyErrors.PROV_KEY_SEALED({ actor })
  return signerOf(file.record, seed)
}

const serviceFile = (home: string, journal: string, role: string): string =>
  join(home, 'keys', 'services', journal, `${role}.json`)

/** A plane's key as a key file under a passphrase, to be carried elsewhere; undefined when it is not here. */
export async function sealedServiceKey(
  home: string,
  journal: string,
  role: string,
  passphrase: string,
): Promise<JsonObject | undefined> {
  const file = serviceFile(home, journal, role)
  if (statSync(file, { throwIfNoEntry: false }) === undefined) return undefined
  const { record, secret } = await readKeyFile(file)
  const content = { record, ...(await sealed(Buffer.from(secret, 'base64url'), passphrase)) }
  return { version: 1, ...content } as unknown as JsonObject
}

/** Keeps a carried key for its plane; false when the passphrase does not open it. */
export async function putServiceKey(
  home: string,
  journal: string,
  carried: JsonValue,
  passphrase: string,
): Promise<boolean> {
  const content = keyFileOf(JSON.stringify(carried), 'the bundle')
  const seed = await unsealed(content, passphrase)
  if (!seed) return false
  const { record } = content
  const file = serviceFile(home, journal, record.role ?? 'none')
  if (statSync(file, { throwIfNoEntry: false }) === undefined) {
    await keep(file, { record, ...(await sealed(seed, '')) })
  }
  return true
}

/** Removes a plane's key; nothing when there is none. */
export async function dropServiceKey(home: string, journal: string, role: string): Promise<void> {
  await rm(serviceFile(home, journal, role), { force: true })
}

/** What changes when a file is another one or was written to; undefined when there is none. */
function markOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat && `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`
}

async function sealed(
  seed: Uint8Array,
  passphrase: string,
): Promise<{ readonly seal: Seal | null; readonly secret: string }> {
  if (passphrase === '') return { seal: null, secret: Buffer.from(seed).toString('base64url') }
  const { default: nacl } = await import('tweetnacl')
  const salt = nacl.randomBytes(16)
  const nonce = nacl.randomBytes(nacl.secretbox.nonceLength)
  const box = nacl.secretbox(seed, nonce, await stretched(passphrase, salt, scryptCost))
  return {
    seal: {
      kdf: 'scrypt',
      cost: scryptCost,
      salt: Buffer.from(salt).toString('base64url'),
      nonce: Buffer.from(nonce).toString('base64url'),
    },
    secret: Buffer.from(box).toString('base64url'),
  }
}

async function unsealed(file: KeyFile, passphrase: string): Promise<Uint8Array | undefined> {
  const secret = Buffer.from(file.secret, 'base64url')
  if (file.seal === null) return secret
  const { default: nacl } = await import('tweetnacl')
  const key = await stretched(passphrase, Buffer.from(file.seal.salt, 'base64url'), file.seal.cost)
  const nonce = new Uint8Array(Buffer.from(file.seal.nonce, 'base64url'))
  return nacl.secretbox.open(new Uint8Array(secret), nonce, key) ?? undefined
}

function stretched(passphrase: string, salt: Uint8Array, cost: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(
      passphrase.normalize('NFC'),
      salt,
      32,
      { N: cost, r: 8, p: 1, maxmem: 256 * cost * 8 },
      (error, key) => (error ? reject(error) : resolve(new Uint8Array(key))),
    )
  })
}

/** Writes the file whole or not at all; linking it to its name never replaces a key. */
async function keep(file: string, content: KeyFile): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true, mode: 0o700 })
  const { record, seal, secret } = content
  const temporary = `${file}.${randomUUID()}.new`
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify({ version: 1, record, seal, secret }, null, 2)}\n`)
    await handle.sync()
    await link(temporary, file)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown
    throw keyErrors.PROV_KEY_EXISTS({ actor: record.actor, file })
  } finally {
    await handle.close()
    await unlink(temporary)
  }
}

/** Throws PROV_KEY_FILE_OPEN, PROV_KEY_FILE_INVALID; ENOENT passes through. */
async function readKeyFile(file: string): Promise<KeyFile> {
  const { mode } = await stat(file)
  if ((mode & 0o077) !== 0) {
    throw keyErrors.PROV_KEY_FILE_OPEN({ file, mode: (mode & 0o777).toString(8) })
  }
  return keyFileOf(await readFile(file, 'utf8'), file)
}

/** Throws PROV_KEY_FILE_INVALID. */
function keyFileOf(text: string, file: string): KeyFile {
  const refuse = (what: string, cause?: unknown) =>
    keyErrors.PROV_KEY_FILE_INVALID({ file, what }, { place: { file }, cause })
  let raw: JsonValue
  try {
    raw = JSON.parse(text) as JsonValue
  } catch {
    // The parser's message may quote the file, and the file is a secret: no cause.
    throw refuse('it is not JSON')
  }
  const content = (typeof raw === 'object' && !Array.isArray(raw) ? raw : null) as JsonObject | null
  if (content?.['version'] !== 1) throw refuse('it has no version that is known here')
  const record = parseKeyRecord(content['record'])
  if (!record) throw refuse('its record is incomplete, or its name is not its thumbprint')
  const secret = content['secret']
  if (typeof secret !== 'string') throw refuse('it has no secret')
  const seal = content['seal']
  if (seal === null) return { record, seal: null, secret }
  const { kdf, cost, salt, nonce } = defined(seal as JsonObject) as Record<string, JsonValue>
  const costly = typeof cost === 'number' && cost >= 1_024 && cost <= 1_048_576
  if (kdf !== 'scrypt' || !costly || typeof salt !== 'string' || typeof nonce !== 'string') {
    throw refuse('its seal is not one that is known here')
  }
  return { record, seal: { kdf, cost, salt, nonce }, secret }
}
