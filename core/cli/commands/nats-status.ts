/**
 * `prov nats status`: which settings hold and where they come from, and what `prov doctor` finds
 * about the server. Shows that there is a seed, never the seed.
 *
 * @module
 */
import { defineCommand } from '../command.ts'
import { checkNats, linkStatus } from '../doctor-nats.ts'
import type { NatsSettings } from '../../config/nats.ts'
import type { CommandContext } from '../command.ts'
import { settingsOf, withNats } from '../nats.ts'
import { fields, section, table } from '../table.ts'
import { formatDuration } from '../../units.ts'
import { workspaceOf } from '../workplace.ts'

export const command = defineCommand({
  pattern: 'nats status',
  describe: 'which NATS settings hold, where they come from, whether events go out',
  group: 'Runtime',
  examples: [['prov nats status', 'exit 0 when nothing is broken, 1 otherwise']],
  flags: {},
  run: async (_flags, context) => {
    const findings = await checkNats(context)
    const settings = await settingsOf(context).catch(() => undefined)
    const link = await linkStatus(context)
    return {
      settings: settings && {
        enabled: settings.enabled,
        planes: settings.planes,
        leadership: formatDuration(settings.leadershipMs),
        url: settings.url,
        emit: settings.emit,
        subscribe: settings.subscribe,
        streams_config: settings.streamsConfig ?? 'bundled',
        seed: settings.seed() === undefined ? 'none' : 'there is one',
        tls: settings.tls !== undefined,
      },
      from: settings?.from ?? {},
      link,
      leaders: settings ? await leadersOf(context, settings).catch(() => []) : [],
      findings,
    }
  },
  exitCode: ({ findings }) => (findings.some(({ level }) => level === 'bad') ? 1 : 0),
  render: ({ settings, from, leaders, findings }, paint, format) => [
    ...fields(
      Object.entries(settings ?? {}).map(([name, value]) => {
        const where = from[name] === undefined ? '' : `  (${from[name]})`
        return [
          name,
          `${Array.isArray(value) ? value.join(', ') || 'none' : String(value)}${where}`,
        ]
      }),
      { paint, format },
    ),
    ...section(
      'who leads',
      table(
        leaders.map(({ key, holder, epoch, free, ttlMs }) => [
          key,
          free ? `nobody; last ${holder}` : holder,
          `epoch ${epoch}`,
          `for ${formatDuration(ttlMs)} at a time`,
        ]),
        { paint, format, head: ['', 'holder', '', ''] },
      ),
      { paint, format },
    ),
    ...section(
      'what was found',
      table(
        findings.map(({ level, code = '', found, fix }) => [
          level === 'bad' ? (['BAD', paint.bad] as const) : level,
          code,
          fix === undefined ? found : `${found}. Fix: ${fix}`,
        ]),
        { paint, format, head: ['', 'code', ''] },
      ),
      { paint, format },
    ),
  ],
})

/** Looks only: a bucket that is not there is not made. */
async function leadersOf(context: CommandContext, settings: NatsSettings) {
  if (workspaceOf(context) === undefined) return []
  const { name, stateDir } = await context.files()
  const { meetOnServer } = await import('../../protocol/apart.ts')
  if (!settings.enabled && !meetOnServer(stateDir, settings)) return []
  const { leaseBucket } = await import('../../protocol/subjects.ts')
  const { lookAtLeader } = await import('../../bus/leadership.ts')
  return withNats(context, 'admin', async (bus) => {
    const bucket = leaseBucket(name)
    await bus.client.jsm.streams.info(`KV_${bucket}`)
    const store = await bus.keyValue(bucket)
    const keys = ['keeper', 'controller']
    const found = await Promise.all(
      keys.map(async (key) => ({
        key,
        view: await lookAtLeader(store, key).catch(() => undefined),
      })),
    )
    return found.flatMap(({ key, view }) => (view ? [{ key, ...view }] : []))
  })
}
