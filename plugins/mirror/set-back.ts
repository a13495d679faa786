/**
 * Was the journal set back, by what the ledger remembers? Asked before anything runs (D-36): a journal
 * that forgot a claim would claim it again. Reads the end of the index, a few milliseconds, where it ends
 * with the ledger; from history what it does not say, as after the ledger was fetched from elsewhere.
 *
 * Nobody's signature is looked at: who may write into the ledger's folder can keep a workspace from
 * starting anyway, and a ledger whose key was lost remembers as well as any.
 *
 * @module
 */
import fs from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bytes, Count, Emitter } from 'prov'
import { mirrorErrors } from './errors.ts'
import { parseIndex } from './index-lines.ts'
import type { IndexLine } from './index-lines.ts'
import { parseTrailers } from './message.ts'
import { branch } from './ref.ts'

type Said = Pick<IndexLine, 'emitter' | 'n' | 'digest'>

const emitters: readonly Emitter[] = ['submitter', 'keeper', 'controller', 'orchestrator']
/** Some hundred lines: the last events of every emitter that lately said something. */
const tailBytes: Bytes = 65_536

/**
 * Throws PROV_LEDGER_AHEAD when the ledger in a folder goes on where the journal ends, PROV_LEDGER_CUT when
 * what would tell is not there. One that tells
 * another story is of another journal, whose tokens have no force here: the mirror says so later.
 */
export async function refuseSetBack(
  dir: string,
  end: (emitter: Emitter) => { readonly n: Count; readonly digest: string | null },
): Promise<void> {
  const newest = new Map<string, Count>()
  let known = false
  const done = (): boolean => emitters.every((one) => newest.has(one))
  const ahead = () => emitters.find((one) => (newest.get(one) ?? 0) > end(one).n)
  // Newest first: the first number of an emitter is its last.
  for await (const { emitter: name, n, digest } of ledgerBackwards(dir)) {
    const emitter = emitters.find((one) => one === name)
    if (emitter === undefined) continue
    if (!newest.has(emitter)) newest.set(emitter, n)
    known ||= end(emitter).n === n && end(emitter).digest === digest
    if (ahead() === undefined ? done() : known) break
  }
  const by = ahead()
  if (by === undefined || !known) return
  const [ledger, journal] = [newest.get(by) ?? 0, end(by).n]
  throw mirrorErrors.PROV_LEDGER_AHEAD({ emitter: by, ledger, journal })
}

/** What the ledger holds, newest first; nothing where there is none. */
async function* ledgerBackwards(dir: string): AsyncGenerator<Said> {
  const gitdir = join(dir, '.git')
  const index = join(gitdir, 'prov', 'index')
  const tail = await linesOf(index, tailBytes)
  const indexed = tail.at(-1)?.commit
  const head = (await readFile(join(gitdir, branch), 'utf8').catch(() => '')).trim()
  // It may have come in another form, or without a line of ours.
  if (head === '' || head !== indexed) yield* historyUntil(dir, indexed)
  yield* tail.toReversed()
  const rest = await linesOf(index)
  yield* rest.slice(0, rest.length - tail.length).reverse()
}

/**
 * From main back to a commit, or to the first. What cannot be read hides how the story began: it is no
 * reason to take it for another one.
 */
async function* historyUntil(dir: string, indexed: string | undefined): AsyncGenerator<Said> {
  const { default: git } = await import('isomorphic-git')
  const repo = { fs, dir, gitdir: join(dir, '.git'), cache: {} }
  let at = await git.resolveRef({ ...repo, ref: branch }).catch(() => undefined)
  const branches = at === undefined ? await git.listBranches(repo).catch(() => []) : []
  const [other] = branches.filter((name) => !name.startsWith('left/'))
  if (other !== undefined)
    throw mirrorErrors.PROV_LEDGER_CUT({ dir, what: `${branch}, beside ${other}` })
  while (at !== undefined && at !== indexed) {
    const commit: string = at
    const found = await git.readCommit({ ...repo, oid: commit }).catch(() => {
      throw mirrorErrors.PROV_LEDGER_CUT({ dir, what: `commit ${commit}` })
    })
    const says = parseTrailers(found.commit.message)
    if (says) yield says
    at = found.commit.parent[0]
  }
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
