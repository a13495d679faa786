/**
 * The repositories that people govern, `policy-<workspace>` and `<workspace>-desired`: is it said who
 * decides, are they enough, and did they sign each commit and agree to each step of main?
 *
 * @module
 */
import { join } from 'node:path'
import { ProvError } from 'prov'
import type { Count } from 'prov'
import { mirrorErrors } from '../errors.ts'
import { readHistory } from './history.ts'
import type { Commit, History, Step } from './history.ts'
import { gitdirOf } from './places.ts'
import type { RepositoryPlace } from './places.ts'
import { agreedTo, neededFor, productionLeast } from './quorum.ts'
import { compareWithRadicle } from './radicle.ts'
import type { Environment } from './radicle.ts'
import { idOf, keysOf, namesOf, readSigners, signerOf, signersFile } from './signers.ts'
import type { Signers } from './signers.ts'

/** What was found about one repository. */
export interface RepositoryCheck {
  readonly name: string
  readonly path: string
  readonly head?: string
  /** Commits that were judged. */
  readonly commits: Count
  readonly threshold?: Count
  readonly delegates: readonly string[]
  /** What was not looked at, and why. */
  readonly skipped: readonly string[]
}

export interface Checked {
  readonly repository: RepositoryCheck
  readonly findings: readonly ProvError[]
  readonly signers: Signers | undefined
}

export interface Rules {
  /** True: a threshold of one is refused. */
  readonly production: boolean
  /** Of desired: the delegates of policy, beside whom CI may sign. */
  readonly operators?: Signers | undefined
  readonly env: Environment
}

export async function checkPeople(place: RepositoryPlace, rules: Rules): Promise<Checked> {
  const { name, path, role, root } = place
  const findings: ProvError[] = []
  const gitdir = gitdirOf(path)
  if (gitdir === undefined) return absent(place, 'there is no git repository')
  try {
    const history = await readHistory(gitdir, root)
    const { head } = history
    if (head === undefined) return absent(place, 'it has no branch main')
    if (!history.rooted && root !== undefined) {
      findings.push(
        mirrorErrors.PROV_GOVERNANCE_MOVED({ repository: name, root }, { place: { file: path } }),
      )
    }
    const judged = await judgeSteps(place, history, rules)
    findings.push(...judged.findings)
    const { signers } = judged
    const skipped: string[] = []
    if (root === undefined) {
      skipped.push(
        `governance.${role}.root names no commit: a history made anew from its first would look whole`,
      )
    }
    if (signers) {
      findings.push(...profileOf(place, signers, rules))
      const radicle = await compareWithRadicle(place, { gitdir, signers, env: rules.env })
      if (ProvError.is(radicle)) findings.push(radicle)
      else if (radicle !== undefined) skipped.push(radicle)
    }
    const repository = {
      name,
      path,
      head,
      commits: history.steps.reduce((sum, { came }) => sum + came.length, 0),
      ...(signers?.threshold !== undefined && { threshold: signers.threshold }),
      delegates: signers ? namesOf(signers) : [],
      skipped,
    }
    return { repository, findings, signers }
  } catch (thrown) {
    if (ProvError.is(thrown)) throw thrown
    // A damaged or missing object: git's own words name it.
    return absent(place, (thrown as Error).message)
  }
}

/** A repository of which nothing can be read. */
export function absent({ name, role, path }: RepositoryPlace, what: string): Checked {
  const error = mirrorErrors.PROV_GOVERNANCE_ABSENT(
    { repository: name, role, path, what },
    { place: { file: path } },
  )
  const repository = { name, path, commits: 0, delegates: [], skipped: [] }
  return { repository, findings: [error], signers: undefined }
}

/** Are those who decide enough, and the right ones? */
function profileOf(
  { name, path, role }: RepositoryPlace,
  signers: Signers,
  { production, operators }: Rules,
): readonly ProvError[] {
  const place = { file: join(path, signersFile) }
  const delegates = signers.delegates.length
  const { threshold } = signers
  if (threshold === undefined) {
    const what = 'it says no threshold'
    return [mirrorErrors.PROV_GOVERNANCE_PROFILE({ repository: name, what }, { place })]
  }
  const refuse = (what: string) => {
    const detail = { repository: name, threshold, delegates, what }
    return [mirrorErrors.PROV_GOVERNANCE_THRESHOLD(detail, { place })]
  }
  if (threshold > delegates) return refuse('there are not so many')
  if (production && threshold < productionLeast) {
    return refuse(`in production it takes ${productionLeast} at least`)
  }
  if (role !== 'desired' || !operators) return []
  const known = new Set(keysOf(operators).map(idOf))
  const persons = signers.delegates.filter(({ keys }) => keys.some((key) => known.has(idOf(key))))
  if (persons.length >= threshold) return []
  const few = `${persons.length} of them are operators, delegates of policy; CI decides without people`
  return refuse(few)
}

/** Each commit signed by a delegate, each step agreed to by enough of those who decided before it. */
async function judgeSteps(
  place: RepositoryPlace,
  history: History,
  { production }: Rules,
): Promise<Judged> {
  const findings: ProvError[] = []
  const whose = { repository: place.name, file: join(place.path, signersFile) }
  let text: string | undefined
  let signers: Signers | undefined
  for (const step of history.steps) {
    const next = await history.text(step.commit.id, signersFile)
    const changesSigners = next !== text || step.before === undefined
    const before = signers
    if (changesSigners) {
      const said = readSigners(next, whose)
      // Whoever decided goes on deciding where the file says nothing that can be read.
      if (ProvError.is(said)) findings.push(said)
      else signers = said
      text = next
    }
    // Before anybody is named nobody can be a stranger: that nobody is named is the finding.
    const judges = before ?? signers
    const how = { changesSigners, production }
    if (judges) findings.push(...judgeStep(place, step, { signers: judges, ...how }))
  }
  return { findings, signers }
}

interface Judged {
  readonly findings: readonly ProvError[]
  /** Who decides now: as the newest file says that can be read. */
  readonly signers: Signers | undefined
}

function judgeStep(
  { name, path }: RepositoryPlace,
  step: Step,
  { signers, ...how }: { readonly signers: Signers } & Parameters<typeof neededFor>[1],
): readonly ProvError[] {
  const options = { place: { file: path } }
  const signer = new Map(step.came.map(({ id, raw }) => [id, signerOf(raw, signers)]))
  const foreign = step.came
    .filter(({ id }) => signer.get(id) === undefined)
    .map((commit) => {
      const why = isSigned(commit)
        ? `its signature is not one of ${namesOf(signers).join(', ')}`
        : 'it bears no signature'
      const detail = { repository: name, commit: commit.id, why }
      return mirrorErrors.PROV_GOVERNANCE_FOREIGN(detail, options)
    })
  if (step.before === undefined) return foreign
  const by = agreedTo(step, ({ id }) => signer.get(id))
  const needed = neededFor(signers, how)
  if (by.length >= needed) return foreign
  const detail = { repository: name, commit: step.commit.id, needed, by }
  return [...foreign, mirrorErrors.PROV_GOVERNANCE_QUORUM(detail, options)]
}

const isSigned = ({ raw }: Commit): boolean =>
  /^gpgsig /m.test(Buffer.from(raw).toString('latin1').split('\n\n', 1)[0] ?? '')
