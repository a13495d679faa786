/**
 * `<workspace>-state`: one delegate and no other, the ledger key that the journal enrolled, and every
 * commit the mirror's. Who stands in git's file of signers is whom plain git believes.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ProvError } from 'prov'
import { mirrorErrors } from '../errors.ts'
import type { JournalSide } from '../journal-side.ts'
import { checkLedger } from '../ledger-check.ts'
import { sshPublicKey } from '../sshsig.ts'
import { absent } from './people.ts'
import type { Checked } from './people.ts'
import { gitdirOf } from './places.ts'
import type { RepositoryPlace } from './places.ts'
import { compareWithRadicle } from './radicle.ts'
import type { Environment } from './radicle.ts'
import { idOf, keysOf, namesOf, readSigners } from './signers.ts'

/** `side`: undefined where there is no journal; then the one delegate's key is what is judged by. */
export async function checkLedgerRepository(
  place: RepositoryPlace,
  { side, env }: { readonly side: JournalSide | undefined; readonly env: Environment },
): Promise<Checked> {
  const { name, path } = place
  const gitdir = gitdirOf(path)
  if (gitdir === undefined) return absent(place, 'there is no git repository')
  const file = join(gitdir, 'allowed_signers')
  const text = await readFile(file, 'utf8').catch(() => undefined)
  const signers = readSigners(text, { repository: name, file })
  const findings: ProvError[] = []
  const skipped: string[] = []
  if (ProvError.is(signers)) findings.push(signers)
  const known = ProvError.is(signers) ? undefined : signers
  const keys = known ? keysOf(known) : []
  const wrong = (what: string) =>
    findings.push(
      mirrorErrors.PROV_GOVERNANCE_DELEGATE({ repository: name, what }, { place: { file } }),
    )
  if (known && keys.length !== 1) {
    wrong(`${keys.length} keys stand there, of ${namesOf(known).join(', ') || 'nobody'}`)
  }
  const enrolled = side?.key
  if (enrolled && known && !keys.some((key) => idOf(key) === idOf(enrolled))) {
    wrong(`the journal enrolled ${sshPublicKey(enrolled)}`)
  }
  if (!enrolled)
    skipped.push('no journal here says which key is the ledger’s: its own word is taken')
  const key = enrolled ?? keys[0]
  const {
    commits,
    head,
    findings: told,
  } = await checkLedger({
    dir: path,
    gitdir,
    key,
    journal: side?.digests ?? new Map(),
  })
  findings.push(...told.filter(({ code }) => side || code !== 'PROV_LEDGER_AHEAD'))
  if (known) {
    const radicle = await compareWithRadicle(place, { gitdir, signers: known, env })
    if (ProvError.is(radicle)) findings.push(radicle)
    else if (radicle !== undefined) skipped.push(radicle)
  }
  const repository = {
    name,
    path,
    ...(head !== undefined && { head }),
    commits,
    delegates: known ? namesOf(known) : [],
    skipped,
  }
  return { repository, findings, signers: known }
}
