/**
 * Was the journal set back, by what the ledger remembers? Asked before anything runs (D-36): a journal
 * that forgot a claim would claim it again. Reads the end of the index alone, a few milliseconds; what
 * the index does not say is found when the whole ledger is opened, a moment later.
 *
 * @module
 */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bytes, Count, Emitter } from 'prov'
import { mirrorErrors } from './errors.ts'
import { parseIndex } from './index-lines.ts'
import type { IndexLine } from './index-lines.ts'

const emitters: readonly Emitter[] = ['submitter', 'keeper', 'controller', 'orchestrator']
/** Some hundred lines: the last events of every emitter that lately said something. */
const tailBytes: Bytes = 65_536

/**
 * Throws PROV_LEDGER_AHEAD when the ledger in a folder goes on where the journal ends. One that tells
 * another story is of another journal, whose tokens have no force here: the mirror says so later.
 */
export async function refuseSetBack(
  dir: string,
  end: (emitter: Emitter) => { readonly n: Count; readonly digest: string | null },
): Promise<void> {
  const path = join(dir, '.git', 'prov', 'index')
  const last = new Map((await linesOf(path, tailBytes)).map((line) => [line.emitter, line.n]))
  const ahead = emitters.find((emitter) => (last.get(emitter) ?? 0) > end(emitter).n)
  if (ahead === undefined) return
  const same = (await linesOf(path)).some(({ emitter: name, n, digest }) => {
    const emitter = emitters.find((one) => one === name)
    return emitter !== undefined && end(emitter).n === n && end(emitter).digest === digest
  })
  if (!same) return
  const [ledger, journal] = [last.get(ahead) ?? 0, end(ahead).n]
  throw mirrorErrors.PROV_LEDGER_AHEAD({ emitter: ahead, ledger, journal })
}

/** Lines at the end of an index, or all; none where there is no index, or one that says nothing. */
async function linesOf(path: string, most: Bytes = Infinity): Promise<readonly IndexLine[]> {
  const file = await open(path).catch(() => undefined)
  if (!file) return []
  try {
    const { size } = await file.stat()
    const from = Math.max(0, size - most)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from)
    const text = buffer.toString('utf8', 0, bytesRead)
    // It may begin in the middle of a line.
    return parseIndex(from === 0 ? text : text.slice(text.indexOf('\n') + 1)) ?? []
  } finally {
    await file.close()
  }
}
