/** What an operation's end means to a script: one exit code for each (D-1). */
import t from 'tap'
import type { OpRow } from '../../core/protocol/fold.ts'
import { exitCodeOf, standingOf } from '../../plugins/submitter/commands/end.ts'
import { shortest } from '../../plugins/submitter/commands/list.ts'

const row = (phase: string, code?: string) =>
  ({
    id: 'op_1',
    type: 'deploy',
    target: 'a',
    phase,
    why: '',
    ...(code !== undefined && { code }),
    ...(['applied', 'failed', 'refused', 'withdrawn', 'expired'].includes(phase) && {
      outcome: phase,
    }),
  }) as unknown as OpRow

t.test('each end has its exit code, and a refusal exits as its code says', async (t) => {
  for (const [phase, code, exit] of [
    ['submitted', undefined, 0],
    ['claimed', undefined, 0],
    ['applied', undefined, 0],
    ['failed', 'PROV_OP_STEP_FAILED', 1],
    ['refused', 'PROV_OP_GATE_CLOSED', 3],
    ['refused', 'PROV_OP_DENIED', 4],
    ['refused', 'PROV_OP_REJECTED', 4],
    ['refused', undefined, 4],
    ['held', undefined, 5],
    ['refused', 'PROV_OP_VERSION_MOVED', 6],
    ['refused', 'PROV_OP_WRITE_SET_HELD', 6],
    ['expired', undefined, 7],
    ['in_doubt', 'PROV_OP_OUTCOME_UNKNOWN', 8],
  ] as const) {
    t.equal(exitCodeOf(standingOf(row(phase, code))), exit, `${phase} ${code ?? ''}`)
  }
})

t.test('whoever waits for a person is told the command for that person', async (t) => {
  t.match(standingOf(row('held')).next[0], 'prov op approve op_1 --actor')
  t.match(standingOf(row('in_doubt')).next[0], 'prov op resolve op_1 --as applied|failed')
})

t.test('ids are cut as short as they can be told apart, and not shorter than twelve', async (t) => {
  t.equal(shortest(['op_0123456789abcdef', 'op_9']), 12)
  t.equal(shortest(['op_0123456789abcdef', 'op_0123456789abcxyz']), 17)
  t.equal(shortest([]), 12)
})
