/**
 * `prov validate-radicle-governance`: the three repositories of a workspace, their delegates, their
 * signatures, offline and with git's own data only. Meant to run daily.
 *
 * @module
 */
import { defineCommand, section, table } from 'prov'
import type { AuditEvent } from 'prov'
import { checkLedgerRepository } from '../governance/ledger.ts'
import { checkPeople } from '../governance/people.ts'
import { placesOf } from '../governance/places.ts'
import { journalSide } from '../journal-side.ts'
import { findingsMost } from '../ledger-check.ts'
import type { TrailView } from '../reads/trail.ts'

export const command = defineCommand({
  pattern: 'validate-radicle-governance',
  describe: 'check who decides in policy-, -desired and -state, and that they signed all of it',
  notes: [
    'In policy-<workspace> and <workspace>-desired main has a file .allowed_signers, as ssh-keygen reads it, with a comment "# threshold: 2". Each commit is signed by a delegate, each step of main by so many over the same tree. In <workspace>-state the ledger key signs alone.',
    'Where they lie and from which commit on they are judged: governance in .ontoref/config.ncl; the table stands in plugins/mirror/README.md.',
  ],
  group: 'Operations',
  examples: [
    ['prov validate-radicle-governance', 'exit 0 when all three are governed as they should be'],
    ['prov validate-radicle-governance --policy ../policy --json', 'a clone elsewhere, for CI'],
  ],
  flags: {
    policy: { type: 'string', describe: 'folder of policy-<workspace>', complete: 'files' },
    desired: { type: 'string', describe: 'folder of <workspace>-desired', complete: 'files' },
    state: { type: 'string', describe: 'folder of <workspace>-state', complete: 'files' },
    development: { type: 'boolean', default: false, describe: 'one person may decide alone' },
  },
  async run({ policy, desired, state, development }, { files: open, read, cwd, env }) {
    const files = await open()
    const places = await placesOf(files, { policy, desired, state }, cwd)
    const rules = { production: !development, env }
    const ofPolicy = await checkPeople(places.policy, rules)
    const { signers: operators } = ofPolicy
    const ofDesired = await checkPeople(places.desired, { ...rules, operators })
    const { journal } = (await read('trail')) as TrailView
    const events = (await read('audit', { last: 0 })) as readonly AuditEvent[]
    const whose = { journal: journal ?? '', workspace: files.name }
    const side = journal === null ? undefined : await journalSide(events, whose)
    const ofState = await checkLedgerRepository(places.state, { side, env })
    const all = [ofPolicy, ofDesired, ofState]
    return {
      workspace: files.name,
      production: rules.production,
      repositories: all.map(({ repository }) => repository),
      findings: all
        .flatMap(({ findings }) => findings.slice(0, findingsMost))
        .map((error) => error.toJSON()),
    }
  },
  exitCode: ({ findings }) => (findings.length === 0 ? 0 : 1),
  render({ repositories, findings }, paint, format) {
    const look = { paint, format } as const
    const wrong = (name: string) =>
      findings.some(({ detail }) => detail['repository'] === name || detail['dir'] === pathOf(name))
    const pathOf = (name: string) => repositories.find((one) => one.name === name)?.path
    return [
      ...table(
        repositories.map(({ name, path, commits, threshold, delegates }) => [
          wrong(name) ? (['BAD', paint.bad] as const) : (['ok', paint.good] as const),
          name,
          `${commits}`,
          `${threshold === undefined ? '' : `${threshold} of `}${delegates.join(', ')}`,
          [path, paint.dim] as const,
        ]),
        { ...look, head: ['', 'repository', 'commits', 'delegates', 'where'], right: [2] },
      ),
      ...section(
        'Wrong',
        table(
          findings.map(({ code, message, remedy, place }) => [
            [code, paint.bad] as const,
            `${[place?.file, place?.line].filter(Boolean).join(':')}: ${message}. Fix: ${remedy}`,
          ]),
          { ...look, head: ['code', 'finding'] },
        ),
        look,
      ),
      ...section(
        'Not looked at',
        table(
          repositories.flatMap(({ name, skipped }) => skipped.map((why) => [name, why])),
          { ...look, head: ['repository', 'why'] },
        ),
        look,
      ),
    ]
  },
})
