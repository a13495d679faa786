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
import { ProvError } from '../errors.ts'
import { diskFiles } from '../journal/files.ts'
import type { JournalFiles } from '../journal/files.ts'
import type { Journal } from '../journal/journal.ts'
import type { Log } from '../log.ts'
import type { Count, Millis } from '../units.ts'
import { isAudit } from './audit.ts'
import type { AuditEvent, AuditType, Emitter } from './audit.ts'
import { bodyIn, checkpointName, ContractFold, shelvesIn, workspaceOf } from './checkpoint.ts'
import { actClaims } from './drafts.ts'
import { auditEmitter } from './emitter.ts'
import type { AuditDraft, AuditEmitter, ChainEnd } from './emitter.ts'
import { keyErrors } from './errors.ts'
import { evidenceOf } from './evidence.ts'
import type { Evidence } from './evidence.ts'
import type { FollowOptions } from './follow.ts'
import { followKept } from './follow-kept.ts'
import { hear } from './hear.ts'
import { resendHops } from './hops.ts'
import { keepEvery, keeping, sweepShelves } from './keeping.ts'
import { enrolment, keyChanges } from './key-changes.ts'
import type { KeyChanges } from './key-changes.ts'
import type { Signer } from './key.ts'
import { genesis } from './keyring.ts'
import type { Keyring } from './keyring.ts'
import { keyActs } from './key-rule.ts'
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
import { Standing, together, witness } from './standing.ts'
import type { Until } from './standing.ts'
import { signToken } from './tokens.ts'
import { writeShelf } from './shelf.ts'
import { auditEvents } from './trail.ts'
import type { TokenContext } from './tokens.ts'
import type { JsonObject } from '../json.ts'

/** Roles that have a key of their own; the first four emit. */
export const serviceRoles = ['keeper', 'submitter', 'controller', 'orchestrator', 'ledger'] as const
export type ServiceRole = (typeof serviceRoles)[number]
export interface Contract extends AuditTrail, KeyChanges {
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
  /** Where the chain of each emitter ends as it is known here, live. */
  readonly ends: ReadonlyMap<string, ChainEnd>
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
   * claimed, and the keeper's pen throws. At once where all planes live together, and where neither
   * controller nor keeper lives. Rejects with PROV_PLANE_SET_BACK, PROV_PLANE_REPLACED, and with
   * PROV_PLANE_UNVOUCHED after `withinMs`.
   */
  sure(until?: Until): Promise<void>
  /** True from then on. */
  readonly vouched: boolean
  /** Aborts when the journal was found to be an older one, or lost and replaced; its reason says so. */
  readonly over: AbortSignal
  /** Where answers go that this process may not write any more. */
  readonly evidence: Evidence
  /** Calls back with each event after it became durable, in order, from now on. */
  follow(listener: (event: AuditEvent) => void): () => void
  /** Calls back with each operation as it ends; followers hear of it a little later. Returns a stop. */
  onEnded(listener: (op: string) => void): () => void
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
  /** The disk of the shelves. Replaced in tests that break it. */
  readonly files?: JournalFiles | undefined
}

/** How long a person waits to be told that another plane has to answer first. */
const answerWaitMs: Millis = 5_000

interface Lane {
  outbox: Outbox | undefined
  unsent: OutboxItem[]
}

/**
 * From the newest checkpoint that counts, and everything that the journal has behind it; from the
 * journal alone where there is none.
 */
