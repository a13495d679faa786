/**
 * The contract of one workspace, live: who is trusted, where each plane's trail ends, what the
 * events add up to, what still has to go out. Opened once over the journal, handed to the planes as
 * one service; whatever it holds is a projection and comes back with the journal.
 *
 *     checkpoint, then the journal behind it ──▶ keyring, chain ends, ops store, unsent messages
 *        └──────follow─────▶ the same, event by event, after each became durable
 *
 * @module
 */
import type { Bus } from '../bus/bus.ts'
import type { Clock } from '../clock.ts'
import { asProvError, ProvError } from '../errors.ts'
import { diskFiles } from '../journal/files.ts'
import type { Journal, JournalEntry } from '../journal/journal.ts'
import type { Log } from '../log.ts'
import type { Count, Millis } from '../units.ts'
import { isAudit } from './audit.ts'
import type { AuditEvent, AuditType, Emitter } from './audit.ts'
import { bodyIn, checkpointName, ContractFold, shelvesIn } from './checkpoint.ts'
import { actClaims } from './drafts.ts'
import { auditEmitter } from './emitter.ts'
import type { AuditDraft, AuditEmitter } from './emitter.ts'
import { keyErrors, tokenErrors } from './errors.ts'
import type { FollowOptions } from './follow.ts'
import { followKept } from './follow-kept.ts'
import { hear } from './hear.ts'
import { resendHops } from './hops.ts'
import { keepEvery, keeping, sweepShelves } from './keeping.ts'
import type { KeyRecord, Signer } from './key.ts'
import { parseKeyRecord, personOf } from './key.ts'
import { genesis, isSame, recordJson, rotationAct } from './keyring.ts'
import type { Keyring } from './keyring.ts'
import { keyActs, parseKeyRule, signerName } from './key-rule.ts'
import type { KeyRule } from './key-rule.ts'
import { defined } from '../optional.ts'
import type { KeyStore } from './keys.ts'
import type { ActName } from './op.ts'
import { KeptEvents } from './kept-events.ts'
import { handingsOf, joinedOf, planeKeys, planeNames } from './planes.ts'
import type { PlaneName } from './planes.ts'
import { planeErrors } from './plane-errors.ts'
import type { Office } from './office.ts'
import { Outbox, outboxItem } from './outbox.ts'
import type { OutboxItem } from './outbox.ts'
import type { AuditTrail } from './services.ts'
import { opsStore } from './store.ts'
import type { OpsStore } from './store.ts'
import { streamConfigs, streamOfHop } from './subjects.ts'
import { Standing, witness } from './standing.ts'
import { TakenActs } from './replay.ts'
import { openAct, payloadOf } from './signatures.ts'
import type { SignedAct } from './signatures.ts'
import { peekToken, signToken } from './tokens.ts'
import { writeShelf } from './shelf.ts'
import { auditEvents } from './trail.ts'
import type { TokenContext } from './tokens.ts'
import type { JsonObject } from '../json.ts'

/** Roles that have a key of their own; the first four emit. */
export const serviceRoles = ['keeper', 'submitter', 'controller', 'orchestrator', 'ledger'] as const
export type ServiceRole = (typeof serviceRoles)[number]
/** Those whose chain says which key signs from where on. The ledger's signs commits, not events. */
const rotating = ['keeper', 'submitter', 'controller', 'orchestrator'] as const

