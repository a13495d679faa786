/**
 * Which streams and consumers there shall be, as data: `nats/streams.json` of a project, the global
 * one, or the bundled default. Read at the edge into the port's own words, applied to any bus.
 *
 *     nats/streams.json ─▶ parseTopology ─▶ applyTopology(bus) ─▶ one row per stream and consumer
 *
 * A setting that the port does not know is refused by name: one that is silently left out is how
 * messages vanish.
 *
 * @module
 */
import type { Bus, ConsumerConfig, Ensured, StreamConfig } from './bus.ts'
import { judgeConsumer, judgeStream } from './configs.ts'
import { busErrors } from './errors.ts'
import { asProvError, ProvError } from '../errors.ts'
import type { ErrorReport } from '../errors.ts'

export interface Topology {
  readonly streams: readonly StreamConfig[]
  readonly consumers: readonly ConsumerConfig[]
}

const day = 86_400_000

/** Events for people and other projects; what a project gets that declares nothing of its own. */
export const ecosystemTopology: Topology = {
  streams: [
    {
      name: 'ECOSYSTEM',
      subjects: ['ecosystem.>'],
      retention: 'limits',
      maxAgeMs: 30 * day,
    },
  ],
  consumers: [
    {
      stream: 'ECOSYSTEM',
      name: 'daemon-ontoref',
      filter: ['ecosystem.daemon.>', 'ecosystem.actor.>', 'ecosystem.ontoref.>'],
    },
    {
      stream: 'ECOSYSTEM',
      name: 'cli-notifications',
      filter: ['ecosystem.ontoref.>', 'ecosystem.actor.>'],
    },
  ],
}

/** What became of one stream or consumer. */
export interface TopologyRow {
  readonly what: 'stream' | 'consumer'
  readonly name: string
  /** `refused`: it is there with settings that nobody can change safely, or the role may not. */
  readonly state: Ensured | 'refused' | 'would be created' | 'would be changed'
  readonly error?: ErrorReport
}

/**
 * Makes what is missing, changes what is safe to change, and names what differs. Goes on after a
 * refusal, so that one row does not hide the others; only a bus that does not answer is thrown.
 */
export async function applyTopology(
  bus: Pick<Bus, 'ensureStream' | 'ensureConsumer'>,
  { streams, consumers }: Topology,
  options: { readonly change?: boolean | undefined } = { change: true },
): Promise<readonly TopologyRow[]> {
  const rows: TopologyRow[] = []
  const one = async (
    what: TopologyRow['what'],
    name: string,
    ensure: () => Promise<Ensured>,
  ): Promise<void> => {
    try {
      rows.push({ what, name, state: await ensure() })
    } catch (thrown) {
      if (!ProvError.is(thrown) || thrown.code === 'PROV_BUS_UNAVAILABLE') throw thrown
      rows.push({ what, name, state: 'refused', error: asProvError(thrown).toJSON() })
    }
  }
  for (const stream of streams) {
    await one('stream', stream.name, () => bus.ensureStream(stream, options))
  }
  for (const consumer of consumers) {
    const name = `${consumer.stream}/${consumer.name}`
    await one('consumer', name, () => bus.ensureConsumer(consumer, options))
  }
  return rows
}

/** The rows that `applyTopology` would give, as far as streams go; changes nothing. */
export async function dryTopology(
  bus: Pick<Bus, 'streamInfo'>,
  { streams, consumers }: Topology,
): Promise<readonly TopologyRow[]> {
  const rows: TopologyRow[] = []
  const infos = new Map<string, Awaited<ReturnType<Bus['streamInfo']>>>()
  for (const stream of streams) {
    const row = { what: 'stream', name: stream.name } as const
    const info = await bus.streamInfo(stream.name)
    infos.set(stream.name, info)
    try {
      const verdict = judgeStream(stream, info ? [info.config] : [], { change: true })
      rows.push({ ...row, state: would[verdict] })
    } catch (thrown) {
      rows.push({ ...row, state: 'refused', error: asProvError(thrown).toJSON() })
    }
  }
  for (const { stream, name } of consumers) {
    const known = infos.get(stream)?.consumers.some((one) => one.name === name) === true
    const state = known ? 'same' : 'would be created'
    rows.push({ what: 'consumer', name: `${stream}/${name}`, state })
  }
  return rows
}

const would = { new: 'would be created', change: 'would be changed', same: 'same' } as const

/**
 * A topology from unknown data: `{ streams: […], consumers: […] }` with consumers there or inside
 * their stream, a list of streams, or one stream as the `nats` command line reads it. Checked for
 * names and overlaps as a bus would. Throws PROV_BUS_TOPOLOGY_INVALID with the place in the file.
 */
