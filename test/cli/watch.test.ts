/** `--watch`: told when it changed, beside whatever else runs, until it is interrupted. */
import t from 'tap'
import { provChild } from '../support/cli.ts'
import { sampleCopy } from '../support/workspace.ts'

t.test('a list tells each change as one line, and ends with 130 when interrupted', async (t) => {
  const { json, run, root, home } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  const watching = provChild(['op', 'list', '--watch', '--json'], {
    cwd: root,
    env: { PROV_HOME: home },
  })
  await watching.printed('[]')
  const scale = ['op', 'submit', 'scale', 'monitoring/loki', '--param', 'replicas=3'] as const
  t.match(await json(...scale), { code: 0 }, 'nobody is locked out')
  await watching.printed('"phase":"applied"')
  watching.kill('SIGINT')
  const { code, out } = await watching
  t.equal(code, 130)
  const looks = out.trim().split('\n')
  const told = looks.map((line) =>
    JSON.stringify(JSON.parse(line), (k, v) => (k === 'ageMs' ? 0 : v)),
  )
  t.equal(new Set(told).size, looks.length, 'nothing is told twice')
})

t.test('what acts is not repeated', async (t) => {
  const { json } = sampleCopy(t)
  for (const line of [['op', 'submit', 'x', 'y'], ['doctor'], ['setup']]) {
    t.match(await json(...line, '--watch'), {
      code: 64,
      data: { code: 'PROV_CLI_WATCH_MEANINGLESS' },
    })
  }
  t.match((await json('state', '--wach')).data.message, /--watch/, 'and it is known to be meant')
})
