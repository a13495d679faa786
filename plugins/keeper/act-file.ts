/**
 * An act about keys as a file: drafted where the workspace is, carried to whoever must sign it, signed
 * without a workspace or a network, carried back. What is signed is in it in full; a signature is of
 * everything, so a file that was changed on its way is worth nothing.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { digestOf, keyActs, parseKeyRecord, parseKeyRule, ruleWords, signToken } from 'prov'
import type { ActName, Clock, JsonObject, JsonValue, Signer } from 'prov'
import { actorErrors } from './commands/errors.ts'

export interface ActFile {
  readonly workspace: string
  /** Journal id: the audience. */
  readonly journal: string
  readonly act: ActName
  readonly subject: string
  readonly reason: string
  /** With the version of the key set in `keys`. */
  readonly with: JsonObject
  /** Compact tokens. */
  readonly signatures: readonly string[]
}

/** As long as an act may live: it is carried about. */
const lifeSeconds = 7 * 24 * 3_600
const mostBytes = 262_144
const fields = ['prov', 'workspace', 'journal', 'act', 'subject', 'reason', 'with', 'signatures']

export function actText(file: ActFile): string {
  return `${JSON.stringify({ prov: 'act/1', ...file }, null, 2)}\n`
}

/** Throws PROV_KEY_ACT_FILE. */
export function parseActFile(text: string, file: string): ActFile {
  const refuse = (what: string) =>
    actorErrors.PROV_KEY_ACT_FILE({ file, what }, { place: { file } })
  if (text.length > mostBytes) throw refuse('it is larger than any act')
  let raw: JsonValue
  try {
    raw = JSON.parse(text) as JsonValue
  } catch {
    throw refuse('it is not JSON')
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw refuse('it is no object')
  const { prov, act, with: given, signatures, ...texts } = raw as JsonObject
  if (prov !== 'act/1') throw refuse('it does not say `"prov": "act/1"`')
  const unknown = Object.keys(raw).find((name) => !fields.includes(name))
  if (unknown !== undefined) throw refuse(`no act has a field \`${unknown}\``)
  for (const name of ['workspace', 'journal', 'subject', 'reason']) {
    if (typeof texts[name] !== 'string') throw refuse(`\`${name}\` is no text`)
  }
  if (!keyActs.has(act as ActName)) throw refuse('`act` is none about keys')
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw refuse('`with` is no object')
  }
  if (!Number.isSafeInteger((given as JsonObject)['keys'])) {
    throw refuse('`with.keys` is no version of a key set')
  }
  const tokens = signatures as readonly JsonValue[] | undefined
  if (!Array.isArray(tokens) || !tokens.every((one) => typeof one === 'string')) {
    throw refuse('`signatures` is no list of texts')
  }
  const read = raw as unknown as ActFile
  if (!tokens.every((token) => saysTheSame(read, token as string))) {
    throw refuse('a signature in it is of something else than it says')
  }
  return read
}

/** Whoever signs next, or applies it, reads the file: it must say what was signed before. */
function saysTheSame(
  { prov: _, signatures: __, ...said }: ActFile & { prov?: string },
  token: string,
) {
  const { sub, aud, workspace, act, reason, with: given } = claimsIn(token)
  const { subject, journal, ...rest } = said
  const mine = { sub: subject, aud: journal, ...rest } as unknown as JsonObject
  return (
    digestOf(mine) === digestOf({ sub, aud, workspace, act, reason, with: given } as JsonObject)
  )
}

/** What a token claims, unchecked; nulls for what is no token. */
function claimsIn(token: string): Readonly<Record<string, JsonValue>> {
  const none = { sub: null, aud: null, workspace: null, act: null, reason: null, with: null }
  try {
    const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')
    return { ...none, ...(JSON.parse(text) as JsonObject) }
  } catch {
    return none
  }
}

/** Adds a signature over everything that the file says. */
export async function signedBy(file: ActFile, signer: Signer, clock: Clock): Promise<ActFile> {
  const { workspace, journal, act, subject, reason, with: given, signatures } = file
  const iat = Math.floor(clock.now() / 1_000)
  const claims = {
    iss: signer.record.kid,
    sub: subject,
    aud: journal,
    jti: `offline.${randomUUID()}`,
    iat,
    exp: iat + lifeSeconds,
    workspace,
    act,
    reason,
    with: given,
  }
  const token = await signToken('act', claims, signer)
  return { ...file, signatures: [...signatures, token] }
}

/** What a person puts their name to, in words: they may see nothing else of it. */
export function actWords({
  workspace,
  act,
  subject,
  reason,
  with: given,
}: ActFile): readonly string[] {
  const { keys, ...rest } = given
  const place = `workspace ${workspace}, key set ${String(keys)}`
  const because = reason === '' ? [] : [`because: ${reason}`]
  return [...aboutWords(act, subject, rest), ...because, place]
}

function aboutWords(act: ActName, subject: string, about: JsonObject): readonly string[] {
  if (act === 'actor.revoke') return [`the key ${String(about['kid'])} of ${subject} is revoked`]
  if (act === 'keys.govern') {
    const rule = parseKeyRule(about)
    if (typeof rule === 'string') return [`a rule for keys that is none: ${rule}`]
    const roots = rule.roots.map(({ kid }) => `root key ${kid}`)
    return [`from here on changes of keys are ${ruleWords(rule)}`, ...roots]
  }
  const record = parseKeyRecord(about)
  if (!record) return [`a key of ${subject} that is none`]
  const { kid, kind, actor, groups = [], person } = record
  if (act === 'keeper.rotate' || act === 'plane.rotate') {
    return [`the key ${kid} of the ${subject} follows ${String(about['from'])}`]
  }
  const whose = person === undefined ? '' : `, of the person ${person}`
  const of = groups.length === 0 ? 'of no group' : `of ${groups.join(', ')}`
  return [`${actor} (${kind}${whose}) is enrolled with the key ${kid}, ${of}`]
}
