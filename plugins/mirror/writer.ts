/**
 * The ledger as a git repository: one signed commit per event, whose tree is the event alone. A tree
 * that kept all events would be written again with each of them; history keeps them as well.
 *
 *     blob, tree, commit ─▶ … ─▶ fsync objects ─▶ move main, fsync ─▶ index line ─▶ resolved
 *
 * main is moved once per batch, after everything it leads to is durable. `.git/prov/index` holds one
 * line per commit; it is only a cache of the trailers and is made again from history when it is
 * missing or behind. One writer at a time: the caller holds the writer lock of the workspace.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ProvError } from 'prov'
import { gitDisk } from './disk.ts'
import { makeRepository } from './repository.ts'
import { mirrorErrors } from './errors.ts'
import { indexText, parseIndex } from './index-lines.ts'
import type { IndexLine } from './index-lines.ts'
import { commitMessage, parseTrailers } from './message.ts'
import type { LedgerEntry } from './message.ts'
import { branch, moveRef } from './ref.ts'
import { Seen } from './seen.ts'
import { isSignedBy } from './signed-commit.ts'
import { sshPublicKey, sshSignature } from './sshsig.ts'

export interface LedgerOptions {
  /** Folder of the repository; made when it is not there. */
  readonly dir: string
  /** Name of the workspace. */
  readonly workspace: string
  /** Private Ed25519 key that signs commits. */
  readonly key: KeyObject
  /** Ends a batch before main moves: what was made of it leads nowhere, and is made again. Default: never. */
  readonly signal?: AbortSignal | undefined
}

export interface LedgerWriter {
  readonly dir: string
  readonly seen: Seen
  /** Commit that main points to; undefined while there is none. */
  readonly head: string | undefined
  /**
   * Adds one commit per entry, in order. Resolves with their ids once all are durable. Entries must
   * be the next ones of their emitters. Throws PROV_LEDGER_MOVED, _HEAD_LOST, _WRITE_FAILED; then none
   * of them counts and the same call may be made again.
   */
  append(entries: readonly LedgerEntry[]): Promise<readonly string[]>
}

export const eventFile = 'event.json'

/**
 * Opens or makes the repository and finds out what it holds. Throws PROV_LEDGER_FOREIGN,
 * PROV_LEDGER_HEAD_LOST, PROV_LEDGER_WRITE_FAILED.
 */
