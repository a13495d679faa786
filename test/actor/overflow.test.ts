/** What a full mailbox does, by the type's own choice. */
import t from 'tap'
import { assign, setup } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { MailboxPolicy } from '../../core/actor/define.ts'
import { codeOf } from '../../core/kit.ts'
import { counter, House, settle } from './counter.ts'

interface Seen {
  readonly type: 'seen'
  readonly what: string
  readonly value: number
}

const machine = setup({
  types: { context: {} as { seen: readonly string[] }, events: {} as Seen },
  actions: {
    note: assign({
      seen: ({ context, event }) => [...context.seen, `${event.what}${event.value}`],
    }),
  },
}).createMachine({ context: { seen: [] }, on: { seen: { actions: 'note' } } })

const watcher = (mailbox: Partial<MailboxPolicy>) =>
  defineActor({ type: 'test.watcher', version: 1, machine, durability: 'volatile', mailbox })

const seen = (what: string, value = 0): Seen => ({ type: 'seen', what, value })

async function start(mailbox: Partial<MailboxPolicy>) {
  const house = new House()
  const system = await house.start()
  const def = watcher(mailbox)
  system.register(def)
  return { system, ref: await system.spawn(def, 'a') }
}

t.test('a mailbox that awaits hands out room, and apply waits for it by itself', async (t) => {
  const { system, ref } = await start({ capacity: 2, overflow: 'await' })
  t.teardown(() => system.close())
  ref.send(seen('a'))
  ref.send(seen('b'))
  const sent = ref.send(seen('lost'))
  t.match(sent, { accepted: false, reason: 'full' })
  const applied = ref.apply(seen('c'))
  const stop = new AbortController()
  const given = codeOf(ref.apply(seen('d'), { signal: stop.signal }))
  stop.abort()
  t.equal(await given, 'PROV_ACTOR_ABORTED', 'who waits for room may give up')
  await (sent as { room?: Promise<void> }).room
  t.same((await applied).context.seen, ['a0', 'b0', 'c0'])
  t.equal(system.deadLetters().count, 0, 'nothing was lost: everybody was told')
})

t.test(
  'messages about one thing coalesce: the newest takes the place of the one that waits',
  async (t) => {
    const { system, ref } = await start({
      capacity: 2,
      overflow: 'coalesce',
      key: (event: Seen) => event.what,
    })
    t.teardown(() => system.close())
    ref.send(seen('a', 1))
    ref.send(seen('b', 1))
    const applied = ref.apply(seen('a', 2))
    t.match(ref.send(seen('a', 3)), { accepted: true }, 'a full mailbox has room for what it knows')
    t.match(ref.send(seen('c', 1)), { accepted: false, reason: 'full' })
    t.same((await applied).context.seen, ['a3', 'b1'].slice(0, 1), 'its apply sees the newest')
    await settle()
    t.same(ref.snapshot().context.seen, ['a3', 'b1'], 'in the place of the oldest')
    ref.send(seen('a', 4))
    await settle()
    t.same(ref.snapshot().context.seen.at(-1), 'a4', 'what was taken is forgotten')
  },
)

t.test('what messages are about can be said as data: a field, or the path to one', async (t) => {
  for (const key of ['what', ['what']] as const) {
    const { system, ref } = await start({ capacity: 2, overflow: 'coalesce', key })
    ref.send(seen('a', 1))
    ref.send(seen('b', 1))
    t.match(ref.send(seen('a', 2)), { accepted: true })
    t.match(ref.send(seen('c', 1)), { accepted: false, reason: 'full' })
    await settle()
    t.same(ref.snapshot().context.seen, ['a2', 'b1'])
    await system.close()
  }
})

t.test('an event that has nothing there stands for itself, whatever it inherits', async (t) => {
  for (const key of ['other', ['what', 'length'], 'toString', ['constructor', 'name']] as const) {
    const { system, ref } = await start({ capacity: 2, overflow: 'coalesce', key })
    ref.send(seen('a', 1))
    ref.send(seen('a', 2))
    t.match(ref.send(seen('a', 3)), { accepted: false, reason: 'full' }, String(key))
    await system.close()
  }
})

t.test('events of two types, a text and a number are never about the same', async (t) => {
  const { system, ref } = await start({ capacity: 3, overflow: 'coalesce', key: 'value' })
  t.teardown(() => system.close())
  const odd = [
    { type: 'seen', what: 'b', value: '1' },
    { type: 'other', value: 1 },
  ] as never[]
  for (const event of [seen('a', 1), ...odd]) ref.send(event)
  t.match(ref.send(seen('c', 2)), { accepted: false, reason: 'full' }, 'three wait')
})

t.test('a lossy mailbox drops what it says it drops, and counts it', async (t) => {
  for (const [overflow, left] of [
    ['drop-oldest', ['b0', 'c0']],
    ['drop-newest', ['a0', 'b0']],
  ] as const) {
    const { system, ref } = await start({ capacity: 2, overflow, lossy: true })
    for (const what of ['a', 'b', 'c']) ref.send(seen(what))
    await settle()
    t.same(ref.snapshot().context.seen, left)
    t.match(system.deadLetters(), { count: 1, rows: [{ reason: 'dropped', event: 'seen' }] })
    await system.close()
  }
})

t.test('nothing is dropped that somebody waits for', async (t) => {
  const { system, ref } = await start({ capacity: 1, overflow: 'drop-oldest', lossy: true })
  t.teardown(() => system.close())
  const applied = ref.apply(seen('a'))
  const sent = ref.send(seen('b'))
  t.match(sent, { accepted: false, reason: 'full' }, 'the newer one is refused instead')
  t.same((await applied).context.seen, ['a0'])
})

t.test('losing and coalescing must be asked for in so many words', async (t) => {
  const code = async (mailbox: Partial<MailboxPolicy>) => codeOf((async () => watcher(mailbox))())
  t.equal(await code({ overflow: 'drop-oldest' }), 'PROV_ACTOR_DEF_INVALID')
  t.equal(await code({ overflow: 'coalesce' }), 'PROV_ACTOR_DEF_INVALID')
  for (const key of ['', [], ['a', ''], [1], {}] as never[]) {
    t.equal(await code({ overflow: 'coalesce', key }), 'PROV_ACTOR_DEF_INVALID')
  }
})

t.test(
  'whoever waited for room or an answer leaves nothing at a signal that lives on',
  async (t) => {
    const { system, ref } = await start({ capacity: 1, overflow: 'await' })
    t.teardown(() => system.close())
    const { signal } = new AbortController()
    let heard = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...all: Parameters<typeof add>) => (heard++, add(...all))
    signal.removeEventListener = (...all: Parameters<typeof remove>) => (heard--, remove(...all))
    const applied = ['a', 'b', 'c'].map((what) => ref.apply(seen(what), { signal }))
    const asked = codeOf(system.ask(ref.address, () => seen('d'), { signal, timeoutMs: 0 }))
    t.ok(heard >= 3, `${heard} wait`)
    await Promise.all(applied)
    await system.close()
    await asked
    t.equal(heard, 0)
  },
)

t.test('who waits for room gets it also from one that begins anew', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([], {
    durability: 'volatile',
    mailbox: { capacity: 1, overflow: 'await' },
    supervision: { onFailure: 'reset', backoff: { firstMs: 10, maxMs: 10 } },
  })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  ref.send({ type: 'break' })
  await settle()
  ref.send({ type: 'add' })
  const waiting = ref.apply({ type: 'add' })
  await house.clock.advance(10)
  t.equal((await waiting).context.count, 2)
})
