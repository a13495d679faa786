/**
 * The checkpoint of a contract: everything it holds, as it was at one position of the journal, so
 * that a start reads only what came since. Derived: what is damaged, of a newer Prov, not signed by
 * this workspace's keeper or without its shelves is passed over, and the journal is read whole.
 *
 *     journal ──enter, record by record──▶ ContractFold ──body, at P──▶ snapshot `contract`
 *        └──────────── from P + 1 on ──▶ the same fold ◀── from body ──┘
 *
 * K1  fold(all) = fold(body at P, then the rest), for every P.
 *
 * @module
 */
import { basename, dirname, join } from 'node:path'
import { canonicalJson, digestOfText } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { JournalRecord, Position } from '../journal/journal.ts'
import type { Millis } from '../units.ts'
import { adoptionOfRecord } from './adoption.ts'
import { isAudit } from './audit.ts'
import type { AdoptionData, AuditEvent } from './audit.ts'
import { eventDigest } from './emitter.ts'
import type { ChainEnd } from './emitter.ts'
import { emptyModel, foldAudit, isTerminal } from './fold.ts'
import type { OpRow, OpsModel } from './fold.ts'
import { Hops } from './hops.ts'
import { verifySignature } from './key.ts'
import { Keyring } from './keyring.ts'
import type { PublicJwk } from './key.ts'
import { SeqNumbers } from './numbers.ts'
import { outboxItem, sentUpTo } from './outbox.ts'
import type { OutboxItem } from './outbox.ts'
import { movedIn } from './planes.ts'
import type { PlaneName } from './planes.ts'
import type { OpRows } from './rows.ts'
import { openShelf } from './shelf.ts'
import type { Shelf } from './shelf.ts'
import { eventIn } from './trail.ts'

/** Name of the snapshot. */
export const checkpointName = 'contract'
const version = 1
/** Events that a keyring is made of, and whom the controller granted the keeper's office. */
const trusts = [
  'keeper.granted',
  'actor.enrolled',
  'actor.revoked',
  'keys.governed',
  'journal.adopted',
  'key.offered',
  'key.confirmed',
  'key.rotated',
] as const

/** What the records of a journal come to, for a contract. Changed in place. */
export class ContractFold {
  position: Position = 0
  model: OpsModel = emptyModel()
  /** Where each emitter's chain ends. */
  readonly ends = new Map<string, ChainEnd>()
  /** Events that say whom the workspace trusts, in order: the keyring is made of them. */
  readonly trust: AuditEvent[] = []
  #ring: Keyring | undefined
  /** Planes that were handed over. */
  readonly moved = new Set<PlaneName>()
  /** Signed by a person, and not in the trail yet. */
  adoption: AdoptionData | undefined
  /** By role: what nobody is known to have taken, in order. */
  readonly unsent = new Map<string, OutboxItem[]>()
  /** What the receivers' trails have not confirmed. */
  readonly hops = new Hops()
  readonly #workspace: string
  readonly #pumps: (item: OutboxItem) => boolean
  readonly #now: () => Millis
  readonly #root: string | undefined
  /** Operations that ended and are still in memory. */
  ended = 0
  /** Records since the newest checkpoint. */
  since = 0

  /**
   * `pumps`: whether a message has to be published at all. `now`: from when on hops wait. `root`: the
   * id that the history began with; without it no signed act is checked, for a fold that only counts.
   */
  constructor(
    workspace: string,
    pumps: (item: OutboxItem) => boolean = () => true,
    now: () => Millis = () => 0,
    root?: string,
  ) {
    this.#workspace = workspace
    this.#pumps = pumps
    this.#now = now
    this.#root = root
  }

  /** Told of an event that people did not sign as it says: it changes nothing. Default: nobody is. */
  refused: (event: AuditEvent, what: string) => void = () => {}

  /** Told of each operation as it ends. Default: nobody is. */
  over: (op: string) => void = () => {}

  /** Folds one event into the model; replaced by whoever keeps the model elsewhere. */
  feed = (event: AuditEvent): void => {
    this.model = foldAudit(this.model, event)
  }

