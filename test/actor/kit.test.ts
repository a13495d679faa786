import t from 'tap'
import { createMachine } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { machineLaws } from '../../core/actor/kit.ts'
import type { KitTest } from '../../core/kit.ts'
import { counterMachine } from './counter.ts'

t.test('the counter keeps the laws of machines', async (t) => {
  await machineLaws(t, counterMachine, {
    events: ['add', 'pay', 'name', 'sleep', 'wake', 'finish', 'forward'].map((type) => ({ type })),
  })
})

t.test('a child that fails where nobody handles it ends no walk', async (t) => {
  const failed = { type: 'xstate.error.actor.f' }
  const machine = createMachine({ initial: 'a', states: { a: { on: { go: 'b' } }, b: {} } })
  await machineLaws(t, machine as AnyStateMachine, { events: [{ type: 'go' }, failed] })
})

/** Runs the laws without a runner and lists the titles of those that failed. */
async function broken(machine: AnyStateMachine, events: string[]): Promise<string[]> {
  const failed: string[] = []
  const recorder = (title: string): KitTest => ({
    test: async (name, body) => body(recorder(name)),
    equal: (found, wanted) => void (found === wanted || failed.push(title)),
    same: (found, wanted) =>
      void (JSON.stringify(found) === JSON.stringify(wanted) || failed.push(title)),
    ok: (found) => void (found || failed.push(title)),
    fail: () => void failed.push(title),
    teardown: () => {},
  })
  await machineLaws(recorder(''), machine, { events: events.map((type) => ({ type })) })
  return failed.map((title) => title.slice(0, 2))
}

t.test('a machine that breaks a law is caught by that law', async (t) => {
  const machine = (config: object, implementations: object = {}) =>
    createMachine(config as never, implementations as never) as unknown as AnyStateMachine
  const alone = { initial: 'a', states: { a: {}, alone: {} } }
  t.same(await broken(machine(alone), []), ['M1'])
  const greedy = { initial: 'a', states: { a: { on: { '*': 'b' } }, b: {} } }
  t.same(await broken(machine(greedy), ['go']), ['M2'])
  const dated = { context: { at: new Date(0) }, initial: 'a', states: { a: {} } }
  t.same(await broken(machine(dated), []), ['M3'])
  const calling = { initial: 'a', states: { a: { invoke: { src: 'x' } } } }
  t.ok((await broken(machine(calling), []).catch(() => ['M4'])).includes('M4'))
})
