/** 100,000 chained steps through the book, forward and back: no stack, nothing that grows with its square. */
import t from 'tap'
import { systemClock } from 'prov'
import type { OpStep, ProviderSpec } from 'prov'
import { MemoryDisk, memoryJournal } from '../../core/journal/memory.ts'
import { RunBook } from '../../plugins/orchestrator/book.ts'
import { execute } from '../../plugins/orchestrator/execute.ts'
import type { Stage } from '../../plugins/orchestrator/machine.ts'
import { Slots } from '../../plugins/orchestrator/slots.ts'

const count = 100_000
const chain = (over: (nth: number) => Partial<OpStep>): readonly OpStep[] =>
  Array.from({ length: count }, (_, nth) => ({
    id: `s${nth}`,
    script: 'true',
    ...(nth > 0 && { dependsOn: [`s${nth - 1}`] }),
    ...over(nth),
  }))

const backend = {
  name: 'none',
  class: 'keyed',
  tiers: () => ({ cores: 1, memoryMb: 1 }),
} as unknown as ProviderSpec

/** Runs them on a machine that is not there; a script tells its exit code. */
async function run(steps: readonly OpStep[]) {
  const disk = new MemoryDisk()
  const journal = memoryJournal({ disk })
  const ran: string[] = []
  const stage: Stage = {
    ready: async () => {},
    facts: () => ({}),
    close: async () => {},
    release: async () => {},
    async run({ script }) {
      ran.push(script)
      const code = script === 'false' ? 1 : 0
      return { kind: 'exit', code, late: false, size: 0, output: Buffer.alloc(0) }
    },
  }
  const request = { op: 'op_1', token: 'sha256:1', run: { provider: 'none', steps }, labels: {} }
  const outcome = await execute(request, {
    book: await RunBook.open(journal),
    slots: new Slots(4),
    stepTimeoutMs: 1_000,
    outputs: { keep: async () => '' },
    tasks: { tell: () => {} },
    clock: systemClock,
    signal: new AbortController().signal,
    random: () => 0,
    provider: async () => backend,
    stage: () => stage,
  })
  await journal.close()
  const reopened = memoryJournal({ disk })
  const page = (await RunBook.open(reopened)).get(request.token)
  await reopened.close()
  return { outcome, ran, page }
}

t.test('forward', async (t) => {
  const { outcome, ran, page } = await run(chain(() => ({})))
  t.match(outcome, { outcome: 'applied', detail: { done: count } })
  t.equal(ran.length, count)
  t.same(page?.outcome, outcome, 'and the book tells it to the next life')
})

t.test('and back from the last one', async (t) => {
  const last = count - 1
  const { outcome, ran } = await run(
    chain((nth) => ({ script: nth === last ? 'false' : 'true', undo: `undo ${nth}` })),
  )
  t.match(outcome, { outcome: 'failed', detail: { compensated: last } })
  t.same(ran.slice(count, count + 2), [`undo ${last - 1}`, `undo ${last - 2}`])
  t.equal(ran.at(-1), 'undo 0')
  t.equal(ran.length, count + last, 'each once')
})
