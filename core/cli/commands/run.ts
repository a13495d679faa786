/**
 * `prov run`: holds the workspace, does what is handed in by other processes of this user, says what
 * happens, and ends when it is told to.
 *
 * @module
 */
import { once } from 'node:events'
import { contract } from '../../protocol/services.ts'
import type { Count } from '../../units.ts'
import { defineCommand } from '../command.ts'

interface Ran {
  readonly workspace: string
  /** Events that were recorded meanwhile. */
  readonly events: Count
  readonly since: string
}

export const command = defineCommand({
  pattern: 'run',
  describe: 'hold the workspace and do what other commands hand in, until it is told to end',
  notes: [
    'Whoever writes beside it hands signed tokens in through a socket that only this user can open; keys and passphrases stay where they are. Ctrl-C or SIGTERM ends it: what is under way is kept and goes on with the next writer.',
  ],
  group: 'Runtime',
  examples: [
    ['prov run', 'in one terminal; `prov op submit …` in another'],
    ['prov run --json', 'the same; a summary as JSON at the end'],
  ],
  flags: {},
  foreground: true,
  async run(_, context): Promise<Ran> {
    const { clock, signal, progress } = context
    const runtime = await context.runtime({ serve: true })
    const since = new Date(clock.now()).toISOString()
    const { workspace, follow } = runtime.service(contract)
    let events = 0
    const stop = follow(({ time, type, emitter, subject }) => {
      events++
      progress(`${time} ${emitter}: ${type.replace(/^prov\./, '')} ${subject}`)
    })
    progress(`${workspace} is held by process ${process.pid}; end it with Ctrl-C`)
    const end = AbortSignal.any([signal, runtime.over])
    if (!end.aborted) await once(end, 'abort')
    stop()
    if (runtime.over.aborted && !signal.aborted) throw runtime.over.reason
    return { workspace, events, since }
  },
  render: ({ workspace, events }) => [`${workspace}: ${events} events; nobody holds it any more`],
})
