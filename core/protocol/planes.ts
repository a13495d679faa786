/**
 * Which planes live in one process. All of them, as a rule: then one journal holds everything and
 * nobody hears anybody. A journal that was begun by joining holds one plane, and one whose plane was
 * handed over holds the others; both is written in the journal itself, so nobody can start the same
 * plane twice by a wrong option.
 *
 * @module
 */
import type { JsonObject } from '../json.ts'
import type { Journal, JournalEntry, JournalReader, JournalRecord } from '../journal/journal.ts'
import type { Count } from '../units.ts'
import type { AuditEvent, Emitter } from './audit.ts'

export const planeNames = ['submitter', 'keeper', 'controller', 'mirror'] as const
export type PlaneName = (typeof planeNames)[number]

/** Keys that a plane signs with; no process holds those of another one. */
const keysOf = {
  submitter: ['submitter'],
  keeper: ['keeper'],
  controller: ['controller', 'orchestrator'],
  mirror: ['ledger'],
} as const

export type PlaneKey = (typeof keysOf)[PlaneName][number]

export function planeKeys(planes: readonly PlaneName[]): readonly PlaneKey[] {
  return planes.flatMap((plane) => [...keysOf[plane]])
}

/** Who emits here; the ledger's key signs commits, not events. */
export function planeEmitters(planes: readonly PlaneName[]): ReadonlySet<Emitter> {
  return new Set(planeKeys(planes).filter((key) => key !== 'ledger'))
}

/** Plugins that are a part of a plane, by name; every other plugin runs wherever it is found. */
const partsOf: Readonly<Record<string, readonly PlaneName[]>> = {
  submitter: ['submitter'],
  declarations: ['submitter'],
  keeper: ['keeper'],
  controller: ['controller'],
  orchestrator: ['controller'],
  mirror: ['mirror'],
  workspace: ['submitter', 'controller'],
}

export function runsIn(plugin: string, planes: readonly PlaneName[]): boolean {
  return partsOf[plugin]?.some((plane) => planes.includes(plane)) ?? true
}

/** What the first record of a joined journal says. */
export interface Joined {
  readonly workspace: string
  /** Id of the workspace's journal: the audience of every token. */
  readonly journal: string
  /** Ids that it had, oldest first; the last one is `journal`. */
  readonly lineage: readonly string[]
  readonly plane: PlaneName
  /** Writer epoch of the journal that the plane comes from; here they count on. */
  readonly epoch: Count
  /** Keeper epoch that it was granted, where the keeper before it was taken for lost. */
  readonly granted?: Count
  /** Server on which the planes meet, as it was known then. */
  readonly url?: string
}

const partition = 'planes'
/** Type of the records that hold events of planes in other processes. */
export const heardType = 'heard'

export function joinedEntry(joined: Joined): JournalEntry {
  return { partition, type: 'joined', body: joined as unknown as JsonObject }
}

/** The plane runs here no more; `file` is where its bundle is being written. */
export function movedEntry(plane: PlaneName, file: string): JournalEntry {
  return { partition, type: 'moved', body: { plane, file } }
}

/** The bundle is whole in its place and its keys are gone here. */
export function handedEntry(plane: PlaneName): JournalEntry {
  return { partition, type: 'handed', body: { plane } }
}

/**
 * Planes that were handed over, and to which file: null for those whose bundle is complete. What else is
 * here was stopped half-way, and its plane runs nowhere until it is finished.
 */
export async function handingsOf(
  journal: Pick<Journal, 'read'>,
): Promise<ReadonlyMap<PlaneName, string | null>> {
  const found = new Map<PlaneName, string | null>()
  for await (const { type, body } of journal.read({ partition })) {
    const { plane, file } = body as unknown as { readonly plane: PlaneName; readonly file?: string }
    // Before there was a note of the file, nobody could say that it was not finished.
    if (type === 'moved') found.set(plane, file ?? null)
    if (type === 'handed') found.set(plane, null)
  }
  return found
}

/** Planes whose journal this is. */
export async function planesIn(journal: Pick<Journal, 'read'>): Promise<readonly PlaneName[]> {
  const joined = await joinedOf(journal)
  if (joined) return [joined.plane]
  const handed = await handingsOf(journal)
  return planeNames.filter((plane) => !handed.has(plane))
}

export function heardEntry(event: AuditEvent): JournalEntry {
  return { partition: heardType, type: heardType, body: event as unknown as JsonObject }
}

/** The plane that a record says is elsewhere now, or undefined. */
export function movedIn(record: JournalRecord): PlaneName | undefined {
  if (record.partition !== partition || record.type !== 'moved') return undefined
  return (record.body as { readonly plane: PlaneName }).plane
}

/** Id that the history of a workspace began with: also where only one of its planes lives. */
export async function rootOf(journal: Pick<JournalReader, 'read' | 'id' | 'lineage'>) {
  const { id, lineage } = journal
  return (await joinedOf(journal))?.lineage[0] ?? lineage[0] ?? id
}

/** Id that tokens of the workspace name, also where only one of its planes lives. */
export async function audienceOf(journal: Pick<JournalReader, 'read' | 'id'>): Promise<string> {
  return (await joinedOf(journal))?.journal ?? journal.id
}

/** How a journal was begun, when by joining. */
export async function joinedOf(journal: Pick<Journal, 'read'>): Promise<Joined | undefined> {
  for await (const { partition: of, type, body } of journal.read()) {
    return of === partition && type === 'joined' ? (body as unknown as Joined) : undefined
  }
  return undefined
}
