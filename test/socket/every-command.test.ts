/**
 * The whole command table beside `prov run`: each command goes on as if it were alone, or says by code
 * why it cannot and what to do.
 */
import { join } from 'node:path'
import t from 'tap'
import { locked, reportIn, tryEach } from '../support/every-command.ts'
import { infra } from '../support/infra.ts'

t.setTimeout(900_000)

t.test('each command beside prov run', async (t) => {
  const here = await infra(t)
  const holder = here.child(['run', '--json'])
  await holder.said('is held by process')
  let ids = 1
  const submit = async (...about: readonly string[]): Promise<string> => {
    const argv = ['op', 'submit', ...about, '--again', '--no-wait', '--op-id', `op-${ids++}`]
    const { op } = await here.json<{ op: string }>(...argv)
    await here.prov('op', 'wait', op)
    return op
  }
  const folder = join(here.home, '..')
  const act = join(folder, 'act.json')
  const on = {
    folder,
    restarted: await submit('restart', 'monitoring/grafana'),
    held: await submit('deploy', 'app-cluster/cert-manager'),
    drain: () => submit('drain', 'app-cluster'),
    ncl: '.ontology/state.ncl',
    // Drafted, signed and handed in one after the other.
    act,
    draft: act,
  }
  await tryEach(t, 'beside', here.prov, on, (words, ran, [, code]) => {
    if (code === undefined) t.notMatch(ran.err, '"PROV_JOURNAL_LOCKED"', words)
    if (code === locked[1]) t.match(reportIn(ran)?.remedy, `kill ${holder.pid}`, words)
  })
  holder.kill('SIGTERM')
  t.equal((await holder).code, 0)
})