export function parseTopology(value: unknown, file: string): Topology {
  const read = new Reading(file)
  const top = Array.isArray(value) ? { streams: value as unknown[] } : read.object(value, 'it')
  const whole = 'streams' in top ? top : { streams: [top] }
  const streams: StreamConfig[] = []
  const consumers: ConsumerConfig[] = []
  read.onlyKnown(whole, ['streams', 'consumers'], 'it')
  for (const [at, each] of read.list(whole['streams'], 'streams').entries()) {
    const place = `streams[${at}]`
    const raw = read.object(each, place)
    const stream = read.stream(raw, place)
    streams.push(stream)
    for (const [n, inner] of read.list(raw['consumers'] ?? [], `${place}.consumers`).entries()) {
      consumers.push(read.consumer(inner, `${place}.consumers[${n}]`, stream.name))
    }
  }
  for (const [at, each] of read.list(whole['consumers'] ?? [], 'consumers').entries()) {
    consumers.push(read.consumer(each, `consumers[${at}]`, undefined))
  }
  judgeAll(streams, consumers, read)
  return { streams, consumers }
}

function judgeAll(
  streams: readonly StreamConfig[],
  consumers: readonly ConsumerConfig[],
  read: Reading,
): void {
  try {
    for (const [at, stream] of streams.entries()) judgeStream(stream, streams.slice(0, at))
    for (const [at, consumer] of consumers.entries()) {
      const stream = streams.find(({ name }) => name === consumer.stream)
      if (!stream) throw read.wrong(`consumer ${consumer.name}`, `has no stream ${consumer.stream}`)
      const known = consumers.slice(0, at).filter((other) => other.stream === consumer.stream)
      judgeConsumer(consumer, stream, known)
    }
  } catch (thrown) {
    if (ProvError.is(thrown) && thrown.code !== 'PROV_BUS_TOPOLOGY_INVALID') {
      throw busErrors.PROV_BUS_TOPOLOGY_INVALID(
        { file: read.file, where: 'it', what: thrown.message },
        { cause: thrown },
      )
    }
    throw thrown
  }
}

const secondMs = 1_000
const nanosPerMs = 1_000_000
const units: Readonly<Record<string, number>> = { ms: 1, s: secondMs, m: 60_000, h: 3_600_000 }

/** Reads members by name and says where something is wrong. */
class Reading {
  readonly file: string

  constructor(file: string) {
    this.file = file
  }

  wrong(where: string, what: string): ProvError {
    return busErrors.PROV_BUS_TOPOLOGY_INVALID({ file: this.file, where, what })
  }

