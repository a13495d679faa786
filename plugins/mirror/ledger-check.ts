/**
 * Is the repository the ledger of this journal? Walks the history of main as it lies there, without
 * the index (a cache may be altered as well), and asks of each commit what only the mirror can have
 * made: the signature of the ledger key, the event whose digest it names, the very event that the
 * journal holds under that number.
 *
 * What this cannot show: commits missing at the end are events that are "not in the ledger yet", as
 * after an outage. Only the journal, or somebody who remembers a commit id, tells them apart.
 *
 * @module
 */
import type { KeyObject } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { digestOfText } from 'prov'
import type { Count, ProvError } from 'prov'
import { mirrorErrors } from './errors.ts'
import { parseIndex } from './index-lines.ts'
import { parseTrailers } from './message.ts'
import type { LedgerTrailers } from './message.ts'
import { Seen } from './seen.ts'
import { isSignedBy } from './signed-commit.ts'
import { branch } from './ref.ts'
import { eventFile } from './writer.ts'

export interface LedgerCheck {
  /** Commits that were looked at. */
  readonly commits: Count
  /** Commit that main points to; absent while there is none. */
  readonly head?: string
  /** PROV_LEDGER_*, PROV_AUDIT_FORKED: oldest first; the first `findingsMost` of them. */
  readonly findings: readonly ProvError[]
}

/** One altered commit near the root breaks all after it: nobody reads ten thousand of these. */
export const findingsMost: Count = 100

export async function checkLedger(options: {
  readonly dir: string
  /** Default: `.git` in it. */
  readonly gitdir?: string | undefined
  /** Public key of the ledger, as the journal enrolled it; without one no signature is judged. */
  readonly key: KeyObject | undefined
  /** Digests of the journal's events by emitter; event n at index n - 1. */
  readonly journal: ReadonlyMap<string, readonly string[]>
}): Promise<LedgerCheck> {
  const { dir, key, journal, gitdir = join(dir, '.git') } = options
  const { default: git } = await import('isomorphic-git')
  const repo = { fs, dir, gitdir, cache: {} }
  const head = await git.resolveRef({ ...repo, ref: branch }).catch(() => undefined)
  const text = await fs.promises.readFile(join(gitdir, 'prov', 'index'), 'utf8').catch(() => '')
  const indexed = parseIndex(text)?.at(-1)?.commit
  const altered = (commit: string, why: string) =>
    mirrorErrors.PROV_LEDGER_FOREIGN({ dir, commit, why })

  const found: { commit: string; says: LedgerTrailers | undefined; error?: ProvError }[] = []
  let met = indexed === undefined
  for (let at = head; at !== undefined;) {
    met ||= at === indexed
    const commit: string = at
    try {
      const { commit: content } = await git.readCommit({ ...repo, oid: commit })
      const { object } = await git.readObject({ ...repo, oid: commit, format: 'content' })
      const says = parseTrailers(content.message)
      const good = !key || isSignedBy(object as Uint8Array, key)
      const { blob } = await git.readBlob({ ...repo, oid: content.tree, filepath: eventFile })
      const why = !good
        ? 'its signature is not one of the ledger key'
        : !says
          ? 'it has no trailers'
          : digestOfText(Buffer.from(blob).toString('utf8')) !== says.digest
            ? `${eventFile} is not what its digest says`
            : undefined
      const named = says ? `event ${says.n} of ${says.emitter}: ${why}` : `${why}`
      found.push({ commit, says, ...(why !== undefined && { error: altered(commit, named) }) })
      at = content.parent[0]
    } catch (thrown) {
      // A damaged or missing object: nothing before it can be reached.
      found.push({ commit, says: undefined, error: altered(commit, (thrown as Error).message) })
      break
    }
  }

  const whole = found.at(-1)?.error === undefined || found.at(-1)?.says !== undefined
  const findings: ProvError[] = []
  const seen = new Seen()
  for (const { commit, says, error } of found.reverse()) {
    if (error) findings.push(error)
    if (!says) continue
    const { emitter, n, digest } = says
    const last = seen.last(emitter)
    if (!seen.add(says)) {
      // Behind a damaged object no order can be told.
      if (!whole) continue
      findings.push(altered(commit, `it holds event ${n} of ${emitter} after event ${last}`))
      continue
    }
    const held = journal.get(emitter)?.[n - 1]
    if (held === undefined || held === digest) continue
    findings.push(mirrorErrors.PROV_AUDIT_FORKED({ emitter, n, ledger: digest, found: held }))
  }
  for (const emitter of seen.emitters()) {
    const [ledger, known] = [seen.last(emitter), journal.get(emitter)?.length ?? 0]
    if (ledger <= known) continue
    findings.push(mirrorErrors.PROV_LEDGER_AHEAD({ emitter, ledger, journal: known }))
  }
  if (!met) {
    const [expected, now] = [indexed ?? 'empty', head ?? 'empty']
    findings.push(mirrorErrors.PROV_LEDGER_MOVED({ dir, expected, found: now }))
  }
  return {
    commits: found.length,
    ...(head !== undefined && { head }),
    findings: findings.slice(0, findingsMost),
  }
}