export interface Contract extends AuditTrail {
  readonly workspace: string
  /** Journal id: the audience of every token. */
  readonly journal: string
  /** Writer epoch of the journal; part of every event's id. */
  readonly epoch: Count
  /** Planes that live in this process. */
  readonly planes: readonly PlaneName[]
  /** True when other planes live elsewhere: what they say comes late, and by itself. */
  readonly hears: boolean
  /** Follows what was kept here instead of asking the bus; where planes live elsewhere. */
  followKept?(options: Omit<FollowOptions, 'bus' | 'contract'>): Promise<void>
  readonly keyring: Keyring
  readonly store: OpsStore
  /**
   * What a token is checked against, now. `leave` looks at no time; `kept` is for what was taken in
   * before and is opened again: no time counts, nor whether the journal was adopted since.
   */
  tokenContext(expiry?: 'check' | 'leave' | 'kept'): TokenContext
  /** Key of a plane. */
  service(role: ServiceRole): Signer
  /** The pen of a plane. Its entries belong into the journal in the order they were taken. */
  emitter(role: Emitter): AuditEmitter
  /** Writes one event that belongs to no actor's step; resolves when it is durable. */
  emit<T extends AuditType>(role: Emitter, draft: AuditDraft<T>): Promise<AuditEvent<T>>
  /**
   * Epoch that a claim bears: of the lease where several processes could be the controller, else the
   * journal's. Throws PROV_PLANE_NOT_LEADING while another one may lead, and what `sure` rejects with.
   */
  claimEpoch(): Count
  /**
   * Awaited between a claim and its effect, see `Journal.anchor`: no older copy repeats it, and nobody
   * took over meanwhile. Waits while a server that has to say so is away. Resolves with the epoch to
   * act under.
   */
  anchor(): Promise<Count>
  /**
   * Resolves once a plane elsewhere said that this journal is the newest one: before that nothing may be
   * claimed. At once where all planes live together. Rejects with PROV_PLANE_SET_BACK.
   */
  sure(): Promise<void>
  /** True from then on. */
  readonly vouched: boolean
  /** Aborts when the journal was found to be an older one; its reason says so. */
  readonly over: AbortSignal
  /** Calls back with each event after it became durable, in order, from now on. */
  follow(listener: (event: AuditEvent) => void): () => void
  /**
   * Calls back with ended operations that left memory: their rows answer from disk, and whoever holds
   * something for each may let go of it. Returns a stop.
   */
  onLeft(listener: (ops: readonly string[]) => void): () => void
  /** Keeps what it holds, when that spares the next start much. For the end of a life; never rejects. */
  keep(): Promise<void>
  /**
   * Starts publishing what the partition of a role holds for the bus, also what an earlier life
   * left. One at a time per role; ends with the signal.
   */
  outbox(role: string, options: { readonly signal: AbortSignal }): Outbox
  /** Signs an act of a person. Throws PROV_KEY_* when the key cannot be had. */
  act(request: {
    readonly as: string | undefined
    readonly act: ActName
    readonly subject: string
    readonly reason: string
    readonly with: JsonObject
  }): Promise<string>
  /**
   * The signer of an own key that is enrolled here; a first person is enrolled on the way. Throws
   * PROV_KEY_NOT_ENROLLED and what `KeyStore.signer` throws.
   */
  signer(as: string | undefined): Promise<Signer>
  /**
   * Enrols a key. The first person of a workspace vouches for themselves, everybody else needs
   * `as`. A known key may be vouched for again with other groups, or as another person's, by
   * somebody else. Throws PROV_KEY_ENROL_REFUSED.
   */
  enrol(request: {
    readonly record: KeyRecord
    readonly as?: string | undefined
    /** Groups that quorums name. Default: those it has. */
    readonly groups?: readonly string[] | undefined
    /** Whose key it is, when a person has several. Default: as it was. */
    readonly person?: string | undefined
  }): Promise<void>
  /**
   * Takes an enrolment whose voucher signed it elsewhere; answers who that was. Throws
   * PROV_KEY_ENROL_REFUSED, PROV_TOKEN_REPLAYED.
   */
  handIn(enrolment: { readonly record: KeyRecord; readonly proof: string }): Promise<{
    readonly by: string
  }>
  /**
   * Takes whatever changes whom the workspace trusts, signed by those who must: `actor.enrol`,
   * `actor.revoke`, `keeper.rotate`, `keys.govern` (D-39). What a key signed counts until here; the
   * next key of a plane signs nothing before the controller confirmed it. Throws PROV_KEY_SIGNATURES,
   * PROV_KEY_*_REFUSED, PROV_TOKEN_*.
   */
  changeKeys(act: string): Promise<{ readonly act: ActName; readonly by: string }>
  /**
   * Thumbprint of a plane's key and the record of the one that would follow it, which is made when
   * there is none yet. Throws PROV_KEY_PLANE_ELSEWHERE.
   */
  rotation(role: Emitter): Promise<{ readonly current: string; readonly next: KeyRecord }>
}
export interface ContractOptions {
  readonly journal: Journal
  readonly bus: Bus
  readonly keys: KeyStore
  readonly clock: Clock
  /** Name of the workspace. */
  readonly workspace: string
  readonly log: Log
  /** Folder for operations that ended. Default: none, they stay in memory. */
  readonly shelves?: string | undefined
  /** Who settles that this process is the only one. Default: whoever has the journal is. */
  readonly office?: (() => Pick<Office, 'epoch' | 'confirm' | 'remembered'> | undefined) | undefined
  /** Ends the hearing of other planes. Default: it ends with the journal. */
  readonly signal?: AbortSignal | undefined
  /** When it is kept. Default: 1,024 ended operations in memory, or 16,384 records. */
  readonly keepEvery?: Partial<typeof keepEvery> | undefined
}

