/**
 * `prov wait event`: waits for an event instead of asking again and again. Listens to the journal of
 * the workspace and, where a server is named, to the server too: whichever hears it first.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { sleep } from '../../clock.ts'
import { readJournal } from '../../journal/reader.ts'
import type { Notice } from '../../protocol/ecosystem.ts'
import { ecosystemErrors } from '../../protocol/errors.ts'
import { readEvents } from '../../protocol/read-events.ts'
import type { CommandContext } from '../command.ts'
import { defineCommand } from '../command.ts'
import { demandDuration, demandPattern, settingsOf, withNats } from '../nats.ts'
import { workspaceOf } from '../workplace.ts'

export const command = defineCommand({
  pattern: 'wait event <subject>',
  describe: 'wait for an event, then go on with what it says',
  group: 'Operations',
  examples: [
    [
      'prov wait event ecosystem.lian-build.build.completed --timeout 30m',
      'exit 0 when it came, 7 when not',
    ],
    [
      "prov wait event 'ecosystem.my-infra.op.*' --since 5m",
      'also when it came up to five minutes ago',
    ],
  ],
  flags: {
    subject: { type: 'string', required: true, describe: 'pattern: * is one word, > the rest' },
    timeout: { type: 'string', default: '10m', describe: 'how long to wait' },
    since: { type: 'string', default: '0ms', describe: 'how far back counts, too' },
  },
  run: async ({ subject, timeout, since }, context): Promise<Notice> => {
    const { clock } = context
    const pattern = demandPattern(subject)
    const waitMs = demandDuration(timeout)
    const sinceMs = clock.now() - demandDuration(since)
    const end = new AbortController()
    const signal = AbortSignal.any([context.signal, end.signal])
    const own: CommandContext = { ...context, signal }
    const settings = await settingsOf(context)
    const here = workspaceOf(context) !== undefined
    // Outside of a workspace only a server can tell, and naming one is asking it.
    const server = settings.enabled || (!here && settings.from['url'] !== undefined)
    if (!here && !server) context.root()
    const wanted = { pattern, sinceMs }
    try {
      const ways = here ? [inJournal(own, wanted)] : []
      if (server) ways.push(here ? alsoOnServer(own, wanted) : onServer(own, wanted))
      const late = sleep(clock, waitMs, signal).then(() => {
        throw ecosystemErrors.PROV_ECOSYSTEM_TIMEOUT({ subject: pattern, waitedMs: waitMs })
      })
      late.catch(() => {})
      return await Promise.race([...ways, late])
    } finally {
      end.abort()
    }
  },
  render: ({ subject, event }) => [`${event.time}  ${subject}  ${JSON.stringify(event.data)}`],
})

interface Wanted {
  readonly pattern: string
  readonly sinceMs: number
}

const lookEveryMs = 200

async function inJournal(context: CommandContext, wanted: Wanted): Promise<Notice> {
  const { clock, signal } = context
  const { stateDir, name: workspace } = await context.files()
  const dir = join(stateDir, 'journal')
  while (!existsSync(dir)) await sleep(clock, lookEveryMs, signal)
  const journal = await readJournal({ dir })
  try {
    for await (const notice of readEvents({
      journal,
      workspace,
      ...wanted,
      follow: { clock, signal },
    })) {
      return notice
    }
    return await untilOver(signal)
  } finally {
    await journal.close()
  }
}

/** As an observer, who can say nothing there. Throws what connecting throws. */
function onServer(context: CommandContext, wanted: Wanted): Promise<Notice> {
  return withNats(context, 'observer', async (bus) => {
    const { hearEvents } = await import('../../bus/nats-look.ts')
    const { asEvent } = await import('../../protocol/ecosystem.ts')
    const { clock, signal } = context
    for await (const message of hearEvents(bus, { ...wanted, signal })) {
      const event = asEvent(message, { workspace: '', timeMs: clock.now() })
      return { subject: message.subject, event }
    }
    return untilOver(signal)
  })
}

/** A server that cannot be had is told once; the journal is listened to all the same. */
async function alsoOnServer(context: CommandContext, wanted: Wanted): Promise<Notice> {
  try {
    return await onServer(context, wanted)
  } catch (thrown) {
    if (!context.signal.aborted)
      context.progress(`the server tells nothing: ${(thrown as Error).message}`)
    return untilOver(context.signal)
  }
}

/** Nothing more comes of this way; once another one was faster, or it is late, it closes what it opened. */
const untilOver = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const over = () => reject(signal.reason as Error)
    if (signal.aborted) over()
    else signal.addEventListener('abort', over, { once: true })
  })
