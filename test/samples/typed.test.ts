/**
 * What the compiler refuses: each `@ts-expect-error` is an error of the build when it does not. The types
 * of a machine reach whoever holds one of its actors, through the declarations that are published.
 */
import { join } from 'node:path'
import t from 'tap'
import { assign, setup, waitFor } from 'xstate'
import { createRuntime, defineActor, definePlugin } from 'prov'
import type { ActorDef, ActorRef, ActorSystem } from 'prov'
import { memoryJournal } from '../../core/journal/memory.ts'

const machine = setup({
  types: {
    context: {} as { readonly words: readonly string[] },
    input: {} as { readonly first: string },
    events: {} as { readonly type: 'said'; readonly word: string } | { readonly type: 'cleared' },
  },
}).createMachine({
  context: ({ input }) => ({ words: [input.first] }),
  on: {
    said: { actions: assign({ words: ({ context, event }) => [...context.words, event.word] }) },
    cleared: { actions: assign({ words: [] }) },
  },
})
const talk = defineActor({ type: 'acme.talk', version: 1, machine })

/** Never called: only compiled. */
export async function refused(system: ActorSystem): Promise<void> {
  const ref = await system.spawn(talk, 'a', { first: 'hello' })
  // @ts-expect-error: its machine has no such event
  await ref.apply({ type: 'nonsense' })
  // @ts-expect-error: nor is it sent
  ref.send({ type: 'nonsense' })
  // @ts-expect-error: an event without what belongs to it
  await ref.apply({ type: 'said' })
  // @ts-expect-error: of the wrong kind
  await ref.apply({ type: 'said', word: 1 })
  // @ts-expect-error: nothing else is in the context
  void ref.snapshot().context.sentences
  // @ts-expect-error: it needs an input
  await system.spawn(talk, 'b')
  // @ts-expect-error: and this is another one
  await system.spawn(talk, 'b', { last: 'hello' })
  // @ts-expect-error: its machine has no such event in XState's clothes either
  ref.asXState().send({ type: 'nonsense' })
  const { context } = ref.asXState().getSnapshot()
  // @ts-expect-error: nor another context
  void context.sentences
  // Whoever takes any actor takes this one.
  const any: readonly [ActorDef, ActorRef] = [talk, ref]
  await waitFor(ref.asXState(), ({ context: seen }) => seen.words.length > 1)
  void any
}

t.test('what the machine declares is typed where its actors are held', async (t) => {
  let words: readonly string[] = []
  const dir = t.testdir({
    ws: { '.ontology': {}, 'package.json': '{ "prov": { "name": "here" } }' },
  })
  const runtime = await createRuntime({
    workspace: join(dir, 'ws'),
    home: join(dir, 'home'),
    journal: memoryJournal(),
    discover: false,
    plugins: [
      definePlugin({
        name: 'talks',
        api: 1,
        actors: { talk },
        async setup({ actors }) {
          const one = actors.talk('one', { first: 'hello' })
          // @ts-expect-error: handles know the events as well
          void (() => one.apply({ type: 'nonsense' }))
          words = (await one.apply({ type: 'said', word: 'you' })).context.words
        },
      }),
    ],
  })
  t.same(words, ['hello', 'you'])
  await runtime.close()
})
