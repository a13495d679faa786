/**
 * The promises L1 to L3 of a leadership as a test that every key-value store runs: the embedded one,
 * JetStream's, a stranger's.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { codeOf } from '../kit.ts'
import type { KitTest } from '../kit.ts'
import type { Millis } from '../units.ts'
import type { KeyValue } from './bus.ts'
import { busErrors } from './errors.ts'
import { Fence, lookAtLeader, lead } from './leadership.ts'
import type { Leadership, LeadershipOptions } from './leadership.ts'

export interface LeadershipHarness {
  /** Two views of one empty store, as two processes would have. */
  readonly stores: readonly [KeyValue, KeyValue]
  readonly clock: Clock
  /** Lets time pass: drives a clock, or waits where time is real. */
  advance(ms: Millis): Promise<void>
}

export interface LeadershipKitOptions {
  /** A life that a test can afford. Default 600 ms. */
  readonly ttlMs?: Millis | undefined
}

const key = 'the one: odd/é'

/** Runs every promise of a leadership. `make` gives an empty store each time. */
export async function leadershipKit(
  t: KitTest,
  make: (t: KitTest) => Promise<LeadershipHarness>,
  { ttlMs = 600 }: LeadershipKitOptions = {},
): Promise<void> {
  const open = async (t: KitTest) => {
    const harness = await make(t)
    const ends: (() => Promise<unknown>)[] = []
    t.teardown(() => Promise.all(ends.map((end) => end())))
    const take = (
      store: KeyValue,
      holder: string,
      more: Partial<LeadershipOptions> = {},
    ): { readonly leadership: Promise<Leadership>; got: Leadership | undefined } => {
      const { clock } = harness
      const end = new AbortController()
      const { signal } = end
      const leadership = lead({ store, key, holder, ttlMs, clock, signal, ...more })
      const taking = { leadership, got: undefined as Leadership | undefined }
      const done = leadership.then(
        (one) => (taking.got = one),
        () => undefined,
      )
      ends.push(async () => {
        end.abort()
        await (await done)?.release()
      })
      return taking
    }
    /** Lets time pass in small steps until it is so; a leadership comes within a few lives or never. */
    const until = async (so: () => boolean, lives = 20): Promise<boolean> => {
      for (let step = 0; step < lives * 6 && !so(); step++) await harness.advance(ttlMs / 6)
      return so()
    }
    return { ...harness, take, until }
  }

  await t.test('L1 of many who want it one has it; the next one has a greater epoch', async (t) => {
    const { stores, take, until } = await open(t)
    const rivals = Array.from({ length: 6 }, (_, at) => take(stores[at % 2 ? 1 : 0], `r${at}`))
    t.ok(await until(() => rivals.some(({ got }) => got)))
    const [first] = rivals.filter(({ got }) => got)
    const one = first?.got as Leadership
    t.equal(rivals.filter(({ got }) => got).length, 1)
    t.ok(one.held())
    t.same(await lookAtLeader(stores[1], key), {
      holder: `r${rivals.indexOf(first as never)}`,
      free: false,
      ttlMs,
      epoch: one.epoch,
    })
    await one.release()
    t.ok(one.lost.aborted, 'what was given back is held no more')
    t.equal(one.held(), false)
    t.ok(await until(() => rivals.filter(({ got }) => got).length === 2), 'somebody goes on')
    const next = rivals.find(({ got }) => got?.held())?.got as Leadership
    t.ok(next.epoch > one.epoch, `${next.epoch} after ${one.epoch}`)
  })

  await t.test('L2 a holder that is alive keeps it', async (t) => {
    const { stores, take, until } = await open(t)
    const holder = await take(stores[0], 'alive').leadership
    const other = take(stores[1], 'waiting')
    t.equal(await until(() => other.got !== undefined || holder.lost.aborted, 2), false)
    t.ok(holder.held())
    t.equal((await lookAtLeader(stores[1], key))?.epoch, holder.epoch, 'renewals keep the epoch')
  })

  await t.test('L2 who is cut off ends before the next one begins, and is fenced', async (t) => {
    const { stores, take, until } = await open(t)
    const wire = cuttable(stores[0])
    const cut = await take(wire.store, 'cut off').leadership
    const other = take(stores[1], 'next')
    const fence = new Fence(key)
    fence.admit(cut.epoch)
    wire.cut()
    let both = false
    t.ok(
      await until(() => {
        both ||= other.got !== undefined && cut.held()
        return other.got !== undefined
      }),
      'the other one has it in the end',
    )
    t.equal(both, false, 'never both')
    const next = other.got as Leadership
    t.ok(next.epoch > cut.epoch)
    fence.admit(next.epoch)
    t.equal(await codeOf((async () => fence.admit(cut.epoch))()), 'PROV_BUS_FENCED')
    wire.mend()
    t.ok(await until(() => cut.lost.aborted), 'it learns that it is over')
    t.equal(await codeOf(Promise.reject(cut.lost.reason as Error)), 'PROV_BUS_FENCED')
    t.ok(next.held(), 'and takes nothing back')
  })

  await t.test('L3 a renewal whose answer was lost is no reason to give up', async (t) => {
    const { stores, take, until } = await open(t)
    const wire = cuttable(stores[0])
    const holder = await take(wire.store, 'deaf').leadership
    wire.loseAnswers(1)
    t.ok(await until(() => wire.lost() === 1))
    t.equal(await until(() => holder.lost.aborted, 3), false)
    t.ok(holder.held())
  })

  await t.test('L1 epochs grow over a store that lost everything', async (t) => {
    const { stores, take, until } = await open(t)
    const first = await take(stores[0], 'first', { knownEpoch: 1_000 }).leadership
    t.equal(first.epoch, 1_001, 'the journal of the holder knew of 1000')
    t.equal((await lookAtLeader(stores[1], key))?.epoch, 1_001)
    const second = take(stores[1], 'second')
    await first.release()
    t.ok(await until(() => second.got !== undefined))
    t.equal(second.got?.epoch, 1_002, 'who knows of nothing goes on from what stands there')
  })
}

/** A store that can be cut off, or do what it is told and lose the answer. */
function cuttable(store: KeyValue) {
  let isCut = false
  let losing = 0
  let lost = 0
  const away = () => busErrors.PROV_BUS_UNAVAILABLE({ what: 'reach the store', reason: 'cut off' })
  const through = async <T>(act: () => Promise<T>, answerMatters = false): Promise<T> => {
    if (isCut) throw away()
    const answer = await act()
    if (!answerMatters || losing === 0) return answer
    losing--
    lost++
    throw away()
  }
  const own: KeyValue = {
    get: (name) => through(() => store.get(name)),
    create: (name, value) => through(() => store.create(name, value)),
    update: (name, value, revision) => through(() => store.update(name, value, revision), true),
    delete: (name) => through(() => store.delete(name)),
  }
  return {
    store: own,
    cut: () => void (isCut = true),
    mend: () => void (isCut = false),
    loseAnswers: (count: number) => void (losing = count),
    lost: () => lost,
  }
}