  /** Takes one record; answers with the event in it. Throws PROV_AUDIT_MALFORMED. */
  enter(record: JournalRecord): AuditEvent | undefined {
    this.position = record.position
    this.since++
    const { type, partition: role } = record
    this.adoption = adoptionOfRecord(record) ?? this.adoption
    const moved = movedIn(record)
    if (moved !== undefined) this.moved.add(moved)
    if (type === 'outbox.sent') return this.#sent(role, sentUpTo(record))
    const item = outboxItem(record, this.#workspace)
    if (item && this.#pumps(item)) this.unsentOf(role).push(item)
    if (item) this.hops.sent(role, item, this.#now())
    const event = eventIn(record)
    if (!event) return undefined
    this.ends.set(event.emitter, endAt(event))
    if (isAudit(event, 'journal.adopted')) this.adoption = undefined
    const { open } = this.model
    const was = open.has(event.subject)
    this.take(event)
    this.hops.heard(event)
    if (was && !open.has(event.subject)) {
      this.ended++
      this.over(event.subject)
    }
    return event
  }

  /** Folds an event, when it counts: what people must sign is asked of the keyring first. */
  take(event: AuditEvent): void {
    const what = this.ring(event.workspace)?.take(event)
    if (what !== undefined) return this.refused(event, what)
    if (trusts.some((type) => isAudit(event, type))) this.trust.push(event)
    this.feed(event)
  }

  /** Whom the workspace trusts; undefined where the root is not known. */
  ring(workspace = this.#workspace): Keyring | undefined {
    if (this.#ring || this.#root === undefined) return this.#ring
    const policy = this.model.policy?.version
    this.#ring = new Keyring({ journal: this.#root, workspace, policy })
    for (const event of this.trust) this.#ring.take(event)
    return this.#ring
  }

  unsentOf(role: string): OutboxItem[] {
    let items = this.unsent.get(role)
    if (!items) this.unsent.set(role, (items = []))
    return items
  }

  #sent(role: string, upTo: Position): undefined {
    const items = this.unsentOf(role)
    const first = items.findIndex(({ position }) => position > upTo)
    items.splice(0, first < 0 ? items.length : first)
  }

  /** Rows that ended and are in memory: those that a shelf may take. */
  endedRows(): readonly OpRow[] {
    return [...this.model.ops.near()].filter(({ phase }) => isTerminal(phase))
  }

  /** They stand on a shelf now. */
  shelve(shelf: Shelf, rows: readonly OpRow[]): void {
    this.model.ops.shelve(
      shelf,
      rows.map(({ id }) => id),
    )
    this.ended -= rows.length
  }

  /** All of it as JSON, without the rows in `shelved`, which a shelf of that name is to hold. */
  body(shelved: ReadonlySet<string> = new Set(), more: readonly Shelf[] = []): JsonObject {
    const { ops, open: _open, numbers, gained, lost, ...plain } = this.model
    const rows = [...ops.near()].filter(({ id }) => !shelved.has(id))
    return {
      v: version,
      workspace: this.#workspace,
      model: {
        ...(plain as unknown as JsonObject),
        numbers: numbers.toJson(),
        gained: [...gained],
        lost: [...lost],
      },
      rows: rows as unknown as readonly JsonValue[],
      shelves: [...ops.shelves(), ...more].map(({ name, sha256 }) => ({ name, sha256 })),
      ends: [...this.ends].map(([emitter, { n, digest }]) => [emitter, n, digest]),
      ...(this.adoption && { adoption: this.adoption as unknown as JsonObject }),
      ...(this.moved.size > 0 && { moved: [...this.moved] }),
      trust: [...this.trust] as unknown as readonly JsonValue[],
      unsent: [...this.unsent].map(([role, items]) => [role, [...items] as unknown as JsonValue]),
      unconfirmed: [...this.hops].map(({ role, item }) => [
        item.id,
        role,
        item as unknown as JsonValue,
      ]),
    }
  }

  /** Takes a body up; false when it cannot be, then nothing was changed. */
  load(position: Position, body: JsonValue, shelf: (name: string) => Shelf | undefined): boolean {
    const kept = body as unknown as Kept
    if (kept.v !== version || kept.workspace !== this.#workspace) return false
    const shelves: Shelf[] = []
    for (const { name, sha256 } of kept.shelves) {
      const found = shelf(name)
      if (found?.sha256 !== sha256) return false
      shelves.push(found)
    }
    const { numbers, gained, lost, ...plain } = kept.model
    const empty = emptyModel()
    const ops: OpRows = empty.ops
    for (const one of shelves) ops.shelve(one)
    for (const row of kept.rows) {
      ops.set(row.id, row)
      if (isTerminal(row.phase)) this.ended++
      else empty.open.set(row.id, row)
    }
    this.model = {
      ...empty,
      ...(plain as Partial<OpsModel>),
      numbers: SeqNumbers.fromJson(numbers),
      gained: new Set(gained),
      lost: new Set(lost),
    }
    for (const [emitter, n, digest] of kept.ends) this.ends.set(emitter, { n, digest })
    this.adoption = kept.adoption
    for (const plane of kept.moved ?? []) this.moved.add(plane)
    this.trust.push(...kept.trust)
    this.#ring = undefined
    for (const [role, items] of kept.unsent) this.unsentOf(role).push(...items)
    for (const [, role, item] of kept.unconfirmed) this.hops.sent(role, item, this.#now())
    this.position = position
    return true
  }
}

interface Kept {
  readonly v: number
  readonly workspace: string
  readonly model: JsonObject & {
    readonly numbers: JsonValue
    readonly gained: readonly string[]
    readonly lost: readonly string[]
  }
  readonly rows: readonly OpRow[]
  readonly shelves: readonly { readonly name: string; readonly sha256: string }[]
  readonly ends: readonly (readonly [string, number, string | null])[]
  readonly adoption?: AdoptionData
  readonly moved?: readonly PlaneName[]
  readonly trust: readonly AuditEvent[]
  readonly unsent: readonly (readonly [string, readonly OutboxItem[]])[]
  readonly unconfirmed: readonly (readonly [string, string, OutboxItem])[]
}

/** A chain that ends with an event. Its digest is made when somebody asks: of a million, for the last. */
function endAt(event: AuditEvent): ChainEnd {
  let digest: string | undefined
  return {
    n: event.n,
    get digest() {
      return (digest ??= eventDigest(event))
    },
  }
}

/**
 * A body with a signature of the keeper around it: whoever may write files cannot make one up. It is
 * over the text as it was written: reading it and writing it again gives the same, and it is long.
 */
export function signedBody(body: JsonObject, sign: (text: string) => string): JsonObject {
  return { body, signature: sign(digestOfText(JSON.stringify(body))) }
}

/**
 * The body in a snapshot; undefined unless one of the keys signed it. Without keys nothing is checked.
 */
export function bodyIn(snapshot: JsonValue, keys?: readonly PublicJwk[]): JsonObject | undefined {
  const { body, signature } = Object(snapshot) as { body?: JsonObject; signature?: string }
  if (typeof body !== 'object' || typeof signature !== 'string') return undefined
  if (!keys) return body
  const counts = (text: string): boolean => {
    const digest = digestOfText(text)
    return keys.some((key) => verifySignature(key, digest, signature))
  }
  // Those of an older Prov are signed over the canonical text.
  return counts(JSON.stringify(body)) || counts(canonicalJson(body)) ? body : undefined
}

/**
 * Where the shelves of the journal in a folder are: beside it, and under its name where that is one of its
 * own, since what no checkpoint of a journal names is swept from its shelves.
 */
export const shelvesFolder = (journalDir: string): string =>
  basename(journalDir) === 'journal' ? join(dirname(journalDir), 'ops') : `${journalDir}.ops`

/** Shelves of a folder, by name; none without one. */
export const shelvesIn = (dir: string | undefined, journal: string) => (name: string) =>
  dir !== undefined && /^rows-\d+\.ops$/.test(name) ? openShelf(dir, name, journal) : undefined

/** The workspace that a body is of. */
export const workspaceOf = (body: JsonValue): string => (body as unknown as Kept).workspace
