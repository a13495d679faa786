/** The book of runs: what a snapshot keeps is what the log says, and what nobody asks for goes. */
import t from 'tap'
import { openJournal } from '../../core/journal/file.ts'
import type { Journal } from '../../core/journal/journal.ts'
import { memoryJournal } from '../../core/journal/memory.ts'
import type { JsonObject } from '../../core/json.ts'
import type { LateAnswer } from '../../core/protocol/evidence.ts'
import { RunBook } from '../../plugins/orchestrator/book.ts'
import type { RunRequest } from '../../plugins/orchestrator/book.ts'
import { forgetEnded } from '../../plugins/orchestrator/forget.ts'
import type { ForgetOptions } from '../../plugins/orchestrator/forget.ts'
import { temporaryFolder } from '../support/folder.ts'

const request = (n: number): RunRequest => ({
  op: `op_${n}`,
  token: `token-${n}`,
  run: { provider: 'local', tier: 'small', steps: [{ id: 'a', script: 'true' }] } as never,
  labels: { n: String(n) },
})
const applied = { outcome: 'applied' } as never
const record = { exit: 0, late: false, log: 'a.log' }

/** Three runs: one that ended, one under way and one that is being taken back. */
async function written(journal: Journal): Promise<RunBook> {
  const book = await RunBook.open(journal)
  for (const n of [1, 2, 3]) {
    await book.begin(request(n))
    await book.machineAsked(`token-${n}`, { attempt: 1, at: 5 })
    await book.stepStarted(`token-${n}`, 'a')
    await book.stepAgain(`token-${n}`, 'a', 2)
    await book.stepDone(`token-${n}`, 'a', record)
  }
  await book.ended('token-1', applied)
  await book.failing('token-3', { outcome: 'failed' } as never)
  await book.undoStarted('token-3', 'a')
  await book.undoDone('token-3', 'a', record)
  return book
}

const pages = (book: RunBook) => [1, 2, 3, 4].map((n) => book.get(`token-${n}`))

t.test('a start reads what was kept and what came after it, and no more', async (t) => {
  const journal = memoryJournal()
  const book = await written(journal)
  const whole = await RunBook.open(journal)
  t.same(pages(whole), pages(book), 'from the log alone')
  await book.keep()
  await book.begin(request(4))
  const read: number[] = []
  const watched = new Proxy(journal, {
    get(target, name: keyof Journal) {
      if (name !== 'read') return target[name]
      return (options: { from?: number }) => {
        read.push(options.from ?? 1)
        return target.read(options)
      }
    },
  })
  const again = await RunBook.open(watched)
  t.same(pages(again), pages(book))
  const { position } = (await journal.snapshot('orchestrator')) as { position: number }
  t.same(read, [position + 1])
  t.equal(again.get('token-3')?.attempts.get('a'), 2)
  t.ok(again.get('token-3')?.undone.has('a'))
})

t.test('what another version kept is passed over', async (t) => {
  const journal = memoryJournal()
  const book = await written(journal)
  await journal.putSnapshot('orchestrator', { position: 2, body: { version: 0, runs: [] } })
  t.same(pages(await RunBook.open(journal)), pages(book))
})

t.test(
  'runs of operations that left go with their leases; a busy lease keeps its page',
  async (t) => {
    const book = await written(memoryJournal())
    let leave: (ops: readonly string[]) => void = () => {}
    let busy: readonly string[] = ['orchestrator.lease/token-1']
    const asked: (readonly string[])[] = []
    const parts = {
      book,
      actors: {
        retire: async (addresses: readonly string[]) => {
          asked.push(addresses)
          return busy
        },
      },
      contract: {
        onLeft: (listener: typeof leave) => {
          leave = listener
          return () => (leave = () => {})
        },
        store: { get: () => ({ ops: { isNear: () => true, has: () => true } }) },
      },
      log: {},
      signal: new AbortController().signal,
    }
    const stop = forgetEnded(parts as unknown as ForgetOptions)
    t.same(asked, [], 'nothing of an earlier life')
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    leave(['op_1', 'op_2', 'op_9'])
    await turn()
    t.same(asked, [['orchestrator.lease/token-1']], 'only what ended')
    t.ok(book.get('token-1'), 'its machine is still to be destroyed')
    busy = []
    leave(['op_9'])
    await turn()
    t.same(asked[1], ['orchestrator.lease/token-1'], 'asked again in the next round')
    t.same(
      [1, 2, 3].map((n) => book.get(`token-${n}`) !== undefined),
      [false, true, true],
    )
    t.same([...book.ops()], ['op_2', 'op_3'])

    // Two rounds at once: what either of them had to leave is asked for again.
    await book.ended('token-2', applied)
    await book.ended('token-3', applied)
    busy = ['orchestrator.lease/token-2', 'orchestrator.lease/token-3']
    leave(['op_2'])
    leave(['op_3'])
    await turn()
    busy = []
    leave(['op_9'])
    await turn()
    t.same(asked.at(-1), ['orchestrator.lease/token-2', 'orchestrator.lease/token-3'])
    t.same([...book.ops()], [])
    stop()
  },
)

t.test('what an earlier life left goes at the start', async (t) => {
  const book = await written(memoryJournal())
  const retired: JsonObject[] = []
  forgetEnded({
    book,
    actors: { retire: async (addresses: never) => (retired.push(addresses), []) },
    contract: {
      onLeft: () => () => {},
      store: { get: () => ({ ops: { isNear: (op: string) => op === 'op_3', has: () => true } }) },
    },
    log: {},
    signal: new AbortController().signal,
  } as unknown as ForgetOptions)
  await new Promise((resolve) => setImmediate(resolve))
  t.same(retired, [['orchestrator.lease/token-1']])
  t.same([...book.ops()], ['op_2', 'op_3'])
})

t.test('an answer that another process has the journal for is left to it', async (t) => {
  const { dir } = temporaryFolder(t)
  const journal = await openJournal({ dir })
  t.teardown(() => journal.close())
  const left: LateAnswer[] = []
  const book = await RunBook.open(journal, async (answer) => void left.push(answer))
  await book.begin(request(1))
  await book.stepStarted('token-1', 'a')
  await book.machineAnswered('token-1', { outcome: 'applied', message: 'it made the machine m' })
  t.same(left, [], 'what can be written is no evidence')
  const next = await openJournal({ dir, supersede: () => true })
  t.teardown(() => next.close())
  await book.machineAnswered('token-1', { outcome: 'applied', message: 'it made the machine m' })
  const fenced = { code: 'PROV_JOURNAL_FENCED' }
  await t.rejects(book.stepDone('token-1', 'a', record), fenced)
  await t.rejects(book.stepStarted('token-1', 'b'), fenced)
  const spent = { spent: 'eu' }
  await t.rejects(book.ended('token-1', { outcome: 'applied', detail: spent }), fenced)
  const unknown = { outcome: 'unknown', code: 'PROV_X', message: '', detail: {} } as const
  await t.rejects(book.ended('token-1', unknown), fenced)
  const common = { op: 'op_1', token: 'token-1', outcome: 'applied' }
  t.match(left, [
    { ...common, what: 'machine', message: 'it made the machine m' },
    { ...common, what: 'step', step: 'a', message: 'exit code 0', detail: { log: 'a.log' } },
    { ...common, what: 'run', detail: spent },
  ])
  t.equal(left.length, 3, 'what was begun, and what nobody knows, answers nothing')
})
