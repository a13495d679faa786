/** What happened to an actor is read from the journal, while somebody writes it and afterwards. */
import { join } from 'node:path'
import t from 'tap'
import { startActors } from '../../core/actor/start.ts'
import { openJournal } from '../../core/journal/file.ts'
import { counter } from '../actor/counter.ts'
import { provHere } from '../support/cli.ts'

t.test(
  'the last steps of an actor: event, state, what it came from, what it asked for',
  async (t) => {
    const dir = t.testdir({ ws: { '.ontology': {} } })
    const place = { cwd: join(dir, 'ws'), env: { PROV_HOME: join(dir, 'home') } }
    const journal = await openJournal({ dir: join(dir, 'ws', '.prov', 'journal') })
    const system = await startActors({ journal })
    t.teardown(async () => {
      await system.close()
      await journal.close()
    })
    const def = counter([], { supervision: { onFailure: 'park' } })
    system.register(def)
    const ref = await system.spawn(def, 'a')
    const answered = new Promise<void>((resolve) => {
      ref.changes(({ context }) => context.log.length > 0 && resolve())
    })
    await ref.apply({ type: 'pay', amount: 1 })
    await answered
    await (await system.spawn(def, 'b')).apply({ type: 'add' })
    await ref.apply({ type: 'name', by: 'me' })
    await t.rejects(ref.apply({ type: 'break' }))

    const told = await provHere(['actors', 'steps', 'test.counter/a', '--json'], place)
    t.equal(told.code, 0, told.err)
    const lines = JSON.parse(told.out) as { sequence: number }[]
    t.match(lines, [
      { what: 'started', sequence: 1, state: 'awake' },
      { what: 'stepped', sequence: 2, event: 'pay', state: 'awake', asked: ['charge'] },
      { event: 'effect.done.charge', cause: 'test.counter/a:2:0' },
      { what: 'stepped', event: 'name', state: 'awake' },
      { what: /failed|parked/, state: 'awake', why: /this assign is broken/ },
    ])
    t.equal(lines.length, 5, 'and nothing of others')

    const { out } = await provHere(['actors', 'steps', 'test.counter/a', '--last', '2'], place)
    t.match(out, /break +awake +failed +test.counter.a failed at break/)
    t.match(out, /name +awake/)
    t.notMatch(out, 'charge')

    const unknown = await provHere(['actors', 'steps', 'test.counter/none'], place)
    t.match(unknown.err, 'PROV_ACTOR_UNKNOWN')
  },
)
