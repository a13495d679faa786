/**
 * `prov doctor`: is this machine fit, is this workspace whole. Each finding that is not well comes
 * with what to do about it.
 *
 * @module
 */
import { checkMachine, checkWorkspace } from '../doctor.ts'
import { defineCommand } from '../command.ts'
import { table } from '../table.ts'

export const command = defineCommand({
  pattern: 'doctor',
  describe: 'check this machine and this workspace, with a fix for each finding',
  group: 'Tools',
  examples: [
    ['prov doctor', 'exit 0 when nothing is broken, 1 otherwise'],
    ['prov doctor --json', 'to attach to a report'],
  ],
  flags: {},
  run: async (_flags, context) => {
    const { checkNats } = await import('../doctor-nats.ts')
    const { checkKeeper } = await import('../doctor-keeper.ts')
    const parts = [checkMachine, checkWorkspace, checkKeeper, checkNats].map((check) =>
      check(context),
    )
    return { findings: (await Promise.all(parts)).flat() }
  },
  exitCode: ({ findings }) => (findings.some(({ level }) => level === 'bad') ? 1 : 0),
  render: ({ findings }, paint, format) => {
    const marks = { good: 'ok', note: 'note', bad: 'BAD' } as const
    const colours = { good: paint.good, note: paint.warn, bad: paint.bad } as const
    return table(
      findings.map(({ level, check, code, found, fix }) => [
        [marks[level], colours[level]] as const,
        check,
        [code && `${code}:`, found + (fix === undefined ? '' : `. Fix: ${fix}`)]
          .filter(Boolean)
          .join(' '),
      ]),
      { paint, format, head: ['', 'check', 'finding'] },
    )
  },
})