export async function openLedger(options: LedgerOptions): Promise<LedgerWriter> {
  const { dir, workspace, key, signal } = options
  const gitdir = join(dir, '.git')
  const { default: git } = await import('isomorphic-git')
  const beside = join(gitdir, 'prov', 'beside')
  const disk = gitDisk(beside)
  const repo = { fs: disk.fs, dir, gitdir, cache: {} }
  const address = `ledger@${workspace}`

  const failed = (cause: unknown) =>
    mirrorErrors.PROV_LEDGER_WRITE_FAILED({ dir, why: (cause as Error).message }, { cause })

  try {
    // With what a killed process was about to name; the caller's lock says that nobody else writes.
    await rm(beside, { recursive: true, force: true })
    await makeRepository(disk, { dir, gitdir, beside })
    const signers = join(gitdir, 'allowed_signers')
    const line = `${address} namespaces="git" ${sshPublicKey(key)}`
    // Older keys stay, since older commits bear them.
    const known = await readFile(signers, 'utf8').catch(() => '')
    if (!known.split('\n').includes(line)) {
      await disk.fs.promises.writeFile(signers, `${known}${line}\n`)
    }
    // Absolute, since git reads a relative one from wherever it was started.
    const path = 'gpg.ssh.allowedSignersFile'
    if ((await git.getConfig({ ...repo, path })) !== signers) {
      await git.setConfig({ ...repo, path, value: signers })
    }
    // A lock that a killed process left; the caller's lock says that there is no other writer.
    await rm(join(gitdir, `${branch}.lock`), { force: true })
    await disk.flush()
  } catch (error) {
    throw failed(error)
  }

  let head = await resolveHead()
  const index = join(gitdir, 'prov', 'index')
  const seen = await resume()
  await mendGitIndex()

  async function resolveHead(): Promise<string | undefined> {
    return git.resolveRef({ ...repo, ref: branch }).catch((error: { code?: string }) => {
      if (error.code === 'NotFoundError') return undefined
      throw failed(error)
    })
  }

  /** Reads the index, and from history whatever it does not say. */
  async function resume(): Promise<Seen> {
    const text = await readFile(index, 'utf8').catch(() => '')
    let known = parseIndex(text)
    const indexed = known?.at(-1)?.commit
    // Nothing to read is not nothing written: a new history would hide the old one.
    if (head === undefined && indexed !== undefined) {
      throw mirrorErrors.PROV_LEDGER_HEAD_LOST({ dir, commit: indexed })
    }
    const newer: IndexLine[] = []
    for (let at = head; at !== undefined && at !== indexed;) {
      const { commit } = await git.readCommit({ ...repo, oid: at })
      const trailers = parseTrailers(commit.message)
      if (!trailers) {
        throw mirrorErrors.PROV_LEDGER_FOREIGN({ dir, commit: at, why: 'it has no trailers' })
      }
      // Trailers can be copied. What the index does not vouch for must bear the signature.
      const { object } = await git.readObject({ ...repo, oid: at, format: 'content' })
      if (!isSignedBy(object as Uint8Array, key)) {
        const why = 'its signature is not one of the ledger key'
        throw mirrorErrors.PROV_LEDGER_FOREIGN({ dir, commit: at, why })
      }
      newer.push({ commit: at, ...trailers })
      at = commit.parent[0]
      // The whole history without meeting the index: it belongs to another one.
      if (at === undefined) known = undefined
    }
    const lines = [...(known ?? []), ...newer.reverse()]
    const fresh = new Seen()
    for (const line of lines) {
      if (fresh.add(line)) continue
      const { commit, emitter, n } = line
      const why = `it holds event ${n} of ${emitter} after event ${fresh.last(emitter)}`
      throw mirrorErrors.PROV_LEDGER_FOREIGN({ dir, commit, why })
    }
    if (known === undefined || newer.length > 0) {
      await writeFile(index, lines.map(indexText).join(''))
    }
    return fresh
  }

  /** Git's own index only shows the last event, unsynced; one that a power cut spoilt lets nobody commit. */
  async function mendGitIndex(): Promise<void> {
    const file = join(gitdir, 'index')
    const bytes = await readFile(file).catch(() => undefined)
    if (!bytes || isGitIndex(bytes)) return
    await rm(file, { force: true })
    if (head === undefined) return
    const { blob } = await git.readBlob({ ...repo, oid: head, filepath: eventFile })
    await show(blob).catch(() => undefined)
  }

  async function commitOf(entry: LedgerEntry, parent: string | undefined): Promise<string> {
    const { event, text } = entry
    const blob = await git.writeBlob({ ...repo, blob: Buffer.from(text) })
    const tree = await git.writeTree({
      ...repo,
      tree: [{ mode: '100644', path: eventFile, oid: blob, type: 'blob' }],
    })
    // The time of the event, so that the same events give the same commits wherever they are written.
    const timestamp = Math.floor(Date.parse(event.time) / 1_000)
    const when = { timestamp, timezoneOffset: 0 }
    return git.commit({
      ...repo,
      ref: branch,
      noUpdateBranch: true,
      tree,
      parent: parent === undefined ? [] : [parent],
      message: commitMessage(entry),
      author: { name: event.emitter, email: `${event.emitter}@${workspace}`, ...when },
      committer: { name: 'prov mirror', email: address, ...when },
      // Only its presence counts: the key itself stays with us.
      signingKey: 'ledger',
      onSign: ({ payload }) => ({ signature: sshSignature(payload, { key, namespace: 'git' }) }),
    })
  }

  async function moveHead(to: string): Promise<void> {
    const found = await resolveHead()
    if (found === undefined && head !== undefined) {
      throw mirrorErrors.PROV_LEDGER_HEAD_LOST({ dir, commit: head })
    }
    if (found !== head) {
      const [expected, now] = [head ?? 'empty', found ?? 'empty']
      throw mirrorErrors.PROV_LEDGER_MOVED({ dir, expected, found: now })
    }
    await moveRef(gitdir, branch, to)
  }

  return {
    dir,
    seen,
    get head() {
      return head
    },
    async append(entries) {
      const lines: IndexLine[] = []
      try {
        let parent = head
        for (const entry of entries) {
          signal?.throwIfAborted()
          const { emitter, n } = entry.event
          parent = await commitOf(entry, parent)
          lines.push({ commit: parent, emitter, n, digest: entry.digest })
        }
        if (parent === undefined || lines.length === 0) return []
        await disk.flush()
        await moveHead(parent)
        head = parent
      } catch (error) {
        throw ProvError.is(error) ? error : failed(error)
      }
      for (const line of lines) seen.add(line)
      // From here on the events are in the ledger; what follows can be made again.
      await appendFile(index, lines.map(indexText).join('')).catch(() => undefined)
      await show((entries.at(-1) as LedgerEntry).text).catch(() => undefined)
      return lines.map((line) => line.commit)
    },
  }

  /** Keeps the working folder as git expects it, so that `git status` there is clean. */
  async function show(event: string | Uint8Array): Promise<void> {
    await writeFile(join(dir, eventFile), event)
    await git.add({ ...repo, filepath: eventFile })
  }
}

/** True when it ends with the digest of all that is before it. */
function isGitIndex(bytes: Buffer): boolean {
  const body = bytes.subarray(0, -20)
  return createHash('sha1').update(body).digest().equals(bytes.subarray(-20))
}
