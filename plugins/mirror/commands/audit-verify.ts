/**
 * `prov audit verify`: checks the whole trail in the journal, and every commit of the ledger against
 * it. Exit 0 when both are good; anybody else checks the ledger with plain `git verify-commit`.
 *
 * @module
 */
import { defineCommand, exitCodes, fields, section, table } from 'prov'
import type { LedgerCheckView } from '../reads/ledger-check.ts'
import type { LedgerState } from '../reads/ledger.ts'
import type { TrailView } from '../reads/trail.ts'

interface Verified extends TrailView {
  readonly ledger: LedgerState & Pick<LedgerCheckView, 'left'>
}

export const command = defineCommand({
  pattern: 'audit verify',
  describe: 'check numbers, chain, keys and signatures of every event; says what is wrong where',
  group: 'Operations',
  examples: [['prov audit verify', 'exit 0 only when every event is good']],
  flags: {},
  async run(_, { read }): Promise<Verified> {
    const trail = (await read('trail')) as TrailView
    const { findings, commits, left } = (await read('ledger-check')) as LedgerCheckView
    const ledger = {
      ...((await read('ledger')) as LedgerState),
      commits,
      left,
      behind: Math.max(0, trail.events - commits),
    }
    return { ...trail, findings: [...trail.findings, ...findings], ledger }
  },
  render({ events, ends, findings, ledger }, paint, format) {
    const look = { paint, format } as const
    return [
      findings.length === 0
        ? paint.good(`${events} events, every signature good, no gap`)
        : paint.bad(`${events} events; ${findings.length} things are not as they should be`),
      ...section(
        'Chains',
        table(
          Object.entries(ends).map(([emitter, { n, digest }]) => [
            emitter,
            `${n}`,
            [digest, paint.dim] as const,
          ]),
          { ...look, head: ['emitter', 'events', 'last digest'], right: [1] },
        ),
        look,
      ),
      ...section(
        'Ledger',
        fields(
          [
            ['repository', ledger.path],
            ['commits', `${ledger.commits}`],
            ['behind', ledger.behind === 0 ? undefined : [`${ledger.behind} events`, paint.warn]],
            [
              'left',
              ledger.left.length === 0
                ? undefined
                : `${ledger.left.join(', ')}: what a journal said before another was adopted`,
            ],
            ['check it', ledger.head && `git -C ${ledger.path} verify-commit HEAD`],
          ],
          look,
        ),
        look,
      ),
      ...section(
        'Wrong',
        findings.map(({ code, message }) => `  ${paint.bad(code)}: ${message}`),
        look,
      ),
    ]
  },
  exitCode: ({ findings }) => (findings.length === 0 ? 0 : exitCodes.fail),
})
