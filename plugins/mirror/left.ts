/**
 * What the ledger holds of a history that the journal left. A person who adopts an older journal (D-36)
 * says by that: what came behind it is lost here. The ledger has it still, and keeps it:
 *
 *     root ── … ── common ── … ── head        refs/heads/left/<head>: what was left
 *                        └─ adopted ── …      main: goes on with what this journal says
 *
 * Only for an adoption that a person signed and main does not hold yet: from then on a journal that is
 * set back is refused as before. Done twice it is done once.
 *
 * @module
 */
import fs from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crashPoint, eventDigest, eventIn, isAudit, replaceFile } from 'prov'
import type { AuditEvent, Journal } from 'prov'
import { parseIndex } from './index-lines.ts'
import type { IndexLine } from './index-lines.ts'
import { moveRef } from './ref.ts'
import { branch } from './ref.ts'

type Reader = Pick<Journal, 'id' | 'lineage' | 'read'>

export const leftRefs = 'refs/heads/left'

/**
 * True while the ledger does not hold that this journal was adopted: that it knows more is no news. A
 * note beside the index spares reading the journal; without it the journal is read.
 */
export async function leaves(dir: string, journal: Reader): Promise<boolean> {
  if (journal.lineage.length === 1 || (await isNoted(dir, journal))) return false
  const { adoption } = await told(journal)
  return !adoption || !(await indexIn(dir)).some((line) => isEvent(line, adoption))
}

/**
 * Sets main back to what this journal bears out and keeps the rest under a branch of its own. The
 * ledger is opened before, so that its index is whole, and again when this answers true.
 */
export async function leave(dir: string, journal: Reader): Promise<boolean> {
  if (await isNoted(dir, journal)) return false
  const { adoption, digests } = await told(journal)
  // Where nobody signed it a person looks first.
  if (adoption?.data.act === undefined) return false
  const gitdir = join(dir, '.git')
  const lines = await indexIn(dir)
  if (lines.some((line) => isEvent(line, adoption))) {
    replaceFile(noteIn(dir), journal.id)
    return false
  }
  const first = lines.findIndex(
    ({ emitter, n, digest }) => digests.get(emitter)?.[n - 1] !== digest,
  )
  const head = lines.at(-1)?.commit
  if (first === -1 || head === undefined) return false
  await moveRef(gitdir, `${leftRefs}/${head.slice(0, 12)}`, head)
  crashPoint('left')
  // Before main: an index that knows more than main is taken for a main that was lost.
  await rm(join(gitdir, 'prov', 'index'), { force: true })
  crashPoint('left')
  const common = lines[first - 1]?.commit
  if (common !== undefined) await moveRef(gitdir, branch, common)
  else {
    const { default: git } = await import('isomorphic-git')
    await git.deleteRef({ fs, gitdir, ref: branch })
  }
  crashPoint('left')
  return true
}

/** Main held the adoption of this journal when somebody last looked. */
const isNoted = async (dir: string, { id }: Reader): Promise<boolean> =>
  (await readFile(noteIn(dir), 'utf8').catch(() => '')) === id

const noteIn = (dir: string): string => join(dir, '.git', 'prov', 'adopted')

async function indexIn(dir: string): Promise<readonly IndexLine[]> {
  return (
    parseIndex(await readFile(join(dir, '.git', 'prov', 'index'), 'utf8').catch(() => '')) ?? []
  )
}

const isEvent = ({ emitter, n, digest }: IndexLine, event: AuditEvent): boolean =>
  emitter === event.emitter && n === event.n && digest === eventDigest(event)

/** What the journal says: digests by emitter, and how it came to its id. */
async function told(journal: Reader) {
  const digests = new Map<string, string[]>()
  let adoption: AuditEvent<'journal.adopted'> | undefined
  for await (const record of journal.read()) {
    const event = eventIn(record)
    if (!event) continue
    const list = digests.get(event.emitter)
    if (list) list.push(eventDigest(event))
    else digests.set(event.emitter, [eventDigest(event)])
    if (isAudit(event, 'journal.adopted') && event.data.to === journal.id) adoption = event
  }
  return { digests, adoption }
}
