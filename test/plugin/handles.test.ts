import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { assign, setup } from 'xstate'
import { createRuntime, defineActor, definePlugin } from 'prov'
import type { ActorSystem, LogLine, Plugin } from 'prov'
import { memoryJournal } from '../../core/journal/memory.ts'

const machine = setup({
  types: {
    context: {} as { readonly words: readonly string[] },
    input: {} as { readonly first: string } | undefined,
    events: {} as { readonly type: 'said'; readonly word: string },
  },
}).createMachine({
  context: ({ input }) => ({ words: input ? [input.first] : [] }),
  on: {
    said: { actions: assign({ words: ({ context, event }) => [...context.words, event.word] }) },
  },
})
const def = defineActor({ type: 'acme.talk', version: 1, machine, mailbox: { capacity: 8 } })

const home = mkdtempSync(join(tmpdir(), 'prov-handles-'))
t.teardown(() => rmSync(home, { recursive: true, force: true }))

async function run(plugin: Plugin, lines: LogLine[] = []) {
  const workspace = t.testdir({ '.ontology': {}, 'package.json': '{ "prov": { "name": "here" } }' })
  return createRuntime({
    workspace,
    home,
    journal: memoryJournal(),
    discover: false,
    plugins: [plugin],
    log: (line) => lines.push(line),
  })
}

t.test('a handle starts its actor at first use and sends in the order of calls', async (t) => {
  let words: unknown
  const runtime = await run(
    definePlugin({
      name: 'talks',
      api: 1,
      actors: { talk: def },
      async setup({ actors }) {
        for (const word of ['a', 'b', 'c'])
          actors.talk('one', { first: 'hello' }).send({ type: 'said', word })
        const { context } = await actors.talk('one').apply({ type: 'said', word: 'd' })
        words = context.words
        t.equal(actors.talk('one').address, 'acme.talk/one')
        t.equal((await actors.talk('two').snapshot()).context.words.length, 0)
        t.equal((await actors.talk('two').ref()).address, 'acme.talk/two')
      },
    }),
  )
  t.match(runtime.plugins(), [{ state: 'running' }])
  t.same(words, ['hello', 'a', 'b', 'c', 'd'])
  t.equal(runtime.actors.list({ type: 'acme.talk' }).length, 2)
  t.match(runtime.actors.list({ type: 'acme.talk' })[0], { owner: 'talks' })
  await runtime.close()
})

t.test('what an actor does not take is said in the log', async (t) => {
  const lines: LogLine[] = []
  let kernel: ActorSystem | undefined
  const runtime = await run(
    definePlugin({
      name: 'talks',
      api: 1,
      actors: { talk: def },
      async setup({ actors }) {
        kernel = actors
        const one = actors.talk('one')
        await one.snapshot()
        for (let at = 0; at < 40; at++) one.send({ type: 'said', word: `${at}` })
        await one.snapshot()
        await new Promise((resolve) => setImmediate(resolve))
      },
    }),
    lines,
  )
  t.ok(kernel)
  t.ok(
    lines.some(({ level, text }) => level === 'warn' && /took no said: full/.test(text)),
    JSON.stringify(lines.slice(0, 2)),
  )
  await runtime.close()
})

t.test('a type cannot be given a word of the kernel', async (t) => {
  const runtime = await run(definePlugin({ name: 'bad', api: 1, actors: { spawn: def } as never }))
  t.match(runtime.plugins(), [{ state: 'refused', error: { code: 'PROV_PLUGIN_SHAPE_INVALID' } }])
  await runtime.close()
})
