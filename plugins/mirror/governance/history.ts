/**
 * The history of main, read without git: which commits there are, and which of them came with which
 * step of main. A step is a commit on the line of first parents; what it merged came with it.
 *
 *     ●──●───────────●  main, three steps
 *         ╲         ╱
 *          ●───────●    came with the third
 *
 * @module
 */
import fs from 'node:fs'

export interface Commit {
  readonly id: string
  readonly tree: string
  readonly parents: readonly string[]
  /** The bytes that its signature is over, with it. */
  readonly raw: Uint8Array
}

export interface Step {
  readonly commit: Commit
  /** What main pointed to before; undefined for the first. */
  readonly before: string | undefined
  /** It and everything that came with it. */
  readonly came: readonly Commit[]
}

export interface History {
  readonly head: string | undefined
  /** Oldest first. From `root` on, when one is named and main leads back to it. */
  readonly steps: readonly Step[]
  /** False when a root is named and main does not lead back to it. */
  readonly rooted: boolean
  /** Text of a file at the top of a commit; undefined when there is none of that name. */
  text(commit: string, name: string): Promise<string | undefined>
}

/** Throws what isomorphic-git throws for damaged and missing objects. */
export async function readHistory(gitdir: string, root: string | undefined): Promise<History> {
  const { default: git } = await import('isomorphic-git')
  const repo = { fs, gitdir, cache: {} }
  const known = new Map<string, Commit>()
  const read = async (id: string): Promise<Commit> => {
    const before = known.get(id)
    if (before) return before
    const { commit } = await git.readCommit({ ...repo, oid: id })
    const { object } = await git.readObject({ ...repo, oid: id, format: 'content' })
    const { tree, parent: parents } = commit
    const found = { id, tree, parents, raw: object as Uint8Array }
    known.set(id, found)
    return found
  }
  const seen = new Set<string>()
  /** Everything that leads to a commit and was not met before. */
  const newAt = async (id: string): Promise<readonly Commit[]> => {
    const found: Commit[] = []
    const waiting = [id]
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (seen.has(at)) continue
      seen.add(at)
      const commit = await read(at)
      found.push(commit)
      waiting.push(...commit.parents)
    }
    return found
  }

  const head = await git
    .resolveRef({ ...repo, ref: 'refs/heads/main' })
    .catch((error: { code?: string }) => {
      if (error.code === 'NotFoundError') return undefined
      throw error
    })
  const line: Commit[] = []
  for (let at = head; at !== undefined; at = at === root ? undefined : line.at(-1)?.parents[0]) {
    line.push(await read(at))
  }
  const rooted = root === undefined || line.at(-1)?.id === root
  const steps: Step[] = []
  for (const [at, commit] of line.reverse().entries()) {
    // What lies before the root is vouched for by whoever named it.
    if (at === 0) for (const parent of commit.parents) await newAt(parent)
    const before = at === 0 ? undefined : commit.parents[0]
    steps.push({ commit, before, came: await newAt(commit.id) })
  }
  return {
    head,
    steps,
    rooted,
    async text(commit, name) {
      const { tree } = await git.readTree({ ...repo, oid: commit })
      const entry = tree.find(({ path, type }) => path === name && type === 'blob')
      if (!entry) return undefined
      const { blob } = await git.readBlob({ ...repo, oid: entry.oid })
      return Buffer.from(blob).toString('utf8')
    },
  }
}
