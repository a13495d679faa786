/**
 * A backup that is restored with everything that the user kept, so that no anchor remembers the
 * journal: the ledger does. What was done is not done again, by the real command line.
 */
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ErrorReport } from '../../core/errors.ts'
import { infra, once } from '../support/infra.ts'

t.setTimeout(900_000)

const submit = ['op', 'submit', 'deploy', 'app-cluster/cert-manager', '--op-id', 'd'] as const
const approve = ['op', 'approve', 'd', '--actor', 'bob', '--reason', 'looked'] as const

t.test('a journal from before a claim is refused by the ledger alone', async (t) => {
  const on = await infra(t)
  const place = join(on.workspace, '.prov/journal')
  const [backup, newest] = [join(on.home, 'backup'), join(on.home, 'newest')]
  const put = (from: string): void => {
    rmSync(place, { recursive: true })
    cpSync(from, place, { recursive: true })
    const anchors = join(on.home, 'anchors')
    if (existsSync(anchors)) rmSync(anchors, { recursive: true })
  }
  t.equal((await on.prov(...submit)).code, 5)
  t.same(await on.faults(), [])
  cpSync(place, backup, { recursive: true })
  t.equal((await on.prov(...approve)).code, 0)
  t.same(on.marks(), once.deploy)
  t.same(await on.faults(), [])
  cpSync(place, newest, { recursive: true })

  put(backup)
  for (const argv of [approve, submit, ['policy', 'activate']] as const) {
    const { code, err } = await on.prov(...argv, '--json')
    t.equal(code, 4, argv.join(' '))
    t.match(JSON.parse(err) as ErrorReport, {
      code: 'PROV_LEDGER_AHEAD',
      remedy: /prov journal adopt/,
    })
  }
  t.same(on.marks(), once.deploy, 'nothing ran a second time')
  t.equal((await on.prov('state')).code, 0, 'looking is not writing')

  put(newest)
  t.equal((await on.prov('op', 'submit', 'restart', 'monitoring/grafana')).code, 0)
  t.same(on.marks(), [...once.deploy, ...once.restart], 'with the newest one it goes on')
  t.same(await on.faults(), [])

  // Lost for good: a person says so, and what was open before has no force any more.
  put(backup)
  const adopted = await on.prov('journal', 'adopt', '--reason', 'the disk is gone')
  t.equal(adopted.code, 0, adopted.err)
  await on.prov(...approve)
  t.match(await on.row('d'), { phase: 'refused', code: 'PROV_OP_ADOPTED' })
  t.same(on.marks(), [...once.deploy, ...once.restart])
  // The ledger knows what this journal forgot and takes nothing of another story: it is kept, and a
  // new one begins with all that the journal has.
  const ledger = join(on.workspace, '.prov/my-infra-state')
  renameSync(ledger, `${ledger}.before`)
  t.same(await on.faults(), [])
  t.equal((await on.prov('op', 'submit', 'restart', 'monitoring/grafana')).code, 0)
})
