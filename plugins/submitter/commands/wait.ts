/**
 * `prov op wait`: stays until an operation ended, or stands still for a person. Drives the workspace
 * itself when nothing else does, looks on when something does; on timeout it says what blocks.
 *
 * @module
 */
import { defineCommand, isTerminal, outcomeOf, ProvError, section, sleep, table } from 'prov'
import type { CommandContext, Millis, OpRow } from 'prov'
import { exitCodeOf, standingLines, standingOf } from './end.ts'
import type { OpStanding } from './end.ts'
import { durationOf } from './proposal.ts'
import { operations } from './known.ts'

interface Waited extends OpStanding {
  /** True: it is not there yet, and `blocks` says why. */
  readonly timedOut: boolean
  readonly blocks: Blocks
}

/** What the read model `why` says of it. */
interface Blocks {
  readonly unblock: readonly string[]
  readonly remedies: readonly {
    readonly command: string
    readonly brings: string
    readonly who: string
  }[]
}

const nothing: Blocks = { unblock: [], remedies: [] }
const lookEveryMs: Millis = 200
const timedOutExit = 7

export const command = defineCommand({
  pattern: 'op wait <id>',
  describe: 'stay until an operation ended or needs a person; on timeout, say what blocks',
  group: 'Operations',
  examples: [
    ['prov op wait op_01jd4q0v9m3k', 'until it ended, or somebody must decide'],
    ['prov op wait op_01jd4q0v9m3k --for ended --timeout 1h', 'also through votes and doubt'],
  ],
  flags: {
    id: {
      type: 'string',
      required: true,
      describe: 'id, or the start of it',
      complete: operations({ open: true }),
    },
    for: {
      type: 'string',
      choices: ['settled', 'ended'],
      default: 'settled',
      describe: 'settled: ended, or waiting for a person; ended: ended',
    },
    timeout: { type: 'string', default: '10m', describe: 'how long to wait' },
  },
  async run(flags, context): Promise<Waited> {
    const timeoutMs = durationOf('timeout', flags.timeout)
    const { id } = (await context.read('op', { id: flags.id })) as OpRow
    const there = ({ phase }: OpRow): boolean =>
      flags.for === 'ended' ? isTerminal(phase) : outcomeOf(phase) !== undefined
    const until = context.clock.now() + timeoutMs
    let told: string | undefined
    for (;;) {
      const read = await context.look()
      const row = (await read('op', { id })) as OpRow
      if (row.phase !== told) context.progress(`${row.phase}: ${row.why}`)
      told = row.phase
      if (there(row)) return { ...standingOf(row), timedOut: false, blocks: nothing }
      if (context.clock.now() >= until) {
        const blocks = (await read('why', { id })) as Blocks
        return { ...standingOf(row), timedOut: true, blocks }
      }
      await drive(row, context)
      await sleep(context.clock, lookEveryMs, context.signal)
    }
  },
  render: (data, paint, format) => [
    ...(data.timedOut ? [paint.warn(`not there yet: ${data.why}`)] : []),
    ...standingLines(data, paint, format),
    ...section(
      'It takes',
      data.blocks.unblock.map((fact) => `  ${fact}`),
      { paint, format },
    ),
    ...section(
      'Somebody can',
      table(
        data.blocks.remedies.map(({ command, brings, who }) => [command, brings, who]),
        { paint, format, head: ['do', 'which brings', 'who'] },
      ),
      { paint, format },
    ),
  ],
  exitCode: (data) => (data.timedOut ? timedOutExit : exitCodeOf(data)),
})

/**
 * Opens the workspace if nobody has it: an operation that was handed in and left goes on then. While
 * people are asked it is given back, or they could not answer.
 */
async function drive({ phase }: OpRow, { runtime, release }: CommandContext): Promise<void> {
  if (outcomeOf(phase) !== undefined) return release()
  await runtime().catch((thrown: unknown) => {
    if (!ProvError.is(thrown) || thrown.code !== 'PROV_JOURNAL_LOCKED') throw thrown
  })
}
