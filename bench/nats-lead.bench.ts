/**
 * Measures: a leader that asks the server whether it still leads, as before each effect, against the
 * client's own compare-and-set of the same bytes, on the same server in the same rounds. Not: waiting for
 * a place, the server's own disk.
 */
import { connect } from 'nats'
import type { KV, NatsConnection } from 'nats'
import { lead } from '../core/bus/leadership.ts'
import type { Leadership } from '../core/bus/leadership.ts'
import { natsBus } from '../core/bus/nats.ts'
import type { NatsBus } from '../core/bus/nats.ts'
import { systemClock } from '../core/clock.ts'
import { findNatsServer, howToInstall, natsServer } from '../test/support/nats-server.ts'
import type { NatsServer } from '../test/support/nats-server.ts'
import { bench } from './harness.ts'
import type { Arm } from './harness.ts'
import { together } from './ops/lanes.ts'

const path = findNatsServer()
if (path === undefined) process.stderr.write(`nats-lead: no arms; ${howToInstall}\n`)

const undo: (() => unknown)[] = []
const end = new AbortController()
const note = JSON.stringify({ holder: 'bench 1', about: 'x'.repeat(220) })
let server: NatsServer
let connection: NatsConnection
let raw: KV
let revision = 0
let bus: NatsBus
let led: Leadership

const arms: readonly Arm[] = [
  {
    name: 'floor: compare-and-set by the client alone',
    async before() {
      server = await natsServer(path ?? '', { teardown: (step) => undo.push(step) })
      connection = await connect({ servers: server.url })
      raw = await connection.jetstream().views.kv('RAW', { history: 1 })
      revision = await raw.create('leader', note)
    },
    async run(times) {
      for (let n = 0; n < times; n++) revision = await raw.update('leader', note, revision)
    },
  },
  {
    name: 'a leader that asks, one after the other',
    async before() {
      bus = await natsBus({ servers: server.url })
      led = await lead({
        store: await bus.keyValue('OURS'),
        key: 'leader',
        holder: 'bench 1',
        clock: systemClock,
        signal: end.signal,
        about: () => ({ about: 'x'.repeat(150) }),
      })
    },
    async run(times) {
      for (let n = 0; n < times; n++) await led.confirm()
    },
  },
  {
    name: '128 that ask at once and share answers, each',
    run: (times) => together(times, () => led.confirm()),
    async after() {
      await led.release()
      await bus.close()
      await connection.close()
      for (const step of undo.reverse()) await step()
    },
  },
]

export default bench('nats-lead', path === undefined ? [] : arms, { sampleMs: 200 })
