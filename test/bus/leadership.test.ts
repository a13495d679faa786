import t from 'tap'
import { embeddedBus } from '../../core/bus/embedded.ts'
import { leadershipKit } from '../../core/bus/leadership-kit.ts'
import { Fence, lead } from '../../core/bus/leadership.ts'
import { natsBus } from '../../core/bus/nats.ts'
import { simulatedClock, sleep, systemClock } from '../../core/clock.ts'
import { codeOf } from '../../core/kit.ts'
import { MemoryDisk, memoryJournal } from '../../core/journal/memory.ts'
import { leader } from '../support/leader.ts'
import { findNatsServer, howToInstall, natsServer } from '../support/nats-server.ts'

t.setTimeout(120_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const advance = (ms: number): Promise<void> => sleep(systemClock, ms)

t.test('a lease over the embedded bus', async (t) => {
  await leadershipKit(t, async (t) => {
    const clock = simulatedClock()
    const journal = memoryJournal({ clock, disk: new MemoryDisk() })
    const bus = await embeddedBus({ journal, clock })
    t.teardown(() => bus.close())
    const open = () => bus.keyValue('leases')
    return {
      stores: [await open(), await open()],
      clock,
      advance: (ms) => clock.advance(ms),
    }
  })
})

t.test('a holder that may have been suspended holds nothing until it is renewed', async (t) => {
  const clock = simulatedClock()
  const bus = await embeddedBus({
    journal: memoryJournal({ clock, disk: new MemoryDisk() }),
    clock,
  })
  t.teardown(() => bus.close())
  const store = await bus.keyValue('leases')
  const end = new AbortController()
  const { signal } = end
  const ttlMs = 600
  const taking = lead({ store, key: 'one', holder: 'a', ttlMs, clock, signal })
  await clock.advance(0)
  const holder = await taking
  t.teardown(() => end.abort())
  for (const ms of [3_600_000, 86_400_000]) {
    t.ok(holder.held())
    clock.jump(ms)
    t.notOk(holder.held(), 'the monotonic clock stood still, or the wall was set: nobody can tell')
    await clock.advance(ttlMs / 3)
    t.ok(holder.held(), 'it was renewed')
    clock.jump(-ms)
    t.ok(holder.held(), 'a clock that is set back costs nothing')
    await clock.advance(ttlMs / 3)
  }
  t.notOk(holder.lost.aborted)
})

t.test('a lease over a real JetStream server', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  let bucket = 0
  await leadershipKit(
    t,
    async (t) => {
      const buses = [await natsBus({ servers: server.url }), await natsBus({ servers: server.url })]
      t.teardown(() => Promise.all(buses.map((bus) => bus.close())))
      bucket++
      const stores = await Promise.all(buses.map((bus) => bus.keyValue(`leases-${bucket}`)))
      return { stores: stores as never, clock: systemClock, advance }
    },
    { ttlMs: 2_400 },
  )
})

t.test('a holder that was frozen longer than its lease is refused', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const bus = await natsBus({ servers: server.url })
  t.teardown(() => bus.close())
  const claims = { name: 'CLAIMS', subjects: ['claims'], retention: 'workqueue' } as const
  await bus.ensureStream(claims)
  await bus.ensureConsumer({ stream: 'CLAIMS', name: 'checker' })
  const fence = new Fence('the-one')
  const admitted = new Map<string, string>()
  const waiting = new Map<string, () => void>()
  const end = new AbortController()
  t.teardown(() => end.abort())
  const checking = (async () => {
    for await (const delivery of bus.pull('CLAIMS', 'checker', { signal: end.signal })) {
      const { holder, epoch } = delivery.body as { holder: string; epoch: number }
      admitted.set(holder, await codeOf((async () => fence.admit(epoch))()))
      await delivery.ack()
      waiting.get(holder)?.()
    }
  })()
  const judged = (holder: string) =>
    new Promise<void>((resolve) => {
      if (admitted.has(holder)) resolve()
      else waiting.set(holder, resolve)
    })
  const start = (name: string) => leader(t, { servers: server.url, name, ttlMs: 1_500 })

  const first = start('first')
  await first.said('held')
  await judged('first')
  t.equal(admitted.get('first'), 'none')
  admitted.clear()
  first.child.kill('SIGSTOP')
  const second = start('second')
  await second.said('held')
  await judged('second')
  t.equal(admitted.get('second'), 'none', 'the next one has it while the first one is frozen')
  // It wakes in the middle of its work and claims with the epoch it knows, as one that did not ask.
  first.child.kill('SIGCONT')
  first.child.stdin.write('claim\n')
  await first.said('lost PROV_BUS_FENCED')
  await judged('first')
  t.equal(admitted.get('first'), 'PROV_BUS_FENCED', 'what it still sends is refused')
  end.abort()
  await checking
})
