/**
 * What a thread shares with everybody in its process: the threads that Node has for files, and the
 * place where it prints. A plugin that takes all of either is named, and the others go on.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import { openJournal } from '../../../core/journal/file.ts'
import { asProvError } from '../../../core/errors.ts'
import { tempDir } from '../../support/place.ts'
import { work, world } from './world.ts'

/** A plugin whose actor `guest.actor` does its worst in an assign or an effect. */
const plugin = (worst: string) => ({
  'index.js': `
    import { closeSync, open, openSync } from 'node:fs'
    import { pbkdf2 } from 'node:crypto'
    import { promisify } from 'node:util'
    import { deflate } from 'node:zlib'
    import { defineActor, definePlugin } from 'prov'
    import { assign, setup } from 'xstate'
    const worst = (event) => { ${worst} }
    const machine = setup({ actions: { bad: assign(({ event }) => worst(event) ?? {}) } }).createMachine({
      context: {},
      on: { 'bad.assign': { actions: 'bad' }, 'effect.*': { actions: assign({ over: true }) }, 'bad.effect': { actions: { type: 'worst', params: ({ event }) => event } } },
    })
    export default definePlugin({
      name: 'guest',
      api: 1,
      actors: { actor: defineActor({ type: 'guest.actor', version: 1, machine, effects: { worst }, supervision: { onFailure: 'resume' } }) },
    })`,
})
const actor = { type: 'guest.actor' } as ActorDef

t.test(
  'whoever holds all threads for files is named; the others commit, and a close ends',
  async (t) => {
    const dir = await tempDir(t)
    const pipe = join(dir, 'pipe')
    execFileSync('mkfifo', [pipe])
    const journal = await openJournal({ dir: join(dir, 'journal') })
    const undo: (() => unknown)[] = []
    const here = await world(
      { teardown: (step) => undo.unshift(step) },
      {
        install: plugin(
          `for (let n = 0; n < 8; n++) open(event.pipe, 'r', (error, fd) => error || closeSync(fd))`,
        ),
        journal,
      },
    )
    const ref = await here.actors.spawn(actor, 'a')
    await ref.apply({ type: 'bad.effect', pipe } as never)
    const named = here.until(({ error }) => error?.code === 'PROV_PLUGIN_HOLDS_THREADS')
    await work(here.actors, named)
    t.match((await named).error, {
      message: /guest/,
      remedy: /"isolation": \{ "guest": "process" \}/,
    })
    for (const step of undo) await step()
    await journal.close()
    t.pass('its thread does not end, and is not waited for')
    // Opening waits for a writer that opens after it: there is one until nobody waits any more.
    for (let alone = 0; alone < 1_000; alone++) {
      try {
        closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK))
        alone = 0
      } catch {
        // Nobody waits there at this moment.
      }
      await new Promise((turn) => setImmediate(turn))
    }
  },
)

t.test('whoever derives keys or packs without end is named too', async (t) => {
  // What is packed is done in pieces: only a long line of them keeps others waiting on a fast machine.
  for (const [endless, line] of [
    [`const again = () => promisify(pbkdf2)('a', 'b', 1_000_000, 64, 'sha512').then(again)`, 8],
    [
      `const much = Buffer.alloc(30_000_000); const again = () => deflate(much, { level: 9 }, again)`,
      200,
    ],
  ] as const) {
    const journal = await openJournal({ dir: join(await tempDir(t), 'journal') })
    const undo: (() => unknown)[] = []
    const here = await world(
      { teardown: (step) => undo.unshift(step) },
      {
        install: plugin(`${endless}; for (let n = 0; n < ${line}; n++) again()`),
        journal,
        limits: { memoryBytes: 2 ** 31 },
      },
    )
    const ref = await here.actors.spawn(actor, 'a')
    await ref.apply({ type: 'bad.effect' })
    const named = here.until(({ error }) => error?.code === 'PROV_PLUGIN_HOLDS_THREADS')
    await work(here.actors, named)
    t.match((await named).error?.message, /guest holds .* keys or the like/, endless)
    for (const step of undo) await step()
    await journal.close()
  }
})

t.test('whoever prints without end is heard in part, and told how much is left out', async (t) => {
  const here = await world(t, {
    install: plugin(`
      const print = () => {
        for (let n = 0; n < 1_000; n++) console.log('line ' + n)
        setImmediate(print)
      }
      print()`),
  })
  const ref = await here.actors.spawn(actor, 'a')
  await ref.apply({ type: 'bad.effect' })
  const told = async (): Promise<void> => {
    while (!here.lines.some((line) => /characters more/.test(line.text))) {
      // It was ended for something else, and prints no more: say for what.
      if (here.row().error) throw new Error(JSON.stringify(here.row()))
      await new Promise((turn) => setImmediate(turn))
    }
  }
  await work(here.actors, told())
  const at = here.lines.findIndex((line) => /characters more/.test(line.text))
  const before = here.lines.slice(0, at).filter((line) => line.text.startsWith('line '))
  t.ok(before.length >= 200, `${before.length} lines, as many as somebody reads`)
})

t.test('whoever takes all file handles harms nobody who needs none', async (t) => {
  const here = await world(t, {
    install: plugin(`
      const taken = []
      try {
        for (;;) taken.push(openSync('/dev/null', 'r'))
      } catch {}
      setTimeout(() => taken.forEach((fd) => closeSync(fd)), 300)
      return new Promise((over) => setTimeout(over, 400))`),
  })
  const ref = await here.actors.spawn(actor, 'a')
  const over = new Promise<void>((resolve) => {
    ref.changes(({ context }) => (context as { over?: boolean }).over && resolve())
  })
  await ref.apply({ type: 'bad.effect' })
  await work(here.actors, over)
  t.equal(here.row().state, 'running')
})

t.test('an error as long as a book is told in part, with its own words', async (t) => {
  const here = await world(t, { install: plugin(`throw new Error('m'.repeat(30_000_000))`) })
  const ref = await here.actors.spawn(actor, 'a')
  const thrown: unknown = await ref.apply({ type: 'bad.assign' }).catch((error: unknown) => error)
  const { code, message } = asProvError(thrown)
  t.equal(code, 'PROV_ACTOR_STEP_FAILED')
  t.match(message, /its state stays: mmm/)
  t.ok(message.length < 5_000, `${message.length} characters`)
})