async function foldOf(
  { journal, workspace, shelves: dir, clock, log, files = diskFiles, ...rest }: ContractOptions,
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
  const named = (was: string | undefined): void => {
    // Whom it trusts was said for one workspace: what is said under another name none of them signed.
    if (was === undefined || was === workspace) return
    throw planeErrors.PROV_PLANE_RENAMED({ workspace: was, named: workspace })
  }
  named(body && workspaceOf(body))
  if (snapshot && !(body && fold.load(snapshot.position, body, known))) {
    log.info('the checkpoint of the contract does not count; the journal is read whole')
    fold = empty()
  }
  if (dir !== undefined) {
    await sweepShelves(files, dir, new Set(fold.model.ops.shelves().map(({ name }) => name)))
  }
  for await (const record of journal.read({ from: fold.position + 1 })) {
    fold.enter(record)
    named(fold.trust[0]?.workspace)
    if (dir === undefined || fold.ended < ended) continue
    const rows = fold.endedRows()
    await files.makeFolder(dir)
    const name = `rows-${fold.position}.ops`
    fold.shelve(await writeShelf(dir, name, journal.id, rows, files), rows)
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
  const enders = new Set<(op: string) => void>()
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
  fold.over = (op) => {
    for (const listener of enders) listener(op)
  }
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
  /** The controller granted its office to another journal: nothing more is said here, and nothing signed. */
  const replaced = new AbortController()
  const replacedBy = (granted: Count): ProvError | undefined => {
    if (joined?.plane !== 'keeper' || granted <= (joined.granted ?? 0)) return undefined
    return planeErrors.PROV_PLANE_REPLACED({ plane: 'keeper', granted })
  }
  const whetherReplaced = (): void => {
    const error = replacedBy(fold.model.granted)
    if (error) replaced.abort(error)
  }
  whetherReplaced()
  replaced.signal.throwIfAborted()
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
    replaced.signal.throwIfAborted()
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
    files: options.files ?? diskFiles,
    every: { ...keepEvery, ...options.keepEvery },
    sign: (text) => signerOfRole(roles[0] ?? 'keeper').sign(text),
    shelved(ops) {
      for (const listener of leavers) listener(ops)
    },
  })
  /** Whoever claims or signs approvals asks the others whether this journal is the newest one. */
  let standings: readonly Standing[] = []
  const sure = async (until?: Until): Promise<void> => {
    for (const standing of standings) await standing.sure(until)
  }
  const vouched = (): boolean => standings.every((standing) => standing.vouched)
  const emitters = new Map<string, AuditEmitter>()
  const emitterOf = (role: Emitter): AuditEmitter => {
    replaced.signal.throwIfAborted()
    let emitter = emitters.get(role)
    if (!emitter) {
      const end = ends.get(role) ?? { n: 0, digest: null }
      const signer = signerOfRole(role)
      const may = (): void => {
        for (const one of standings) if (one.emitter === role && role === 'keeper') one.checkOnce()
      }
      emitter = auditEmitter({ role, workspace, epoch, signer, clock, end, may })
      emitters.set(role, emitter)
    }
    return emitter
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

  const { followKeys, ...changes } = keyChanges({
    keyring,
    keys,
    root,
    roles,
    service: signerOfRole,
    emitter: emitterOf,
    succeed: (role, successor) => void signers.set(role, successor),
    journal,
    workspace,
    epoch,
    tokenContext,
    sign: actOf,
    sure: () => sure({ withinMs: answerWaitMs }),
    clock,
    log,
    signal: options.signal,
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
      if (isAudit(event, 'key.confirmed') || isAudit(event, 'key.offered')) followKeys()
      if (isAudit(event, 'keeper.granted')) whetherReplaced()
    }
    void kept.due()
  })

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

  const more = (listener: () => void) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }
  const known = (emitter: string, n: Count) => events.one(emitter, n)
  standings = (['controller', 'keeper'] as const)
    .filter((plane) => hears && planes.includes(plane))
    .map((emitter) => {
      const decides = emitter === 'keeper' ? 'controller' : 'keeper'
      return new Standing({
        emitter,
        decides: planes.includes(decides) ? undefined : decides,
        ...(emitter === 'controller'
          ? { remembered: () => options.office?.()?.remembered === true }
          : joined && { replaced: replacedBy }),
        journal: audience,
        workspace,
        keyring,
        ends,
        known,
        clock,
        log,
      })
    })
  const by = (['keeper', 'controller'] as const).find((plane) => planes.includes(plane))
  const signsAs = by ?? (roles[0] as ServiceRole)
  const witnessing = witness({
    journal: audience,
    by: signsAs,
    signer: () => signerOfRole(signsAs),
    ends,
    known,
    grant: () => fold.trust.findLast((event) => isAudit(event, 'keeper.granted')),
    clock,
  })
  // A key that follows begins with a word of its own.
  void sure().then(followKeys, () => {})
  if (hears) {
    const signal = options.signal ?? new AbortController().signal
    const contract = { keyring, workspace, store }
    const setBack = (event: AuditEvent): void => {
      for (const standing of standings) standing.heard(event)
    }
    const talk = together([...standings, witnessing])
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
    ends,
    store,
    tokenContext,
    service: signerOfRole,
    emitter: emitterOf,
    async emit(role, draft) {
      if (role === 'keeper' && !vouched()) await sure({ withinMs: answerWaitMs })
      const entry = emitterOf(role).entry(draft)
      await journal.append([entry])
      return entry.event
    },
    claimEpoch() {
      for (const standing of standings) standing.check()
      return options.office?.()?.epoch() ?? epoch
    },
    sure,
    get vouched() {
      return vouched()
    },
    over: AbortSignal.any([...standings.map(({ over }) => over), replaced.signal]),
    evidence: evidenceOf({
      bus,
      clock,
      log,
      workspace,
      journal: audience,
      epoch,
      signer: () => signerOfRole('controller'),
    }),
    async anchor() {
      await sure()
      await journal.anchor()
      return (await options.office?.()?.confirm()) ?? epoch
    },
    follow(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    onEnded(listener) {
      enders.add(listener)
      return () => void enders.delete(listener)
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
    act: async ({ as, ...request }) => actOf(await changes.signer(as), request),
    ...changes,
    events: ({ op } = {}) => auditEvents(journal, { op }),
  }
}

/** A key that is not there is none; anything else about its file is a refusal. */
function unlessAbsent(thrown: unknown): undefined {
  if (!ProvError.is(thrown) || thrown.code !== 'PROV_KEY_ABSENT') throw thrown
}
