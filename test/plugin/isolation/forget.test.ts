/** What was handed over is forgotten when nothing can come of it any more, however often that happens. */
import { NEVER, Observable, of } from 'rxjs'
import t from 'tap'
import type { ProvError } from '../../../core/errors.ts'
import { pair } from './pair.ts'

// A hundred thousand of each, also where the machine has others to serve.
t.setTimeout(900_000)

const rounds = 100_000
const turn = (): Promise<unknown> => new Promise((next) => setImmediate(next))

t.test('a signal that is lent to a call is remembered for that call only', async (t) => {
  let last: AbortSignal | undefined
  const waits: AbortSignal[] = []
  const { here, there, odd } = pair({
    take: async ({ signal }: { signal: AbortSignal }) => void (last = signal),
    wait: ({ signal }: { signal: AbortSignal }) =>
      new Promise((resolve) => signal.addEventListener('abort', () => resolve(waits.push(signal)))),
  })
  const shared = new AbortController()
  const lend = (signal: AbortSignal, method = 'take'): Promise<unknown> =>
    here.lend(signal, () => here.call(method, { signal }))
  const waiting = lend(shared.signal, 'wait')
  for (let round = 0; round < rounds; round += 2) {
    await lend(new AbortController().signal)
    await lend(shared.signal)
  }
  t.match(here.sizes, { kept: 2, calls: 1 }, 'the root, and the one that is still waited with')
  t.match(there.sizes, { signals: 1 })
  shared.abort()
  await waiting
  t.equal(waits.length, 1, 'which aborts, whatever ended in between')
  await lend(shared.signal)
  t.ok(last?.aborted, 'and later is known to be over')
  await turn()
  t.match(here.sizes, { kept: 1, calls: 0 })
  t.match(there.sizes, { signals: 0 })
  t.same(odd, [])

  const kept = new AbortController()
  await here.call('take', { signal: kept.signal })
  await lend(kept.signal)
  kept.abort()
  await turn()
  t.ok(last?.aborted, 'what was handed over for longer stays longer')
})

t.test('streams are forgotten with their end; those that never end are bounded', async (t) => {
  const floods: string[] = []
  const flood = ({ code }: ProvError): void => void floods.push(code)
  let open = 0
  const ticks = new Observable<number>((subscriber) => {
    subscriber.next(++open)
    return () => open--
  })
  const streams = { once: () => of(1), ticks: () => ticks, never: () => NEVER }
  const { here, there, odd, sent } = pair(streams, undefined, { flood })
  const streamOf = async (name: string) => (await here.call(name)) as Observable<unknown>
  const [once, many, never] = [
    await streamOf('once'),
    await streamOf('ticks'),
    await streamOf('never'),
  ]
  for (let round = 0; round < rounds; round += 1_000) {
    for (let at = 0; at < 500; at++) {
      once.subscribe()
      many.subscribe().unsubscribe()
    }
    await turn()
  }
  t.match(there.sizes, { given: 0 })
  t.match(here.sizes, { streams: 0 })
  t.equal(open, 0)

  never.subscribe()
  const of$ = sent.findLast((frame) => frame.t === 'sub')?.['of']
  for (let id = 1; id <= rounds; id++) {
    there.receive({ t: 'sub', id: 1_000_000 + id, of: of$, credits: Infinity })
  }
  t.equal(there.sizes['given'], 10_000)
  t.same(floods, ['PROV_PLUGIN_FLOODS'], 'said once')
  t.same(odd, [])
  there.receive({ t: 'sub', id: 1_000_001, of: of$, credits: 1 })
  t.match(odd, [{ code: 'PROV_PLUGIN_GARBAGE' }], 'a number is taken once')
})