interface Lane {
  outbox: Outbox | undefined
  unsent: OutboxItem[]
}

/**
 * From the newest checkpoint that counts, and everything that the journal has behind it; from the
 * journal alone where there is none.
 */
async function foldOf(
  { journal, workspace, shelves: dir, clock, log, ...rest }: ContractOptions,
  pumps: (item: OutboxItem) => boolean,
  /** Any of these may have signed the checkpoint. */
  signers: Iterable<Signer>,
  root: string,
): Promise<{ fold: ContractFold; refused: readonly string[] }> {
  const { ended } = { ...keepEvery, ...rest.keepEvery }
  const now = (): Millis => clock.monotonic()
  const refused: string[] = []
  const empty = (): ContractFold => {
    const made = new ContractFold(workspace, pumps, now, root)
    made.refused = ({ id }, what) => void refused.push(`${id} does not count: ${what}`)
    return made
  }
  let fold = empty()
  const snapshot = await journal.snapshot(checkpointName)
  const keys = [...signers].map(({ record }) => record.publicKey)
  const body = snapshot && bodyIn(snapshot.body, keys)
  const known = shelvesIn(dir, journal.id)
  if (snapshot && !(body && fold.load(snapshot.position, body, known))) {
    log.info('the checkpoint of the contract does not count; the journal is read whole')
    fold = empty()
  }
  if (dir !== undefined) {
    await sweepShelves(dir, new Set(fold.model.ops.shelves().map(({ name }) => name)))
  }
  for await (const record of journal.read({ from: fold.position + 1 })) {
    fold.enter(record)
    if (dir === undefined || fold.ended < ended) continue
    const rows = fold.endedRows()
    await diskFiles.makeFolder(dir)
    fold.shelve(await writeShelf(dir, `rows-${fold.position}.ops`, journal.id, rows), rows)
  }
  return { fold, refused }
}

/**
 * Reads the journal once, makes the keys of the planes at first start, enrols them, ensures the
 * streams. The journal must be open for writing; closing it ends the contract.
 */
