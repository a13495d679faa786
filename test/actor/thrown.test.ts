/** Things that are thrown and cannot even be looked at: who threw them is supervised like anybody. */
import t from 'tap'
import { assign, setup } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import { asProvError } from '../../core/errors.ts'
import type { ProvError } from '../../core/errors.ts'
import { House, settle, uncaught } from './counter.ts'

/** None of these is an error, and each throws again when it is read. */
const odd: Readonly<Record<string, unknown>> = {
  'no prototype': Object.create(null),
  'a text that throws': {
    toString() {
      throw new Error('no text')
    },
  },
  'a message that throws': {
    get message() {
      throw new Error('no message')
    },
  },
  'a symbol': Symbol('odd'),
  undefined,
  null: null,
  'a text': 'some words',
}

for (const [name, thing] of Object.entries(odd)) {
  t.test(`${name}: a step that throws it fails by name, everybody else goes on`, async (t) => {
    const def = defineActor({
      type: 'test.odd',
      version: 1,
      machine: setup({
        actions: {
          ask: () => {},
          add: assign({ n: ({ context }) => (context as { n: number }).n + 1 }),
          throw: assign(() => {
            throw thing
          }),
        },
      }).createMachine({
        context: { n: 0 },
        on: { add: { actions: 'add' }, throw: { actions: 'throw' }, ask: { actions: 'ask' } },
      }),
      effects: {
        ask: () => {
          throw thing
        },
      },
      supervision: { onFailure: 'resume' },
    })
    const house = new House()
    const failed: string[] = []
    const caught = await uncaught(async () => {
      const system = await house.start({
        inspect: {
          'observer.failed': ({ address }) => failed.push(address),
          transition: () => {
            throw thing
          },
        },
      })
      system.register(def)
      const ref = await system.spawn(def, 'a')
      ref.changes(() => {
        throw thing
      })
      const refused = await ref.apply({ type: 'throw' }).catch(asProvError)
      t.equal((refused as ProvError).code, 'PROV_ACTOR_STEP_FAILED')
      t.notMatch((refused as ProvError).message, /own rules/, 'nobody takes it for a fault of Prov')
      ref.send({ type: 'throw' })
      ref.send({ type: 'ask' })
      await ref.apply({ type: 'add' })
      await settle()
      t.match(ref.snapshot(), { status: 'active', context: { n: 1 } })
      t.match(system.deadLetters().rows, [{ event: 'throw', reason: 'failed' }])
      await system.close()
    })
    t.same(caught, [], 'nothing reaches the process')
    t.ok(failed.includes('test.odd/a'), 'and the culprit is named')
  })
}