  object(value: unknown, where: string): Readonly<Record<string, unknown>> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Readonly<Record<string, unknown>>
    }
    throw this.wrong(where, 'is not an object')
  }

  list(value: unknown, where: string): readonly unknown[] {
    if (Array.isArray(value)) return value as readonly unknown[]
    throw this.wrong(where, 'is not a list')
  }

  onlyKnown(raw: object, known: readonly string[], where: string): void {
    const strange = Object.keys(raw).find((key) => !known.includes(key))
    if (strange === undefined) return
    throw this.wrong(`${where}.${strange}`, `is not known; there are ${known.join(', ')}`)
  }

  stream(raw: Readonly<Record<string, unknown>>, where: string): StreamConfig {
    const fixed = { storage: 'file', num_replicas: undefined, discard: 'new', max_bytes: '-1' }
    const ages = ['max_age', 'max_age_days', 'max_age_secs']
    const windows = ['duplicate_window', 'duplicate_window_secs']
    this.onlyKnown(
      raw,
      [
        'name',
        'subjects',
        'retention',
        ...ages,
        ...windows,
        'max_msgs',
        'consumers',
        'description',
      ].concat(Object.keys(fixed)),
      where,
    )
    this.#demand(raw, where, { ...fixed, num_replicas: raw['num_replicas'] && '1' })
    const retention = this.#text(raw['retention'] ?? 'limits', `${where}.retention`).toLowerCase()
    if (retention !== 'limits' && retention !== 'workqueue') {
      throw this.wrong(`${where}.retention`, 'is neither limits nor workqueue')
    }
    const maxAgeMs = this.#span(raw, where, ages)
    const duplicateWindowMs = this.#span(raw, where, windows)
    const maxMessages = this.#count(raw['max_msgs'], `${where}.max_msgs`)
    return {
      name: this.#text(raw['name'], `${where}.name`),
      subjects: this.list(raw['subjects'], `${where}.subjects`).map((one, at) =>
        this.#text(one, `${where}.subjects[${at}]`),
      ),
      retention,
      ...(maxAgeMs !== undefined && { maxAgeMs }),
      ...(maxMessages !== undefined && { maxMessages }),
      ...(duplicateWindowMs !== undefined && { duplicateWindowMs }),
    }
  }

  consumer(value: unknown, where: string, inside: string | undefined): ConsumerConfig {
    const raw = this.object(value, where)
    const waits = ['ack_wait', 'ack_wait_secs']
    const names = ['name', 'durable_name', 'stream', 'stream_name', 'description']
    const filters = ['filter_subject', 'filter_subjects', 'filters']
    const fixed = { ack_policy: 'explicit', deliver_policy: 'all', max_deliver: '-1' }
    const known = [...names, ...filters, ...waits, 'max_ack_pending', ...Object.keys(fixed)]
    this.onlyKnown(raw, known, where)
    this.#demand(raw, where, fixed)
    const given = filters.map((name) => raw[name]).find((one) => one !== undefined)
    const list =
      given === undefined || typeof given === 'string' ? given : this.#texts(given, where)
    const filter = Array.isArray(list) && list.length === 1 ? list[0] : list
    const ackWaitMs = this.#span(raw, where, waits)
    const maxInFlight = this.#count(raw['max_ack_pending'], `${where}.max_ack_pending`)
    const stream = inside ?? raw['stream'] ?? raw['stream_name']
    return {
      stream: this.#text(stream, `${where}.stream`),
      name: this.#text(raw['name'] ?? raw['durable_name'], `${where}.name`),
      ...(filter !== undefined && { filter }),
      ...(ackWaitMs !== undefined && { ackWaitMs }),
      ...(maxInFlight !== undefined && { maxInFlight }),
    }
  }

  /** Settings that have one value only here: another one would be a promise that is not kept. */
  #demand(
    raw: Readonly<Record<string, unknown>>,
    where: string,
    fixed: Readonly<Record<string, unknown>>,
  ): void {
    for (const [name, wanted] of Object.entries(fixed)) {
      const is = raw[name]
      if (is === undefined || wanted === undefined) continue
      if (String(is).toLowerCase() === String(wanted)) continue
      throw this.wrong(`${where}.${name}`, `can only be ${String(wanted)}`)
    }
  }

  #texts(value: unknown, where: string): readonly string[] {
    return this.list(value, where).map((one) => this.#text(one, where))
  }

  #text(value: unknown, where: string): string {
    if (typeof value === 'string' && value !== '') return value
    throw this.wrong(where, 'is not a text')
  }

  #count(value: unknown, where: string): number | undefined {
    if (value === undefined || value === -1 || value === 0) return undefined
    if (Number.isSafeInteger(value) && (value as number) > 0) return value as number
    throw this.wrong(where, 'is not a whole number')
  }

  /** A number is nanoseconds, as servers write it, unless its name says otherwise. */
  #span(
    raw: Readonly<Record<string, unknown>>,
    where: string,
    names: readonly string[],
  ): number | undefined {
    const name = names.find((one) => raw[one] !== undefined && raw[one] !== 0)
    if (name === undefined) return undefined
    const value = raw[name]
    if (typeof value === 'string') {
      const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
      const ms = parts.reduce((sum, [, n, unit]) => sum + Number(n) * (units[unit ?? ''] ?? day), 0)
      if (parts.length > 0 && parts.map(([text]) => text).join('') === value) return ms
    } else if (typeof value === 'number' && value > 0) {
      if (name.endsWith('_days')) return value * day
      if (name.endsWith('_secs')) return value * secondMs
      return Math.round(value / nanosPerMs)
    }
    throw this.wrong(`${where}.${name}`, 'is not a length of time')
  }
}

/** The topology as a file of its own, to start from: what `prov nats topology` prints. */
export function topologyFile({ streams, consumers }: Topology): object {
  return {
    streams: streams.map(({ name, subjects, retention, maxAgeMs, maxMessages, ...rest }) => ({
      name,
      subjects,
      retention,
      storage: 'file',
      ...(maxAgeMs !== undefined && { max_age: maxAgeMs * nanosPerMs }),
      ...(maxMessages !== undefined && { max_msgs: maxMessages }),
      ...(rest.duplicateWindowMs !== undefined && {
        duplicate_window: rest.duplicateWindowMs * nanosPerMs,
      }),
    })),
    consumers: consumers.map(({ stream, name, filter, ackWaitMs, maxInFlight }) => ({
      stream,
      durable_name: name,
      ack_policy: 'explicit',
      ...(filter !== undefined && {
        filter_subjects: typeof filter === 'string' ? [filter] : filter,
      }),
      ...(ackWaitMs !== undefined && { ack_wait: ackWaitMs * nanosPerMs }),
      ...(maxInFlight !== undefined && { max_ack_pending: maxInFlight }),
    })),
  }
}