export async function openContract(options: ContractOptions): Promise<Contract> {
  const { journal, bus, keys, clock, workspace, log } = options
  const joined = await joinedOf(journal)
  const lineage = joined?.lineage ?? journal.lineage
  const audience = joined?.journal ?? journal.id
  const root = lineage[0] ?? audience
  // Before anything is said: an event is on its way from the moment it is durable.
  for (const config of streamConfigs(workspace)) await bus.ensureStream(config)
  const listeners = new Set<(event: AuditEvent) => void>()
  const leavers = new Set<(ops: readonly string[]) => void>()
  const signers = new Map<string, Signer>()
  for (const role of serviceRoles) {
    const found = await keys.service(root, role, { make: false }).catch(unlessAbsent)
    if (found) signers.set(role, found)
  }
  /** Nothing that the bus takes out of the frame itself has to be published. */
  const pumps = ({ subject, position }: OutboxItem): boolean =>
    bus.carried?.(subject, position) !== true
  const { fold, refused } = await foldOf(options, pumps, signers.values(), root)
  for (const one of refused) log.warn(one)
  fold.refused = ({ id }, what) => log.warn(`${id} does not count: ${what}`)
  const keyring = fold.ring(workspace) as Keyring
  const { ends, adoption } = fold
  const planes = joined ? [joined.plane] : planeNames.filter((plane) => !fold.moved.has(plane))
  const hears = planes.length < planeNames.length
  if (hears && bus.kind === 'embedded') {
    const half = [...(await handingsOf(journal))].find(([, file]) => file !== null)
    if (half) throw planeErrors.PROV_PLANE_UNFINISHED({ plane: half[0], file: half[1] as string })
    throw planeErrors.PROV_PLANE_NO_BUS({ planes })
  }
  const roles = serviceRoles.filter((role) => planeKeys(planes).includes(role))
  const epoch = (joined?.epoch ?? 0) + journal.epoch
  // Whoever is only a part makes no keys: they came with the part. Others' are not touched.
  for (const role of roles) {
    if (!signers.has(role)) signers.set(role, await keys.service(root, role, { make: !hears }))
  }
  // The trail says that another key followed, and the file was not put in its place before the end.
  for (const role of roles) {
    const kid = keyring.service(role)?.kid
    if (kid === undefined || signers.get(role)?.record.kid === kid) continue
    const next = await keys.next(root, role, { make: false }).catch(unlessAbsent)
    if (next?.record.kid !== kid) continue
    await keys.follow(root, role)
    signers.set(role, next)
  }
  const signerOfRole = (role: ServiceRole): Signer => {
    const signer = roles.includes(role) ? signers.get(role) : undefined
    if (!signer) throw keyErrors.PROV_KEY_PLANE_ELSEWHERE({ plane: role, here: planes })
    return signer
  }
  const events = new KeptEvents(journal)
  const lanes = new Map<string, Lane>()
  const laneOf = (role: string): Lane => {
    let lane = lanes.get(role)
    if (!lane) lanes.set(role, (lane = { outbox: undefined, unsent: [] }))
    return lane
  }
  for (const [role, items] of fold.unsent) laneOf(role).unsent = [...items]
  // The bus took these and nobody said that they arrived: a server may lose what it acknowledged.
  for (const { role, item } of fold.hops) {
    const { unsent } = laneOf(role)
    if (!pumps(item) || unsent.some(({ id }) => id === item.id)) continue
    unsent.push(item)
    unsent.sort((one, two) => one.position - two.position)
  }

  const store = opsStore(fold.model)
  fold.feed = (event) => {
    store.feed(event)
    fold.model = store.get()
  }
  const kept = keeping({
    fold,
    journal,
    log,
    dir: options.shelves,
    every: { ...keepEvery, ...options.keepEvery },
    sign: (text) => signerOfRole(roles[0] ?? 'keeper').sign(text),
    shelved(ops) {
      for (const listener of leavers) listener(ops)
    },
  })
  journal.follow((records) => {
    for (const record of records) {
      const event = fold.enter(record)
      const item = outboxItem(record, workspace)
      const lane = laneOf(record.partition)
      if (item && !pumps(item)) lane.outbox?.passed(record.position)
      else if (item && lane.outbox) lane.outbox.push(item)
      else if (item) lane.unsent.push(item)
      if (!event) continue
      events.note(event, record.position)
      for (const listener of listeners) listener(event)
      if (isAudit(event, 'key.confirmed')) followKeys()
    }
    void kept.due()
  })

  const emitters = new Map<string, AuditEmitter>()
  const emitterOf = (role: Emitter): AuditEmitter => {
    let emitter = emitters.get(role)
    if (!emitter) {
      const end = ends.get(role) ?? { n: 0, digest: null }
      const signer = signerOfRole(role)
      emitter = auditEmitter({ role, workspace, epoch, signer, clock, end })
      emitters.set(role, emitter)
    }
    return emitter
  }
  const newcomers = hears ? [] : serviceRoles.filter((role) => !keyring.service(role))
  if (newcomers.length > 0) {
    await journal.append(
      newcomers.map((role) =>
        enrolment(emitterOf('keeper'), { record: signerOfRole(role).record, by: genesis }),
      ),
    )
  }
  for (const role of roles) {
    const { record } = signerOfRole(role)
    if (keyring.service(role)?.kid !== record.kid) {
      throw keyErrors.PROV_KEY_NOT_ENROLLED({ actor: record.actor, workspace })
    }
  }
  // The journal wrote down what a person signed before anybody could emit; here it enters the trail.
  if (adoption) {
    const what = keyring.refusesAdoption(adoption, new Date(clock.now()).toISOString())
    if (what !== undefined) throw keyErrors.PROV_KEY_ADOPTION_REFUSED({ what })
    const draft = { type: 'journal.adopted', subject: adoption.to, data: adoption } as const
    const { partition, type, body } = emitterOf('keeper').entry(draft)
    await journal.append([{ partition, type, body }])
  }

  async function actOf(
    signer: Signer,
    request: { act: ActName; subject: string; reason: string; with: JsonObject },
  ): Promise<string> {
    const contract = { journal: audience, workspace, epoch }
    const bound = keyring.rule && keyActs.has(request.act)
    const given = bound ? { ...request.with, keys: keyring.version } : request.with
    const about = { ...request, with: given }
    const claims = actClaims({ request: about, kid: signer.record.kid, contract, clock })
    return signToken('act', claims, signer)
  }

  /**
   * One at a time, and judged before it is written: an enrolment that does not count would stand in
   * the trail for ever as something that is wrong with it.
   */
  let enrolling: Promise<unknown> = Promise.resolve()
  function enrol(record: KeyRecord, voucher: Signer): Promise<void> {
    const turn = enrolling.then(() => enrolNow(record, voucher))
    enrolling = turn.catch(() => {})
    return turn
  }

  /** True when this very record counts already. */
  function isEnrolled(given: KeyRecord): boolean {
    const known = keyring.key(given.kid)
    const record = parseKeyRecord(recordJson(given))
    const counts = known !== undefined && keyring.revocation(known.kid) === undefined
    return counts && record !== undefined && isSame(record, known)
  }

  async function enrolNow(given: KeyRecord, voucher: Signer): Promise<void> {
    const { actor } = given
    if (isEnrolled(given)) return
    // Exactly the members of a record: a caller's may bear more, and what is signed must be what counts.
    const record = parseKeyRecord(recordJson(given))
    if (!record) {
      throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what: 'its record is not a key record' })
    }
    const request = { act: 'actor.enrol', subject: actor, reason: '' } as const
    const proof = await actOf(voucher, { ...request, with: recordJson(record) })
    await enrolProven(record, proof, voucher.record.actor)
  }

  async function enrolProven(record: KeyRecord, proof: string, by: string): Promise<void> {
    const { actor, kid, kind } = record
    const now = new Date(clock.now()).toISOString()
    if (keyring.rule) mustSuffice(openedAct(proof), keyring.key(kid))
    const what = keyring.refuses({ actor, kid, kind, by, record, proof }, now)
    if (what !== undefined) throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what })
    await journal.append([enrolment(emitterOf('keeper'), { record, by, proof })])
  }

  const tokenContext: Contract['tokenContext'] = (expiry = 'check') => ({
    key: keyring.key,
    // What was taken in before is judged where it is claimed: by journal position (D-39).
    ...(expiry === 'check' && {
      revoked: (kid: string) => keyring.revocation(kid) !== undefined,
    }),
    audience,
    workspace,
    ...(expiry === 'kept' && { former: lineage }),
    nowMs: clock.now(),
    expiry: expiry === 'check' ? 'check' : 'leave',
  })

  const taken = new TakenActs(clock)
  const openedAct = (text: string, key = keyring.signingKey): SignedAct =>
    openAct(text, { ...tokenContext(), key })
  /** An act that names the key set is bound to it; any other one to this life of the writer. */
  const takeOnce = ({ claims, first }: SignedAct): void => {
    if (claims.with['keys'] === undefined) taken.take(first, epoch)
  }
  function mustSuffice(opened: SignedAct, holder?: KeyRecord): void {
    const what = keyring.lacks(opened, holder && personOf(holder))
    if (what !== undefined) throw keyErrors.PROV_KEY_SIGNATURES({ act: opened.claims.act, what })
  }

  /** What somebody signed elsewhere is judged like what is signed here, and counts once. */
  async function handIn({ record, proof }: { record: KeyRecord; proof: string }) {
    const { actor, kid } = record
    return inTurn(async () => {
      const first = !keyring.hasPeople && record.kind === 'human'
      const key = (id: string) => (first && id === kid ? record : keyring.signingKey(id))
      const iss = peekToken(proof).iss ?? ''
      if (!key(iss)) {
        const what = 'nobody who is enrolled vouches for it'
        throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what })
      }
      const opened = openedAct(proof, key)
      const by = signerName(opened.signers[0])
      if (isEnrolled(record)) return { by }
      takeOnce(opened)
      await enrolProven(record, proof, by)
      return { by }
    })
  }

  /** In the turn of enrolments: whoever is let in and whoever is shut out stand in one order. */
  function inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = enrolling.then(run)
    enrolling = turn.catch(() => {})
    return turn
  }

  async function changeKeys(text: string): Promise<{ readonly act: ActName; readonly by: string }> {
    if (peekToken(text).act === 'actor.enrol') {
      const record = parseKeyRecord(payloadOf(text))
      if (!record) {
        const what = 'the act names no key record'
        throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor: peekToken(text).sub ?? 'nobody', what })
      }
      return { act: 'actor.enrol', ...(await handIn({ record, proof: text })) }
    }
    return inTurn(async () => {
      const { act } = peekToken(text)
      const opened = act === 'keys.govern' ? openedRule(text) : openedAct(text)
      const by = signerName(opened.signers[0])
      const draft = await keyDraft(opened, { by, act: text })
      takeOnce(opened)
      await journal.append([emitterOf('keeper').entry(draft)])
      return { act: opened.claims.act, by }
    })
  }

  /** The roots of a rule sign it too, before they count for anything else. */
  function openedRule(text: string): SignedAct {
    const { roots = [] } = Object(parseKeyRule(unbound(payloadOf(text)))) as Partial<KeyRule>
    const key = (kid: string) => keyring.signingKey(kid) ?? roots.find((root) => root.kid === kid)
    return openedAct(text, key)
  }

  /** The event that an act comes to. Throws the reason by name when it comes to none. */
  async function keyDraft(
    opened: SignedAct,
    { by, act }: { readonly by: string; readonly act: string },
  ): Promise<AuditDraft<'actor.revoked' | 'key.offered' | 'keys.governed'>> {
    const { sub, reason, with: given, act: name } = opened.claims
    const now = new Date(clock.now()).toISOString()
    if (keyring.rule && keyActs.has(name)) mustSuffice(opened)
    if (name === 'actor.revoke') {
      const data = { actor: sub, kid: String(given['kid']), by, reason, act }
      const what = keyring.refusesRevocation(data, now)
      if (what !== undefined) throw keyErrors.PROV_KEY_REVOKE_REFUSED({ actor: sub, what })
      return { type: 'actor.revoked', subject: sub, data }
    }
    if (name === 'keeper.rotate' || name === 'plane.rotate') {
      const refuse = (what: string) => keyErrors.PROV_KEY_ROTATION_REFUSED({ plane: sub, what })
      const role = rotating.find((one) => one === sub && rotationAct(one) === name)
      if (role === undefined) throw refuse('no key of that name is followed by another')
      const record = parseKeyRecord(given)
      if (!record) throw refuse('the act names no key record')
      const { kid } = record
      // Where the plane lives its private half must be here; elsewhere whoever signed made sure of it.
      if (roles.includes(role) && (await keys.next(root, role)).record.kid !== kid) {
        throw refuse('its next key is another one')
      }
      const data = { role, kid, from: String(given['from']), by, record, act }
      const what = keyring.refusesOffer(data, now)
      if (what !== undefined) throw refuse(what)
      if (keyring.offered(role)?.kid === kid) throw refuse('it is offered, and not confirmed yet')
      return { type: 'key.offered', subject: `service-${role}`, data }
    }
    if (name !== 'keys.govern') {
      const expected = 'an act that changes keys'
      throw tokenErrors.PROV_TOKEN_CLAIM({ kind: 'act', claim: 'act', expected })
    }
    const data = { rule: unbound(given) as unknown as KeyRule, by, reason, act }
    const what = keyring.refusesRule(data, now)
    if (what !== undefined) throw keyErrors.PROV_KEY_RULE_REFUSED({ what })
    return { type: 'keys.governed', subject: 'keys', data }
  }

  /** The new key takes over between two events; what was signed before stands in the trail. */
  function rotate(confirmation: AuditEvent<'key.confirmed'>): Promise<void> {
    return inTurn(async () => {
      const { role, kid, from } = confirmation.data
      if (keyring.offered(role)?.kid !== kid || keyring.service(role)?.kid !== from) return
      const successor = await keys.next(root, role, { make: false })
      if (successor.record.kid !== kid) return
      const pen = emitterOf(role)
      signers.set(role, successor)
      pen.resign(successor)
      const data = { role, kid, from, confirmation }
      await journal.append([pen.entry({ type: 'key.rotated', subject: `service-${role}`, data })])
      await keys.follow(root, role)
    })
  }

  /** Lets the keys of the planes here follow that the controller confirmed. */
  function followKeys(): void {
    for (const role of roles) {
      const confirmation = keyring.confirmation(role)
      if (!confirmation) continue
      rotate(confirmation).catch((thrown: unknown) => {
        const { code, message } = asProvError(thrown)
        if (!options.signal?.aborted) log.error(`the next key of ${role} waits`, { code, message })
      })
    }
  }

  async function signer(as: string | undefined): Promise<Signer> {
    const own = await keys.signer(as)
    const { record } = own
    const revoked = keyring.revocation(record.kid)
    if (revoked) throw keyErrors.PROV_KEY_REVOKED({ actor: record.actor, ...revoked })
    if (keyring.key(record.kid)) return own
    if (record.kind === 'human' && !keyring.hasPeople) {
      await enrol(record, own)
      return own
    }
    throw keyErrors.PROV_KEY_NOT_ENROLLED({ actor: record.actor, workspace })
  }

  const more = (listener: () => void) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
  const known = (emitter: string, n: Count) => events.one(emitter, n)
  const keeps = planes.includes('keeper')
  /** Whoever claims asks the others whether this journal is the newest one; the others answer. */
  const standing =
    hears && planes.includes('controller')
      ? new Standing({
          emitter: 'controller',
          journal: audience,
          workspace,
          keyring,
          ends,
          known,
          keeps,
          remembered: () => options.office?.()?.remembered === true,
          clock,
          log,
        })
      : undefined
  const by = keeps ? 'keeper' : (roles[0] as ServiceRole)
  const signsAs = () => signerOfRole(by)
  const talk = standing ?? witness({ journal: audience, by, signer: signsAs, ends, known, clock })
  followKeys()
  if (hears) {
    const signal = options.signal ?? new AbortController().signal
    const contract = { keyring, workspace, store }
    const setBack = (event: AuditEvent): void => standing?.setBack(event)
    const heard = { contract, planes, journal, bus, clock, log, ends, kept: events, signal }
    await hear({ ...heard, talk, setBack })
  }
  return {
    workspace,
    journal: audience,
    epoch,
    planes,
    hears,
    ...(hears && { followKept: (follow) => followKept(follow, { journal, clock, more }) }),
    keyring,
    store,
    tokenContext,
    service: signerOfRole,
    emitter: emitterOf,
    async emit(role, draft) {
      const entry = emitterOf(role).entry(draft)
      await journal.append([entry])
      return entry.event
    },
    claimEpoch() {
      standing?.check()
      return options.office?.()?.epoch() ?? epoch
    },
    sure: async () => standing?.sure(),
    get vouched() {
      return standing?.vouched ?? true
    },
    over: standing?.over ?? new AbortController().signal,
    async anchor() {
      await standing?.sure()
      await journal.anchor()
      return (await options.office?.()?.confirm()) ?? epoch
    },
    follow(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    onLeft(listener) {
      leavers.add(listener)
      return () => void leavers.delete(listener)
    },
    keep: () => kept.last(),
    outbox(role, { signal }) {
      const lane = laneOf(role)
      // A plane that was started anew goes on with what its former life left.
      const unsent = lane.outbox ? lane.outbox.rest() : lane.unsent
      lane.unsent = []
      lane.outbox = new Outbox({ role, journal, bus, clock, log, signal, unsent })
      // A bus that lives in this journal loses nothing.
      if (!bus.carried) {
        const stream = streamOfHop(workspace)
        resendHops({ hops: fold.hops, role, stream, bus, clock, log, signal })
      }
      return lane.outbox
    },
    act: async ({ as, ...request }) => actOf(await signer(as), request),
    signer,
    async enrol({ record: given, as, ...standing }) {
      const { actor } = given
      const known = keyring.key(given.kid)
      const record = recordFor(given, known, standing)
      if (isEnrolled(record)) return
      if (!known && keyring.actor(actor)) {
        throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what: 'the name is taken by another key' })
      }
      if (record.kind === 'human' && !keyring.hasPeople) {
        return enrol(record, await keys.signer(actor))
      }
      const voucher = await signer(as)
      if (voucher.record.kind !== 'human') {
        throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what: 'only a person vouches for others' })
      }
      return enrol(record, voucher)
    },
    handIn,
    changeKeys,
    async rotation(role) {
      const current = signerOfRole(role).record.kid
      return { current, next: (await keys.next(root, role)).record }
    },
    events: ({ op } = {}) => auditEvents(journal, { op }),
  }
}

