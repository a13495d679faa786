/**
 * `prov op wait`: stays until an operation ended, or stands still for a person. Drives the workspace
 * itself when nothing else does; told of each phase by whoever is at work on it, it looks again only
 * then, or now and then where nobody can be asked. On timeout it says what blocks.
 *
 * @module
 */
import { defineCommand, isTerminal, outcomeOf, ProvError, section, sleep, table } from 'prov'
import type { CommandContext, Millis, OpRow, Runtime } from 'prov'
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
        const { unblock, remedies } = (await read('why', { id })) as Blocks
        return { ...standingOf(row), timedOut: true, blocks: { unblock, remedies } }
      }
      const teller = await tellerOf(row, context)
      const heard = teller && (await another(teller, row, until, context))
      if (!heard) await sleep(context.clock, lookEveryMs, context.signal)
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
 * Who tells what becomes of it: whoever has the workspace, else this process, which drives what was
 * handed in and left. While people are asked it gives the workspace back, or they could not answer.
 */
async function tellerOf(
  { phase }: OpRow,
  { runtime, beside, release }: CommandContext,
): Promise<Runtime | undefined> {
  if (outcomeOf(phase) !== undefined) {
    await release()
    return beside()
  }
  return runtime().catch((thrown: unknown) => {
    if (ProvError.is(thrown) && thrown.code === 'PROV_JOURNAL_LOCKED') return undefined
    throw thrown
  })
}

/** True once it is in another phase, or it is time; false when nobody tells any more. */
async function another(
  teller: Runtime,
  { id, phase }: OpRow,
  until: Millis,
  { clock, signal }: CommandContext,
): Promise<boolean> {
  const over = new AbortController()
  const told = new Promise<boolean>((resolve) => {
    const following = teller.op(id).phases$.subscribe({
      next: ({ name }) => (name === phase ? undefined : resolve(true)),
      error: () => resolve(false),
      complete: () => resolve(true),
    })
    over.signal.addEventListener('abort', () => following.unsubscribe())
  })
  const either = AbortSignal.any([signal, over.signal])
  const late = sleep(clock, Math.max(0, until - clock.now()), either).then(() => true)
  late.catch(() => {})
  try {
    return await Promise.race([told, late])
  } finally {
    over.abort()
  }
}
