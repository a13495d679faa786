/**
 * `prov audit verify`: checks the whole trail in the journal. Exit 0 when it is good; the ledger's
 * commits are checked by plain `git verify-commit`.
 *
 * @module
 */
import { defineCommand, exitCodes, section, table } from 'prov'
import type { TrailView } from '../reads/trail.ts'

export const command = defineCommand({
  pattern: 'audit verify',
  describe: 'check numbers, chain, keys and signatures of every event; says what is wrong where',
  group: 'Operations',
  examples: [['prov audit verify', 'exit 0 only when every event is good']],
  flags: {},
  run: async (_, { read }) => (await read('trail')) as TrailView,
  render({ events, ends, findings }, paint, format) {
    const look = { paint, format } as const
    return [
      findings.length === 0
        ? paint.good(`${events} events, every signature good, no gap`)
        : paint.bad(`${findings.length} of ${events} events are not as they should be`),
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
        'Wrong',
        findings.map(({ code, message }) => `  ${paint.bad(code)}: ${message}`),
        look,
      ),
    ]
  },
  exitCode: ({ findings }) => (findings.length === 0 ? 0 : exitCodes.fail),
})
