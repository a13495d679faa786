import t from 'tap'
import { embeddedBus } from '../../core/bus/embedded.ts'
import {
  applyTopology,
  ecosystemTopology,
  parseTopology,
  topologyFile,
} from '../../core/bus/topology.ts'
import type { Topology } from '../../core/bus/topology.ts'
import { simulatedClock } from '../../core/clock.ts'
import { ProvError } from '../../core/errors.ts'
import { MemoryDisk, memoryJournal } from '../../core/journal/memory.ts'

const day = 86_400_000
const refusalOf = (value: unknown): string => {
  try {
    parseTopology(value, 'nats/streams.json')
    return 'none'
  } catch (thrown) {
    return ProvError.is(thrown) ? `${thrown.code} ${thrown.message}` : String(thrown)
  }
}

t.test('the bundled topology is ECOSYSTEM with its two consumers', async (t) => {
  const [stream] = ecosystemTopology.streams
  t.same(stream, {
    name: 'ECOSYSTEM',
    subjects: ['ecosystem.>'],
    retention: 'limits',
    maxAgeMs: 30 * day,
  })
  t.same(
    ecosystemTopology.consumers.map(({ name, filter }) => [name, filter]),
    [
      ['daemon-ontoref', ['ecosystem.daemon.>', 'ecosystem.actor.>', 'ecosystem.ontoref.>']],
      ['cli-notifications', ['ecosystem.ontoref.>', 'ecosystem.actor.>']],
    ],
  )
})

t.test('a topology printed as a file reads back the same', async (t) => {
  const text = JSON.stringify(topologyFile(ecosystemTopology))
  t.same(parseTopology(JSON.parse(text), 'streams.json'), ecosystemTopology)
})

t.test('a topology is read in every spelling that projects use', async (t) => {
  const wanted = ecosystemTopology.streams
  for (const stream of [
    { name: 'ECOSYSTEM', subjects: ['ecosystem.>'], retention: 'Limits', max_age_days: 30 },
    { name: 'ECOSYSTEM', subjects: ['ecosystem.>'], storage: 'File', max_age: '720h' },
    { name: 'ECOSYSTEM', subjects: ['ecosystem.>'], max_age: 30 * day * 1e6, max_msgs: -1 },
  ]) {
    t.same(parseTopology(stream, 'x').streams, wanted, 'one stream, as the nats command reads it')
    t.same(parseTopology([stream], 'x').streams, wanted)
  }
  const inside = {
    streams: [
      {
        name: 'WORK',
        subjects: ['work.>'],
        retention: 'WorkQueue',
        consumers: [{ name: 'w', filter_subject: 'work.a', ack_policy: 'Explicit' }],
      },
    ],
    consumers: [{ stream: 'WORK', durable_name: 'v', filter_subjects: ['work.b'], ack_wait: '5s' }],
  }
  t.same(parseTopology(inside, 'x').consumers, [
    { stream: 'WORK', name: 'w', filter: 'work.a' },
    { stream: 'WORK', name: 'v', filter: 'work.b', ackWaitMs: 5_000 },
  ])
})

t.test('what a topology cannot mean is refused with the place', async (t) => {
  const stream = { name: 'WORK', subjects: ['w.>'], retention: 'workqueue' }
  const consumer = (name: string, filter: unknown) => ({
    stream: 'WORK',
    name,
    filter_subjects: filter,
  })
  const rows: [string, unknown, RegExp][] = [
    [
      'an unknown setting',
      { ...stream, max_consumers: 3 },
      /streams\[0\]\.max_consumers is not known/,
    ],
    ['memory', { ...stream, storage: 'memory' }, /streams\[0\]\.storage can only be file/],
    ['interest', { ...stream, retention: 'interest' }, /neither limits nor workqueue/],
    ['a mirror', { name: 'M', mirror: { name: 'WORK' } }, /streams\[0\]\.mirror is not known/],
    [
      'a count of deliveries',
      { streams: [stream], consumers: [{ ...consumer('a', ['w.a']), max_deliver: 5 }] },
      /max_deliver can only be -1/,
    ],
    ['no stream', { streams: [], consumers: [consumer('a', ['w.a'])] }, /has no stream WORK/],
    ['two streams on one subject', [stream, { ...stream, name: 'OTHER' }], /already takes/],
    [
      'partly overlapping workers',
      { streams: [stream], consumers: [consumer('a', ['w.*.x']), consumer('b', ['w.a.*'])] },
      /already takes/,
    ],
    ['a length without a unit', { ...stream, max_age: '30' }, /max_age is not a length of time/],
    ['no object', 'streams', /it is not an object/],
  ]
  for (const [name, value, wanted] of rows) {
    const said = refusalOf(value)
    t.match(said, /^PROV_BUS_TOPOLOGY_INVALID/, name)
    t.match(said, wanted, name)
  }
})

t.test('applying changes what is safe, and names what is not', async (t) => {
  const clock = simulatedClock()
  const bus = await embeddedBus({
    journal: memoryJournal({ clock, disk: new MemoryDisk() }),
    clock,
  })
  t.teardown(() => bus.close())
  const topology = (age: number, filter: string): Topology => ({
    streams: [
      { name: 'E', subjects: ['e.>'], retention: 'limits', maxAgeMs: age },
      { name: 'W', subjects: ['w.>'], retention: 'workqueue' },
    ],
    consumers: [{ stream: 'W', name: 'one', filter }],
  })
  const states = async (wanted: Topology) =>
    (await applyTopology(bus, wanted)).map(({ name, state }) => `${name} ${state}`)
  t.same(await states(topology(day, 'w.a')), ['E created', 'W created', 'W/one created'])
  t.same(await states(topology(day, 'w.a')), ['E same', 'W same', 'W/one same'])
  t.same(await states(topology(2 * day, 'w.a')), ['E changed', 'W same', 'W/one same'])
  const rows = await applyTopology(bus, topology(day, 'w.b'))
  t.same(
    rows.map(({ state, error }) => [state, error?.message]),
    [
      [
        'refused',
        'stream E exists with other settings: maxAgeMs is 172800000 and should be 86400000',
      ],
      ['same', undefined],
      ['refused', 'consumer one exists with other settings: filter is w.a and should be w.b'],
    ],
  )
})
