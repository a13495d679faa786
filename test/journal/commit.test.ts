import t from 'tap'
import { simulatedClock } from '../../core/clock.ts'
import { Anchoring } from '../../core/journal/anchoring.ts'
import type { Anchor, AnchoredHead } from '../../core/journal/anchor.ts'
import { GroupCommit } from '../../core/journal/commit.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A log whose syncs take so long by its clock, and callers that come one after the other. */
function log(syncMs: number, pauseMs: number) {
  let nowMs = 0
  const clock = { ...simulatedClock(), monotonic: () => nowMs }
  const batches: number[] = []
  const commit = new GroupCommit({
    journal: 'j',
    epoch: 1,
    clock,
    last: 0,
    async commit(frames) {
      batches.push(frames.length)
      nowMs += syncMs
    },
  })
  const append = () => commit.append([{ partition: 'p', type: 't', body: null }])
  const stream = async (count: number): Promise<void> => {
    const all: Promise<unknown>[] = []
    for (let n = 0; n < count; n++) {
      all.push(append())
      nowMs += pauseMs
      await turn()
    }
    await Promise.all(all)
  }
  return { append, stream, batches }
}

t.test(
  'callers that come turn by turn share a sync, for a few times as long as one takes',
  async (t) => {
    const busy = log(10, 1)
    await busy.append()
    await busy.stream(160)
    t.equal(
      busy.batches.reduce((sum, frames) => sum + frames),
      161,
    )
    t.ok(busy.batches.length <= 8, `161 appends in ${busy.batches.length} syncs`)
    t.ok(Math.max(...busy.batches) <= 100, 'and none waits for ever')
  },
)

t.test('who comes alone waits for nobody', async (t) => {
  const idle = log(10, 0)
  for (let n = 0; n < 5; n++) await idle.append()
  t.same(idle.batches, [1, 1, 1, 1, 1])
})

t.test('an anchor that is being written is shared by all whom it is new enough for', async (t) => {
  const written: number[] = []
  const waiting: (() => void)[] = []
  let batch = 1
  const anchor = {
    keep({ batch }: AnchoredHead) {
      written.push(batch)
      return new Promise<void>((resolve) => waiting.push(resolve))
    },
  } as unknown as Anchor
  const head = () => ({ batch }) as AnchoredHead
  const anchoring = new Anchoring(anchor, head, (thrown) => thrown as never)
  const same = [anchoring.keep(), anchoring.keep()]
  batch = 2
  const newer = anchoring.keep()
  waiting.shift()?.()
  await Promise.all(same)
  while (waiting.length === 0) await turn()
  t.same(written, [1, 2], 'whoever wants more waits for the next')
  waiting.shift()?.()
  await newer
  await anchoring.keep()
  t.same(written, [1, 2], 'and what is remembered is not written again')
})
