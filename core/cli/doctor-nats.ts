/**
 * The seven ways in which events do not arrive, each told apart with what to do: off or not to be
 * reached, nothing comes, no stream, a seed that is none, a subject that is not allowed, two parts
 * that speak to different servers, messages that come again. And whether the server can be relied on.
 *
 * @module
 */
import { topologyOf } from '../bus/topology-file.ts'
import { existsSync, readFileSync } from 'node:fs'
import { busErrors } from '../bus/errors.ts'
import { healthOf, lookAtServer, lookAtStreams, mayPublish } from '../bus/nats-look.ts'
import type { ServerView, StreamView } from '../bus/nats-look.ts'
import type { NatsBus } from '../bus/nats.ts'
import { natsLayers } from '../config/nats.ts'
import type { NatsSettings } from '../config/nats.ts'
import { asProvError } from '../errors.ts'
import type { ProvError } from '../errors.ts'
import { linkStatusFile } from '../protocol/nats-link.ts'
import type { LinkStatus } from '../protocol/nats-link.ts'
import { formatDuration } from '../units.ts'
import type { CommandContext } from './command.ts'
import type { Finding } from './doctor.ts'
import { entryOf, settingsOf, withNats } from './nats.ts'
import { workplace, workspaceOf } from './workplace.ts'

const worryOffsetMs = 5_000
/** Tokens of somebody with a clock further off are refused (D-33). */
const refusedOffsetMs = 60_000

export async function checkNats(context: CommandContext): Promise<readonly Finding[]> {
  let settings: NatsSettings
  try {
    settings = await settingsOf(context)
  } catch (thrown) {
    // Symptom 4 among others: what is wrong with a seed is said without the seed.
    return [broken(asProvError(thrown))]
  }
  const status = await linkStatus(context)
  const first = [...(await layersApart(context, settings, status)), ...linkFindings(status)]
  const planes = await planesThere(context, settings)
  if (!settings.enabled && planes.length === 0) {
    const { message: found, remedy: fix, code } = busErrors.PROV_BUS_OFF({ url: settings.url })
    return [{ check: 'nats', level: 'note', code, found, fix }, ...first]
  }
  // A role may look at what is its own and nothing else; who keeps the server has the admin's key.
  const role = planes.length > 0 ? 'admin' : undefined
  const monitor = monitorOf(settings)
  let who: string | undefined
  try {
    const { entrant } = await import('../protocol/role-keys.ts')
    who = await entrant(await entryOf(context, role))
    return await withNats(context, role, async (bus) => [
      ...serverFindings(await lookAtServer(bus, { clock: context.clock, monitor }), who),
      ...(await streamFindings(bus, { settings, planes, who })),
      ...first,
    ])
  } catch (thrown) {
    const error = asProvError(thrown)
    if (error.code === 'PROV_BUS_DENIED') return [refused(error, who), ...first]
    const beside = error.code === 'PROV_BUS_UNREACHABLE' ? await runsBeside(settings) : []
    return [broken(error), ...beside, ...first]
  }
}

/** Symptom 5, at the door: who would have to be let in. */
function refused(error: ProvError, who = nobody): Finding {
  const fix =
    who === nobody
      ? 'name the file of a seed that it knows in NATS_NKEY_SEED_FILE; `prov nats keys` makes one'
      : `let in ${who}, in the server configuration; \`prov nats config\` prints one for the roles of a workspace`
  return { ...broken(error), found: `${error.message}; it was asked by ${who}`, fix }
}

const nobody = 'somebody without a key'

/** Symptom 1, told apart once more: a server is there, only not where the url says. */
async function runsBeside(settings: NatsSettings): Promise<readonly Finding[]> {
  const monitor = monitorOf(settings)
  const health = monitor === undefined ? undefined : await healthOf(monitor)
  if (!health) return []
  const found = `a server answers at ${monitor}/healthz (${health.says}), none at ${settings.url}`
  const fix = 'write the address at which it takes clients as nats_events.url'
  return [{ check: 'nats health', level: 'note', found, fix }]
}

