/** Work inside the process: at most one answer per token, and no guess after a crash. */
import t from 'tap'
import type { Test } from 'tap'
import { MemoryDisk, memoryJournal } from '../../core/journal/memory.ts'
import { codeOf } from '../../core/kit.ts'
import { defineErrors } from '../../core/errors.ts'
import { defineOpType } from '../../core/protocol/op-type.ts'
import type { Component, OpType } from '../../core/protocol/op-type.ts'
import type { OpBody } from '../../core/protocol/op.ts'
import { RunBook } from '../../plugins/orchestrator/book.ts'
import { pluginErrors } from '../../core/plugin/errors.ts'
import { runComponent } from '../../plugins/orchestrator/component.ts'

const errors = defineErrors<{ PROV_ACME_EMPTY: object; PROV_ACME_LOST: object }>({
  PROV_ACME_EMPTY: { disposition: 'blocked', text: () => 'empty', remedy: 'prov quota' },
  PROV_ACME_LOST: { disposition: 'unknown', text: () => 'no answer', remedy: 'prov quota' },
})
const body: OpBody = {
  type: 'acme.spend',
  target: 'eu',
  scope: [],
  destructive: false,
  achieves: [],
  gains: [],
  loses: [],
  requires: [],
  run: { component: 'acme.spend' },
}
const request = { op: 'op_1', token: 't1', run: { component: 'acme.spend' }, labels: {}, body }

const typeOf = (apply: Component, how: 'keyed' | 'opaque' = 'opaque') =>
  defineOpType({
    type: 'acme.spend',
    describe: 'spends',
    targets: ['*'],
    class: how,
    apply,
  }).value as OpType

/** One life over a disk; `die` ends it without an outcome. */
async function life(t: Test, disk: MemoryDisk, type: OpType | undefined) {
  disk.held = false
  const journal = memoryJournal({ disk })
  t.teardown(() => journal.close().catch(() => {}))
  const book = await RunBook.open(journal)
  const end = new AbortController()
  const parts = { book, actors: {} as never, opType: () => type, signal: end.signal }
  return { run: (over = {}) => runComponent({ ...request, ...over }, parts), end }
}

t.test('the same token is answered from the book, also in another life', async (t) => {
  const disk = new MemoryDisk()
  let calls = 0
  const type = typeOf(async ({ token, body }) => {
    calls++
    return { token, target: body.target }
  })
  const answer = {
    outcome: 'applied',
    detail: { component: 'acme.spend', token: 't1', target: 'eu' },
  }
  const one = await life(t, disk, type)
  t.same(await one.run(), answer)
  t.same(await one.run(), answer)
  t.same(await (await life(t, disk, type)).run(), answer)
  t.equal(calls, 1)
  const other = one.run({ body: { ...body, target: 'us' } })
  t.equal(await codeOf(other), 'PROV_RUN_TOKEN_REUSED', 'and stands for nothing else')
})

t.test('after a crash a keyed component is called again, an opaque one is in doubt', async (t) => {
  for (const how of ['keyed', 'opaque'] as const) {
    const disk = new MemoryDisk()
    const tokens: string[] = []
    let reached: () => void = () => {}
    const begun = new Promise<void>((resolve) => (reached = resolve))
    const hangs = typeOf(({ token }) => {
      tokens.push(token)
      reached()
      return new Promise(() => {})
    }, how)
    void (await life(t, disk, hangs)).run()
    await begun
    const answers = typeOf(async ({ token }) => void tokens.push(token), how)
    const end = await (await life(t, disk, answers)).run()
    if (how === 'keyed') {
      t.equal(end.outcome, 'applied')
      t.same(tokens, ['t1', 't1'], 'under the same token')
    } else {
      t.match(end, { outcome: 'unknown', code: 'PROV_RUN_COMPONENT_LOST' })
      t.same(tokens, ['t1'], 'never twice')
    }
  }
})

t.test('what a component throws is how the operation ends', async (t) => {
  const ends = async (thrown: unknown) => {
    const one = await life(
      t,
      new MemoryDisk(),
      typeOf(() => Promise.reject(thrown as Error)),
    )
    return one.run()
  }
  t.match(await ends(errors.PROV_ACME_EMPTY({})), { outcome: 'failed', code: 'PROV_ACME_EMPTY' })
  t.match(await ends(errors.PROV_ACME_LOST({})), { outcome: 'unknown', code: 'PROV_ACME_LOST' })
  t.match(await ends(new Error('oh')), { outcome: 'failed', code: /^PROV_/, message: /oh/ })
})

t.test(
  'a component that nobody brings fails, and one that went away while it ran is unknown',
  async (t) => {
    const disk = new MemoryDisk()
    const absent = await life(t, disk, undefined)
    t.match(await absent.run(), { outcome: 'failed', code: 'PROV_RUN_COMPONENT_ABSENT' })
    const one = await life(
      t,
      disk,
      typeOf(
        () => new Promise((_, reject) => one.end.signal.addEventListener('abort', reject)),
        'keyed',
      ),
    )
    const running = one.run()
    await new Promise((resolve) => setImmediate(resolve))
    one.end.abort()
    t.equal(await codeOf(running), 'PROV_RUN_STOPPING')
    const later = await (await life(t, disk, undefined)).run()
    t.match(later, { outcome: 'unknown', code: 'PROV_RUN_COMPONENT_LOST' })
  },
)

t.test('lost with its plugin in this very life it is called again by the same rule', async (t) => {
  const { PROV_PLUGIN_CALL_LOST } = pluginErrors
  const lost = async (how: 'keyed' | 'opaque', times: number) => {
    const tokens: string[] = []
    const type = typeOf(async ({ token }) => {
      tokens.push(token)
      if (tokens.length <= times) throw PROV_PLUGIN_CALL_LOST({ plugin: 'acme', reason: 'exit 9' })
    }, how)
    const outcome = await (await life(t, new MemoryDisk(), type)).run()
    return [outcome.outcome, ...tokens]
  }
  t.same(await lost('keyed', 1), ['applied', 't1', 't1'])
  t.same(await lost('keyed', 2), ['unknown', 't1', 't1'], 'once more, not for ever')
  t.same(await lost('opaque', 1), ['unknown', 't1'])
})
