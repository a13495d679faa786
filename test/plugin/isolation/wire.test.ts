/** Both ends of the wire: what arrives is parsed, tables are bounded, and an end fails who waits. */
import { from } from 'rxjs'
import t from 'tap'
import type { ProvError } from '../../../core/errors.ts'
import { codeOf } from '../../../core/kit.ts'
import { answerOf } from '../../../core/plugin/isolation/streams.ts'
import type { Frame } from '../../../core/plugin/isolation/wire.ts'
import { pair } from './pair.ts'

t.test('what is no frame is told, changes nothing and breaks nothing', async (t) => {
  const { here, there, odd } = pair({ add: async (a: number, b: number) => a + b })
  const deep: unknown[] = []
  let at = deep
  for (let depth = 0; depth < 500; depth++) at.push((at = []))
  const circle: Record<string, unknown> = { t: 'call', id: 1, of: 0, key: 'add' }
  circle['args'] = [circle]
  const frames: unknown[] = [
    undefined,
    null,
    42,
    'call',
    [],
    {},
    { t: 7 },
    { t: 'ok' },
    { t: 'ok', id: -1 },
    { t: 'ok', id: 1e9, value: 1 },
    { t: 'fail', id: 99, error: { $: 'error', report: { code: 'PROV_X', disposition: 'none' } } },
    { t: 'call' },
    { t: 'call', id: 1, of: 7, key: 'add', args: [] },
    { t: 'call', id: 2, of: 0, key: 'constructor', args: [] },
    { t: 'call', id: 3, of: 0, key: '__proto__', args: [] },
    { t: 'call', id: 4, of: 0, key: 'toString', args: [] },
    { t: 'call', id: 5, of: 0, key: 'add', args: 'none' },
    { t: 'call', id: 6, of: 0, key: 'add', args: deep },
    { t: 'call', id: 7, of: 0, key: 'add', args: [{ $: 'rocket', id: 1 }] },
    { t: 'call', id: 8, of: 0, key: 'add', args: [{ $: 'function', id: 'one' }] },
    { t: 'call', id: 9, of: 0, key: 'add', args: [new Map([[1, 2]])] },
    { t: 'sub', id: 10, of: 99, credits: 'many' },
    { t: 'more', id: 11, count: {} },
    { t: 'free', id: 12, count: -5 },
    { t: 'free', id: 0, count: 5 },
    { t: 'settle', id: 13 },
    { t: 'abort', id: 14 },
    { t: 'what', id: 15 },
    circle,
  ]
  for (const frame of frames) t.doesNotThrow(() => there.receive(frame))
  await new Promise((turn) => setImmediate(turn))
  t.ok(odd.length > 5, `${odd.length} were told`)
  for (const { code } of odd) t.equal(code, 'PROV_PLUGIN_GARBAGE')
  t.equal(await here.call('add', 2, 3), 5, 'the line goes on')
})

t.test('what cannot cross is refused by name before it leaves', async (t) => {
  const { here } = pair({ take: async (value: unknown) => value })
  class Odd {
    readonly data = 1
  }
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  for (const value of [Symbol('s'), new Odd(), circle, 'x'.repeat(17_000_000)]) {
    t.equal(await codeOf(here.call('take', value)), 'PROV_PLUGIN_CANNOT_CROSS')
  }
  const data = { $: 'function', id: 1, list: [1, undefined, null], when: new Date(5), big: 10n }
  t.same(await here.call('take', data), data, 'data that looks like ours stays data')
  t.same(await here.call('take', new Map([['a', new Set([1])]])), new Map([['a', new Set([1])]]))
  const bytes = await here.call('take', Buffer.from('abc'))
  t.same([...(bytes as Uint8Array)], [97, 98, 99])
})

t.test('calls that are too many are refused, and an end fails whoever waits', async (t) => {
  const { here, there, sent } = pair(
    { never: () => new Promise(() => {}), quick: async () => 1 },
    3,
  )
  const open = [1, 2, 3].map(() => codeOf(here.call('never')))
  t.equal(await codeOf(here.call('quick')), 'PROV_PLUGIN_FLOODS')
  const signal = new AbortController()
  const passed = codeOf(here.call('never', signal.signal))
  t.ok(here.held)
  here.close(new Error('the line is cut'))
  there.close(new Error('the line is cut'))
  t.same(
    await Promise.all(open),
    open.map(() => 'Error: the line is cut'),
  )
  await passed
  t.notOk(here.held, 'nothing keeps the process alive')
  const before = sent.length
  signal.abort()
  t.equal(sent.length, before, 'and nothing is sent any more')
})

t.test('who waits for what turns out to be no answer hears that', async (t) => {
  const { here, there, odd, sent } = pair({
    silent: () => new Promise(() => {}),
  })
  const waits = here.call('silent')
  here.receive({ t: 'ok', id: sent[0]?.['id'], value: { $: 'rocket' } })
  t.equal(await codeOf(waits), 'PROV_PLUGIN_GARBAGE')
  const refused = here.call('silent')
  here.receive({ t: 'fail', id: sent[1]?.['id'], error: { $: 'function', id: 'one' } })
  t.equal(await codeOf(refused), 'PROV_PLUGIN_GARBAGE')
  there.receive({ t: 'call', id: 900, of: 0, key: 'silent', args: [{ $: 'promise', id: 901 }] })
  there.receive({ t: 'settle', id: 901, value: { $: 'rocket' } })
  t.same(
    odd.map(({ code }) => code),
    ['PROV_PLUGIN_GARBAGE', 'PROV_PLUGIN_GARBAGE', 'PROV_PLUGIN_GARBAGE'],
    'and each is told',
  )
})