/** Streams of the planes, where they meet on the server. */
async function planesThere(
  context: CommandContext,
  settings: NatsSettings,
): Promise<readonly string[]> {
  if (workspaceOf(context) === undefined) return []
  const { stateDir, name } = await context.files()
  const { meetOnServer } = await import('../protocol/apart.ts')
  if (!meetOnServer(stateDir, settings)) return []
  const { planesTopology } = await import('../protocol/roles.ts')
  return planesTopology(name).streams.map((one) => one.name)
}

const broken = ({ code, message, remedy }: ProvError): Finding => ({
  check: 'nats',
  level: 'bad',
  code,
  found: message,
  fix: remedy,
})

/** Monitoring is asked for on this machine only, unless somebody named it. */
export function monitorOf({ monitor, url }: NatsSettings): string | undefined {
  if (monitor !== undefined) return monitor
  const [first = ''] = url.split(',')
  const { hostname } = new URL(first.includes('://') ? first : `nats://${first}`)
  return /^(127\.|localhost$|\[::1\])/.test(hostname) ? `http://${hostname}:8222` : undefined
}

/** Symptom 6: a project, its user and its running process mean different servers. */
async function layersApart(
  context: CommandContext,
  { url, from }: NatsSettings,
  status: LinkStatus | undefined,
): Promise<readonly Finding[]> {
  const files = workspaceOf(context) === undefined ? undefined : await context.files()
  const layers = await natsLayers({ files, home: context.home, env: context.env })
  const named = layers.flatMap(({ from, values }) =>
    typeof values['url'] === 'string' ? [[from, values['url']] as const] : [],
  )
  // What one that was killed left behind says nothing any more, and its number may be another's.
  const runs = status && (await workplace(context)).holder?.pid === status.pid
  if (runs && status.state !== 'ended') named.push([`process ${status.pid}`, status.url])
  const others = named.filter(([, other]) => other !== url)
  return others.map(([where, other]) => {
    const detail = { url, from: from['url'] ?? 'defaults', other, where }
    const { code, message: found, remedy: fix } = busErrors.PROV_BUS_ELSEWHERE(detail)
    return { check: 'nats url', level: 'bad', code, found, fix }
  })
}

/** Symptom 2, on this side: what should have gone out and did not. */
function linkFindings(status: LinkStatus | undefined): readonly Finding[] {
  if (!status) return []
  const { waiting, dropped, published, received, why = 'the server is away' } = status
  const counted = `${published} published, ${received} received, ${waiting} waiting, ${dropped} not published`
  if (waiting === 0 && dropped === 0)
    return [{ check: 'nats events', level: 'good', found: counted }]
  const { code, message, remedy: fix } = busErrors.PROV_BUS_SILENT({ waiting, dropped, why })
  return [{ check: 'nats events', level: 'bad', code, found: `${message} (${counted})`, fix }]
}

export async function linkStatus(context: CommandContext): Promise<LinkStatus | undefined> {
  if (workspaceOf(context) === undefined) return undefined
  const file = linkStatusFile((await context.files()).stateDir)
  if (!existsSync(file)) return undefined
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as LinkStatus
  } catch {
    return undefined
  }
}