/** The record that a voucher signs: what they say now counts, else what was said before. */
export function recordFor(
  given: KeyRecord,
  known: KeyRecord | undefined,
  { groups, person }: { groups?: readonly string[] | undefined; person?: string | undefined },
): KeyRecord {
  const names = groups ? [...new Set(groups)].sort() : (given.groups ?? known?.groups)
  return defined({
    ...given,
    groups: names?.length === 0 ? undefined : names,
    person: person ?? given.person ?? known?.person,
  })
}

/** What an act is about, without the key set that it was signed for. */
function unbound(given: JsonObject | undefined): JsonObject | undefined {
  const { keys: _, ...rest } = given ?? {}
  return given && rest
}

/** A key that is not there is none; anything else about its file is a refusal. */
function unlessAbsent(thrown: unknown): undefined {
  if (!ProvError.is(thrown) || thrown.code !== 'PROV_KEY_ABSENT') throw thrown
}

function enrolment(
  emitter: AuditEmitter,
  { record, by, proof }: { record: KeyRecord; by: string; proof?: string },
): JournalEntry {
  const { actor, kid, kind } = record
  const data = { actor, kid, kind, by, record, ...(proof !== undefined && { proof }) }
  const { partition, type, body } = emitter.entry({ type: 'actor.enrolled', subject: actor, data })
  return { partition, type, body }
}
