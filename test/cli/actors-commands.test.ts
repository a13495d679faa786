/** Commands about actors: what stands parked and why, dead letters, sending them again. */
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { provChild, provHere } from '../support/cli.ts'

/** A workspace whose own plugin keeps jars; `prov jar` sends one of them an event. */
async function jars(t: Test) {
  const dir = t.testdir({
    ws: {
      'package.json': JSON.stringify({
        type: 'module',
        prov: { name: 'test-ws', plugins: ['./jar.js'] },
      }),
      '.ontology': {},
      'jar.js': `
        import { assign, setup } from 'xstate'
        import { defineActor, defineCommand, definePlugin } from 'prov'
        const machine = setup({
          actions: {
            put: assign(({ context, event }) => {
              if (event.what === 'stone') throw new Error('the jar breaks')
              return { holds: [...context.holds, event.what] }
            }),
          },
        }).createMachine({ initial: 'open', context: { holds: [] }, states: { open: {} },
          on: { put: { actions: 'put' } } })
        const make = (type, onFailure) => defineActor({ type, version: 1, machine,
          supervision: { onFailure, restart: 'transient' } })
        const soft = make('acme.soft', 'park')
        const loose = make('acme.loose', 'resume')
        const command = defineCommand({
          pattern: 'jar <type> <what>',
          describe: 'puts something in a jar',
          group: 'Tools',
          examples: [['prov jar soft apple', '']],
          flags: { type: { type: 'string', required: true }, what: { type: 'string', required: true } },
          run: async ({ type, what }, context) => {
            const { actors } = await context.runtime()
            if (type !== 'none') await actors.spawn(type === 'soft' ? soft : loose, 'a')
            return actors.send('acme.' + type + '/a', { type: 'put', what })
          },
        })
        const made = definePlugin({ name: 'jar', api: 1, actors: { soft, loose },
          commands: { jar: async () => ({ command }) } })
        export { made as default }`,
    },
  })
  const place = { cwd: join(dir, 'ws'), env: { PROV_HOME: join(dir, 'home') } }
  const run = (...argv: string[]) => provHere(argv, place)
  const trusted = await run('plugins', 'trust', './jar.js')
  t.equal(trusted.code, 0, trusted.err)
  const json = async (...argv: string[]) => JSON.parse((await run(...argv, '--json')).out)
  return { run, json, place }
}

t.test('a parked actor says why, and goes on when a person skips its message', async (t) => {
  const { run, json } = await jars(t)
  await run('jar', 'soft', 'apple')
  await run('jar', 'soft', 'stone')
  t.match((await run('actors', '--parked')).out, /acme\.soft\/a +parked +open/)
  const one = await run('actors', 'acme.soft/a')
  t.match(one.out, /parked +PROV_ACTOR_STEP_FAILED: [^]*the jar breaks/)
  t.match(one.out, /behaviour +elsewhere/, 'its plugin has a thread of its own')
  t.match(one.out, /\{"type":"put","what":"stone"\} +open +park/)
  t.match(await json('actors', 'acme.soft/a'), { status: 'parked', crashes: [{ tries: 1 }] })
  const refused = await run('jar', 'soft', 'pear')
  t.match(refused.out, /"reason": *"parked"/)
  t.match((await run('actors', 'resume', 'acme.soft/a', '--dry-run')).out, /would resume/)
  await run('actors', 'resume', 'acme.soft/a')
  t.match(await json('actors', 'acme.soft/a'), { status: 'parked' }, 'a retry fails again')
  const skipped = await run('actors', 'resume', 'acme.soft/a', '--skip')
  t.match(skipped.out, /resumed acme\.soft\/a without put/)
  t.match(await json('actors', 'acme.soft/a'), { status: 'active' })
  t.match((await run('actors', 'resume', 'acme.soft/a')).out, /is not parked: it is active/)
  t.match((await json('actors', 'letters', '--reason', 'skipped'))[0], { body: { what: 'stone' } })
  const unknown = await run('actors', 'resume', 'acme.soft/b')
  t.equal(unknown.code, 64)
  t.match(unknown.err, /PROV_ACTOR_UNKNOWN/)
  t.match(await run('actors', 'acme.soft/b'), { code: 64, err: 'did you mean `acme.soft/a`?' })
})

t.test('a dead letter is sent again, and no more than three times', async (t) => {
  const { run, json } = await jars(t)
  t.equal((await run('actors', 'letters')).out, 'no dead letters\n')
  await run('jar', 'none', 'apple')
  await run('jar', 'loose', 'stone')
  t.match((await run('actors', 'letters')).out, /1 .*acme\.none\/a +unknown .*apple/)
  t.match(await json('actors', 'replay', '2', '--dry-run'), [
    { letter: 2, outcome: 'would be sent', replays: 0 },
  ])
  let id = 2
  for (const replays of [1, 2, 3]) {
    t.match(await json('actors', 'replay', String(id)), [{ letter: id, outcome: 'sent', replays }])
    const [letter] = await json('actors', 'letters', '--type', 'acme.loose')
    t.match(letter, { id: id + 1, of: 2, replays, reason: 'failed', body: { what: 'stone' } })
    id++
  }
  const spent = await run('actors', 'replay', String(id))
  t.equal(spent.code, 4)
  t.match(spent.err, /PROV_ACTOR_LETTER_SPENT/)
  t.match(await json('actors', 'replay', '--type', 'acme.loose'), [{ outcome: 'spent' }])
  const gone = await run('actors', 'replay', '2')
  t.equal(gone.code, 64)
  t.match(gone.err, /PROV_ACTOR_LETTER_UNKNOWN.*\n(.*\n)*.*prov actors letters/)
  t.equal((await run('actors', 'replay')).code, 64)
  t.equal((await run('actors', 'replay', '5', '--type', 'acme.loose')).code, 64)
})

t.test('beside prov run, actors are let go on and letters sent where they live', async (t) => {
  const { run, json, place } = await jars(t)
  await run('jar', 'soft', 'apple')
  await run('jar', 'soft', 'stone')
  await run('jar', 'loose', 'stone')
  const holder = provChild(['run'], place)
  await holder.said('is held by process')
  const parked = { code: 'PROV_ACTOR_STEP_FAILED', event: 'put' }
  t.match(await json('actors', 'resume', 'acme.soft/a', '--skip'), {
    parked,
    resumed: true,
    status: 'active',
  })
  t.match(await json('actors', 'resume', 'acme.soft/a'), { parked: null, resumed: false })
  t.match(await json('actors', 'replay', '1'), [{ letter: 1, outcome: 'sent', replays: 1 }])
  const gone = await run('actors', 'replay', '1')
  t.match(gone, { code: 64, err: /PROV_ACTOR_LETTER_UNKNOWN/ })
  // It fails there again, and comes back under another number.
  const loose = ['--type', 'acme.loose'] as const
  while ((await json('actors', 'letters', ...loose)).length === 0);
  t.match(await json('actors', 'replay', ...loose), [{ letter: 3, outcome: 'sent', replays: 2 }])
  const { plugins, boot } = await json('plugins', '--tree')
  t.match(boot, { name: 'prov', children: [{ name: 'discover' }] })
  const jar = plugins.find(({ id }: { id: string }) => id === './jar.js')
  t.match(jar, { state: 'running', isolation: 'worker' }, 'as it runs there')
  t.match(await run('jar', 'soft', 'pear'), { code: 7, err: /PROV_JOURNAL_LOCKED/ })
  holder.kill('SIGTERM')
  t.equal((await holder).code, 0)
})