t.test('a list of holes costs nothing to refuse, wherever it stands', async (t) => {
  const { here, there, odd } = pair({ take: async () => 'taken' })
  let looks = 0
  const look =
    <Args extends unknown[], Answer>(at: (...args: Args) => Answer) =>
    (...args: Args): Answer => {
      looks++
      return at(...args)
    }
  const { get, has, ownKeys, getOwnPropertyDescriptor } = Reflect
  const holes = new Proxy<unknown[]>([], {
    get: look(get),
    has: look(has),
    ownKeys: look(ownKeys),
    getOwnPropertyDescriptor: look(getOwnPropertyDescriptor),
  })
  holes.length = 4_294_967_295
  for (const args of [holes, [holes], [{ $: 'set', items: holes }]]) {
    there.receive({ t: 'call', id: 1, of: 0, key: 'take', args })
  }
  const object = { $: 'object', id: 5, methods: holes, atOnce: holes }
  there.receive({ t: 'call', id: 2, of: 0, key: 'take', args: [object] })
  t.equal(await codeOf(here.call('take', holes)), 'PROV_PLUGIN_CANNOT_CROSS', 'nor is it sent')
  t.ok(looks < 10_000, `${looks} looks at them`)
  t.same(odd, [], 'a call that cannot be read fails')
  t.equal(await here.call('take'), 'taken')
})

t.test('signals that will not abort any more are remembered by neither side', async (t) => {
  const seen: (readonly AbortSignal[])[] = []
  const { here, odd } = pair({
    take: async (signals: readonly AbortSignal[]) => void seen.push(signals),
  })
  const lasting = new AbortController()
  await here.call('take', [lasting.signal])
  // More than either side may hold at once.
  for (let round = 0; round < 101; round++) {
    const signals = Array.from({ length: 500 }, () => new AbortController().signal)
    await here.call('take', signals)
    for (const signal of signals) here.calm(signal)
    seen.length = 1
  }
  await here.call('take', [new AbortController().signal])
  t.same(odd, [])
  lasting.abort()
  await new Promise((turn) => setImmediate(turn))
  t.equal(seen[0]?.[0]?.aborted, true, 'those that may abort still do')
})

t.test('what is iterated and cannot be says so in words of its reader', async (t) => {
  for (const value of [from([1, 2]), 3, undefined]) {
    const answer = answerOf(Promise.resolve(value)) as unknown as AsyncIterable<unknown>
    const read = async (): Promise<void> => {
      for await (const item of answer) t.fail(`${String(item)} came`)
    }
    await t.rejects(read(), /not async iterable; an Observable is subscribed to/)
  }
})

const turn = (): Promise<unknown> => new Promise((next) => setImmediate(next))
t.test('a burst waits for its turn; only what is written past the bounds is a flood', async (t) => {
  let open = 0
  let most = 0
  const floods: ProvError[] = []
  const { here, there, odd } = pair(
    {
      work: async (n: number) => {
        most = Math.max(most, ++open)
        await turn()
        open--
        return n
      },
      never: () => new Promise(() => {}),
    },
    64,
    { window: 60, waiting: 5_000, flood: (error) => floods.push(error) },
  )
  const all = Array.from({ length: 5_000 }, (_, n) => here.call('work', n))
  t.same(
    await Promise.all(all),
    Array.from({ length: 5_000 }, (_, n) => n),
    'each is answered',
  )
  t.ok(most <= 60, `${most} at once`)
  t.same([floods, odd], [[], []], 'and nobody is blamed')

  const never = Array.from({ length: 5_060 }, () => here.call('never').catch(() => {}))
  t.equal(await codeOf(here.call('never')), 'PROV_PLUGIN_FLOODS', 'there is an end to waiting')
  t.match(floods, [{ message: /5000 calls that nobody awaits/ }])
  for (let id = 1; id < 10; id++)
    there.receive({ t: 'call', id: 1e6 + id, of: 0, key: 'never', args: [] })
  t.match(floods, [{}, { message: /64 calls/ }], 'and whoever writes on the line itself is said')
  here.close(new Error('over'))
  await Promise.all(never)
})

t.test('what an error says beside its text is looked at like everything else', async (t) => {
  let deep: Record<string, unknown> = {}
  for (let depth = 0; depth < 1_000; depth++) deep = { deep }
  const report = (detail: unknown) => ({
    $: 'error',
    report: { code: 'PROV_X', disposition: 'fail', message: 'm', remedy: 'r', detail },
  })
  const { here, sent } = pair({ silent: () => new Promise(() => {}) })
  const answered = async (detail: unknown): Promise<ProvError> => {
    const waits = here.call('silent')
    const { id } = sent.findLast(({ t: kind }) => kind === 'call') as Frame
    here.receive({ t: 'fail', id, error: report(detail) })
    return (await waits.catch((thrown: unknown) => thrown)) as ProvError
  }
  t.equal((await answered(deep)).code, 'PROV_PLUGIN_GARBAGE')
  t.equal((await answered({ at: /odd/ })).code, 'PROV_PLUGIN_GARBAGE')
  const { code, detail } = await answered(JSON.parse('{ "__proto__": { "is": 1 }, "fine": 1 }'))
  t.same([code, Object.keys(detail)], ['PROV_X', ['fine']])
})
