/**
 * What a user remembers of a journal, outside the workspace: which one, where it lies, how far it had
 * come. A folder that was set back to an older state, copied or emptied knows nothing of that; the
 * anchor does, and an opening that contradicts it is refused before anything runs twice.
 *
 *     <anchors>/<journal id>.anchor
 *     ┌ page: journal, dir, next ─┐┌ slot ────────┐┌ slot ────────┐
 *     │ placed by rename, rarely  ││ head, even n ││ head, odd n  │  overwritten in turn, one sync each
 *     └───────────────────────────┘└──────────────┘└──────────────┘
 *
 * A1  A slot is written only after the batch that it names is on disk: the log is never behind an
 *     honest anchor.
 * A2  The other slot stays as it was: a torn write leaves the head before.
 *
 * What it cannot see: a copy that another user or another machine opens, and a restore of the whole
 * machine, anchors included. Those need a witness elsewhere (the lease under NATS, the ledger).
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { ProvError } from '../errors.ts'
import type { Bytes, Count } from '../units.ts'
import { journalErrors } from './errors.ts'
import { placeFile, writeAll } from './files.ts'
import type { JournalFiles, WritableFile } from './files.ts'
import type { Position } from './journal.ts'

/** A place in the chain, counted in batches: a batch number never stands for two of them. */
export interface AnchoredHead {
  readonly epoch: Count
  readonly batch: Count
  readonly position: Position
  /** 64 hex digits. */
  readonly hash: string
}

/** What the file says. */
export interface Anchored {
  readonly file: string
  readonly journal: string
  /** Folder of the journal when it was opened last, free of links. */
  readonly dir: string
  /** The id under which the journal of that folder went on, once it was adopted. */
  readonly next?: string | undefined
  /** Absent while nothing was anchored yet. */
  readonly head?: AnchoredHead | undefined
}

const pageBytes: Bytes = 8_192
const slotBytes: Bytes = 4_096

/** One anchor, open for writing. */
export class Anchor {
  readonly #file: WritableFile
  #count: Count

  private constructor(file: WritableFile, count: Count) {
    this.#file = file
    this.#count = count
  }

  /** Makes the file, or keeps it when it says the same already. The folder must be there. */
  static async open(
    files: JournalFiles,
    folder: string,
    known: { readonly journal: string; readonly dir: string },
    head: AnchoredHead,
  ): Promise<Anchor> {
    const path = anchorFile(folder, known.journal)
    const before = await readAnchorFile(path)
    if (!before || before.dir !== known.dir || before.next !== undefined) {
      await placeAnchor(files, folder, known, before?.head ?? head)
    }
    const anchor = new Anchor(files.open(path, { exists: true }), before ? before.count : 1)
    await anchor.keep(head)
    return anchor
  }

  /** Resolves when the head is on disk. One call at a time. */
  async keep(head: AnchoredHead): Promise<void> {
    const n = ++this.#count
    await writeAll(this.#file, slotOf(n, head), pageBytes + (n % 2) * slotBytes)
    await this.#file.datasync()
  }

  close(): void {
    this.#file.close()
  }
}

/** Notes that the journal of this folder goes on under another id. */
export async function retireAnchor(
  files: JournalFiles,
  folder: string,
  known: Anchored,
  next: string,
): Promise<void> {
  const { journal, dir, head } = known
  await placeAnchor(files, folder, { journal, dir, next }, head)
}

/** The anchor of a journal. Throws PROV_JOURNAL_ANCHOR when the file is none. */
export function readAnchor(folder: string, journal: string): Promise<Anchored | undefined> {
  return readAnchorFile(anchorFile(folder, journal))
}

/** The anchor in force for whatever is written in `dir`; undefined when nothing was. */
export async function anchorOfDir(folder: string, dir: string): Promise<Anchored | undefined> {
  const names = await readdir(folder).catch(() => [] as string[])
  for (const name of names) {
    if (!name.endsWith('.anchor')) continue
    const found = await readAnchorFile(`${folder}/${name}`)
    if (found?.dir === dir && found.next === undefined) return found
  }
  return undefined
}

export function anchorFile(folder: string, journal: string): string {
  return `${folder}/${journal}.anchor`
}

async function placeAnchor(
  files: JournalFiles,
  folder: string,
  known: { readonly journal: string; readonly dir: string; readonly next?: string | undefined },
  head: AnchoredHead | undefined,
): Promise<void> {
  const page = padded(`${JSON.stringify(known)}\n`, pageBytes)
  const first = head ? slotOf(0, head) : padded('\n', slotBytes)
  const bytes = Buffer.concat([page, first, padded('\n', slotBytes)])
  await placeFile(files, folder, `${known.journal}.anchor`, bytes)
}

function slotOf(n: Count, { epoch, batch, position, hash }: AnchoredHead): Buffer {
  const text = JSON.stringify({ n, epoch, batch, position, hash })
  return padded(`${text} ${checkOf(text)}\n`, slotBytes)
}

function padded(text: string, bytes: Bytes): Buffer {
  if (Buffer.byteLength(text) > bytes) throw new Error('a path is too long to be anchored')
  return Buffer.alloc(bytes, ' ').fill(text, 0, Buffer.byteLength(text))
}

async function readAnchorFile(file: string): Promise<(Anchored & { count: Count }) | undefined> {
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    const what = thrown instanceof Error ? thrown.message : String(thrown)
    throw journalErrors.PROV_JOURNAL_ANCHOR({ file, what }, { cause: thrown })
  }
  try {
    const page = JSON.parse(bytes.toString('utf8', 0, pageBytes)) as Record<string, unknown>
    const { journal, dir, next } = page
    if (typeof journal !== 'string' || typeof dir !== 'string') throw new Error('no journal in it')
    const slots = [slotAt(bytes, pageBytes), slotAt(bytes, pageBytes + slotBytes)]
    // The epoch first: a writer that was replaced may have been late with its last slot.
    const newest = slots.sort(
      (a, b) => (b?.epoch ?? -1) - (a?.epoch ?? -1) || (b?.n ?? -1) - (a?.n ?? -1),
    )[0]
    return {
      file,
      journal,
      dir,
      ...(typeof next === 'string' && { next }),
      ...(newest && { head: newest }),
      count: Math.max(...slots.map((slot) => slot?.n ?? 0)),
    }
  } catch (thrown) {
    if (ProvError.is(thrown)) throw thrown
    const what = thrown instanceof SyntaxError ? 'its first page is not JSON' : String(thrown)
    throw journalErrors.PROV_JOURNAL_ANCHOR({ file, what })
  }
}

function slotAt(bytes: Buffer, at: number): (AnchoredHead & { n: Count }) | undefined {
  const line = bytes.toString('utf8', at, at + slotBytes).split('\n')[0] ?? ''
  const text = line.slice(0, -checkLength - 1)
  if (line.slice(-checkLength) !== checkOf(text)) return undefined
  const { n, epoch, batch, position, hash } = JSON.parse(text) as AnchoredHead & { n: Count }
  return { n, epoch, batch, position, hash }
}

const checkLength = 16

function checkOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, checkLength)
}