function serverFindings(view: ServerView, who = nobody): readonly Finding[] {
  const { version, name, url, roundTripMs, clockOffsetMs, store, syncs, health } = view
  const found = `${name}, NATS ${version} at ${url}, ${formatDuration(roundTripMs)} away; entered by ${who}`
  const findings: Finding[] = [{ check: 'nats', level: 'good', found }]
  if (health?.well) findings.push({ check: 'nats health', level: 'good', found: health.says })
  else if (health) {
    const { code, message, remedy } = busErrors.PROV_BUS_UNWELL({ server: name, says: health.says })
    findings.push({ check: 'nats health', level: 'bad', code, found: message, fix: remedy })
  }
  if (syncs === false) {
    const { code, message, remedy } = busErrors.PROV_BUS_NO_SYNC({ server: name })
    findings.push({ check: 'nats sync', level: 'note', code, found: message, fix: remedy })
  } else if (syncs === undefined) {
    const unknown = 'whether it syncs before it acknowledges cannot be seen: no monitoring'
    const fix =
      'set nats_events.monitor_url, or start it with the configuration of `prov nats config`'
    findings.push({ check: 'nats sync', level: 'note', found: unknown, fix })
  } else findings.push({ check: 'nats sync', level: 'good', found: 'syncs before it acknowledges' })
  if (store?.limitBytes !== undefined) {
    const share = store.bytes / store.limitBytes
    const full = `${Math.round(share * 100)} % of ${store.limitBytes} bytes used`
    const fix = 'raise max_file_store in the server configuration; `prov nats config` prints it'
    findings.push(
      share > 0.9
        ? { check: 'nats store', level: 'bad', code: 'PROV_BUS_FULL', found: full, fix }
        : { check: 'nats store', level: 'good', found: full },
    )
  }
  const off = Math.abs(clockOffsetMs ?? 0)
  if (off > worryOffsetMs) {
    const apart = `the clocks of this machine and the server are ${formatDuration(off)} apart`
    const level = off > refusedOffsetMs ? 'bad' : 'note'
    findings.push({ check: 'nats clock', level, found: apart, fix: 'timedatectl set-ntp true' })
  }
  return findings
}

interface Asked {
  readonly settings: NatsSettings
  /** Streams of the planes. */
  readonly planes: readonly string[]
  readonly who: string | undefined
}

async function streamFindings(
  bus: NatsBus,
  { settings, planes, who = nobody }: Asked,
): Promise<readonly Finding[]> {
  const names = new Set([...topologyOf(settings).streams.map(({ name }) => name), ...planes])
  const views = await lookAtStreams(bus, [...names])
  const findings: Finding[] = []
  for (const pattern of settings.emit) {
    const subject = pattern.replaceAll('*', 'prov').replace(/>$/, 'prov')
    const may = await mayPublish(bus, subject)
    // Symptom 5, and 3 where nobody listens for the subject at all.
    const error =
      may === 'denied'
        ? busErrors.PROV_BUS_DENIED({ what: `publish ${pattern}` })
        : may === 'no stream'
          ? busErrors.PROV_BUS_NO_STREAM({ name: pattern })
          : undefined
    if (!error) continue
    const fix =
      may === 'denied'
        ? `add "${pattern}" to what ${who} may publish, in the server configuration, or take it out of nats_events.emit`
        : 'run `prov nats apply`'
    const { code, message: found } = error
    findings.push({ check: 'nats emit', level: 'bad', code, found, fix })
  }
  for (const name of names) {
    const view = views.find((one) => one.name === name)
    if (view) findings.push(...heard(view))
    else {
      const found = `the stream ${name} is not on the server, or this role may not see it`
      const fix = 'run `prov nats apply`'
      findings.push({ check: 'nats stream', level: 'bad', code: 'PROV_BUS_NO_STREAM', found, fix })
    }
  }
  return findings
}

/** Symptoms 2 and 7, on the side of who listens: nothing is taken, or taken again and again. */
function heard({ name, messages, consumers = [] }: StreamView): readonly Finding[] {
  const found = `${name}: ${messages} messages, ${consumers.length} consumers`
  return [
    { check: 'nats stream', level: 'good', found },
    ...consumers.flatMap((consumer): Finding[] => {
      const which = `${name}/${consumer.name}`
      const { redelivered: count, maxInFlight, pending, asked, inFlight, filters } = consumer
      const notes: Finding[] = []
      const note = (code: string, found: string, fix: string): void =>
        void notes.push({ check: 'nats consumer', level: 'note', code, found, fix })
      if (count > 0) {
        const detail = { consumer: which, count, ordered: maxInFlight === 1 }
        const { code, message, remedy } = busErrors.PROV_BUS_REDELIVERS(detail)
        note(code, message, remedy)
      }
      if (pending > 0 && asked === 0) {
        const behind = `${which} is ${pending} messages behind and has ${inFlight || 'none'} in flight`
        const fix = `start who reads it; its filters are ${filters.join(', ')}; \`prov events\` shows what comes`
        note('PROV_BUS_SILENT', behind, fix)
      }
      return notes
    }),
  ]
}
