/** The bridge on both buses: what holds in process holds over a real JetStream server. */
import t from 'tap'
import type { Test } from 'tap'
import { Subject, concatMap, firstValueFrom, from, mergeMap, range, take, tap, toArray } from 'rxjs'
import { connect } from 'nats'
import { deliveries, toBus } from '../../core/bus/bridge.ts'
import type { Bus, Delivery } from '../../core/bus/bus.ts'
import { embeddedBus } from '../../core/bus/embedded.ts'
import { natsBus } from '../../core/bus/nats.ts'
import { simulatedClock, sleep, systemClock } from '../../core/clock.ts'
import { memoryJournal } from '../../core/journal/memory.ts'
import { codeOf } from '../../core/kit.ts'
import { findNatsServer, howToInstall, natsServer } from '../support/nats-server.ts'

type Tap = { teardown(undo: () => unknown): unknown }

const path = findNatsServer()

async function embedded(t: Tap) {
  const clock = simulatedClock()
  const journal = memoryJournal({ clock })
  const bus = await embeddedBus({ journal, clock })
  t.teardown(() => bus.close())
  const quiet = async (): Promise<void> => {
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  const advance = async (ms: number): Promise<void> => {
    await clock.advance(ms)
    await quiet()
  }
  return { bus, clock, quiet, advance }
}

let server: ReturnType<typeof natsServer> | undefined

async function overNats(t: Tap) {
  const { url } = await (server ??= natsServer(path ?? '', whole))
  const connection = await connect({ servers: url })
  const jsm = await connection.jetstreamManager()
  for await (const name of jsm.streams.names()) await jsm.streams.delete(name)
  await connection.close()
  const bus = await natsBus({ servers: url })
  t.teardown(() => bus.close())
  const advance = (ms: number): Promise<void> => sleep(systemClock, ms / 10)
  return { bus, clock: systemClock, quiet: () => advance(1_000), advance }
}
const whole: Tap = t

const until = async (so: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await so())) await new Promise((resolve) => setImmediate(resolve))
}

for (const [kind, open] of [
  ['embedded', embedded],
  ['JetStream', overNats],
] as const) {
  const skip = kind === 'JetStream' && path === undefined && howToInstall
  t.test(kind, { skip }, async (t) => {
    await bridgeTests(t, open)
  })
}

async function bridgeTests(t: Test, open: typeof embedded | typeof overNats): Promise<void> {
  async function place(t: Tap, maxMessages?: number) {
    const opened = await open(t)
    const bus: Bus = opened.bus
    await bus.ensureStream({ name: 'W', subjects: ['w.>'], retention: 'workqueue', maxMessages })
    await bus.ensureConsumer({ stream: 'W', name: 'c' })
    const fill = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) await bus.publish('w.a', { id: `${n}`, body: n })
    }
    return { ...opened, bus, fill }
  }

  await t.test(
    'a subscriber that buffers everything still holds no more than its credits',
    async (t) => {
      const { bus, fill, quiet } = await place(t)
      await fill(50)
      const held: Delivery[] = []
      const subscription = deliveries(bus, 'W', 'c', { credits: 5 }).subscribe((delivery) => {
        held.push(delivery)
      })
      await until(() => held.length >= 5)
      await quiet()
      t.equal(held.length, 5)
      await held[0]?.ack()
      await held[3]?.term('no')
      await until(() => held.length >= 7)
      await quiet()
      t.equal(held.length, 7, 'each answer frees one credit')
      subscription.unsubscribe()
    },
  )

  await t.test('unsubscribing gives back what was not answered', async (t) => {
    const { bus, fill } = await place(t)
    await fill(10)
    const first = await firstValueFrom(deliveries(bus, 'W', 'c', { credits: 4 }).pipe(take(1)))
    t.equal(first.body, 0)
    const again = await firstValueFrom(
      deliveries(bus, 'W', 'c').pipe(
        mergeMap(async (delivery) => {
          await delivery.ack()
          return delivery.body
        }),
        take(10),
        toArray(),
      ),
    )
    t.same([...again].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  await t.test('an aborted signal completes the stream, a failing bus errors it', async (t) => {
    const { bus, fill } = await place(t)
    await fill(1)
    const end = new AbortController()
    let came = 0
    const source = deliveries(bus, 'W', 'c', { signal: end.signal }).pipe(tap(() => came++))
    const whole = firstValueFrom(source.pipe(toArray()))
    await until(() => came === 1)
    end.abort()
    t.equal((await whole).length, 1)
    t.equal(await codeOf(firstValueFrom(deliveries(bus, 'W', 'nobody'))), 'PROV_BUS_NO_CONSUMER')
  })

  await t.test(
    'every value of a source reaches the bus once, in order with one credit',
    async (t) => {
      const { bus } = await place(t)
      const source = range(1, 40)
      const published = await firstValueFrom(
        toBus(source, bus, () => 'w.a', String, { credits: 1 }).pipe(toArray()),
      )
      t.equal(published.length, 40)
      const bodies = await firstValueFrom(
        deliveries(bus, 'W', 'c', { credits: 3 }).pipe(
          concatMap(async (delivery) => {
            await delivery.ack()
            return delivery.body
          }),
          take(40),
          toArray(),
        ),
      )
      t.same(
        bodies,
        Array.from({ length: 40 }, (_, n) => n + 1),
      )
    },
  )

  await t.test('a full stream makes the source wait, and nothing is lost', async (t) => {
    const { bus, clock, quiet, advance } = await place(t, 3)
    let asked = 0
    async function* numbers() {
      for (let n = 0; n < 12; n++) {
        asked++
        yield n
      }
    }
    const done = firstValueFrom(
      toBus(numbers(), bus, () => 'w.a', String, { credits: 2, clock }).pipe(toArray()),
    )
    await until(async () => (await bus.streamInfo('W'))?.messages === 3)
    await quiet()
    t.equal((await bus.streamInfo('W'))?.messages, 3)
    t.ok(asked <= 6, `the source was asked for ${asked} values, not for all`)
    const seen: unknown[] = []
    const acks: Promise<void>[] = []
    const subscription = deliveries(bus, 'W', 'c').subscribe((delivery) => {
      seen.push(delivery.body)
      acks.push(delivery.ack())
    })
    const moving = (async () => {
      while (seen.length < 12) await advance(250)
    })()
    t.equal((await done).length, 12)
    await moving
    await Promise.all(acks)
    t.same(
      seen.map(Number).sort((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    )
    subscription.unsubscribe()
  })

  await t.test(
    'a source that cannot wait ends with an error instead of filling memory',
    async (t) => {
      const { bus } = await place(t)
      const source = new Subject<number>()
      const whole = firstValueFrom(
        toBus(source, bus, () => 'w.a', String, { credits: 1, buffer: 10 }).pipe(toArray()),
      )
      for (let n = 0; n < 12; n++) source.next(n)
      t.equal(await codeOf(whole), 'PROV_BUS_OVERRUN')
      t.equal(source.observed, false, 'and lets go of the source')
    },
  )

  await t.test('an error of the source and a refused subject reach the subscriber', async (t) => {
    const { bus } = await place(t)
    const failing = from(Promise.reject(new Error('the source broke')))
    await t.rejects(firstValueFrom(toBus(failing, bus, () => 'w.a', String)), /source broke/)
    t.equal(
      await codeOf(firstValueFrom(toBus(range(1, 1), bus, () => 'nobody.home', String))),
      'PROV_BUS_NO_STREAM',
    )
  })
}
