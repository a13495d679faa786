/**
 * A backup that is restored with everything that the user kept, so that no anchor remembers the
 * journal: the ledger does. What was done is not done again, by the real command line.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ErrorReport } from '../../core/errors.ts'
import { ledger } from '../../core/protocol/services.ts'
import { infra, once } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'

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

  // Nor where the ledger came from elsewhere, or its index is not what it was.
  const kept = join(on.workspace, '.prov/my-infra-state')
  const away = join(on.home, 'ledger')
  const index = join(kept, '.git/prov/index')
  renameSync(kept, away)
  const clone = (...more: readonly string[]): void => {
    execFileSync('git', ['clone', '-q', ...more, kept], { stdio: 'pipe' })
  }
  const changes: Readonly<Record<string, () => void>> = {
    cloned: () => clone(away),
    'cloned and packed': () => {
      clone(away)
      git(on, 'pack-refs', '--all')
    },
    'cloned in part': () => clone('--depth', '1', `file://${away}`),
    'cloned with objects elsewhere': () => clone('--shared', away),
    'with another name of main': () => {
      clone(away)
      git(on, 'branch', '-m', 'main', 'master')
    },
    'without its index': () => {
      cpSync(away, kept, { recursive: true })
      rmSync(index)
    },
    'with an index from before': () => {
      cpSync(away, kept, { recursive: true })
      const lines = readFileSync(index, 'utf8').split('\n')
      writeFileSync(index, `${lines.slice(0, 3).join('\n')}\n`)
    },
  }
  for (const [what, change] of Object.entries(changes)) {
    rmSync(kept, { recursive: true, force: true })
    change()
    put(backup)
    t.match(await on.json(...approve), { code: /^PROV_LEDGER_(AHEAD|CUT)$/ }, what)
    t.same(on.marks(), once.deploy, `${what}: nothing ran a second time`)
  }
  rmSync(kept, { recursive: true })
  renameSync(away, kept)

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
  // The ledger knows what this journal forgot: it keeps that beside main, and main goes on.
  t.same(await on.faults(), [])
  const first = left(on)
  t.equal(first.length, 1)
  t.ok(git(on, 'log', '--format=%s', first[0] ?? '').includes('op.applied d'))
  t.equal((await on.prov('op', 'submit', 'restart', 'monitoring/grafana', '--again')).code, 0)
  t.match(await on.json('audit', 'verify'), { findings: [], ledger: { left: first } })

  // What was adopted once is not open for ever: set back once more, nothing starts.
  put(backup)
  const again = ['journal', 'adopt', '--reason', 'the same backup again'] as const
  t.equal((await on.prov(...again)).code, 0)
  cpSync(place, newest, { recursive: true, force: true })
  t.equal((await on.prov('op', 'submit', 'restart', 'monitoring/grafana', '--again')).code, 0)
  t.same(await on.faults(), [])
  t.equal(left(on).length, 2, 'nothing that was kept is lost')
  put(newest)
  for (const note of ['kept', 'gone']) {
    if (note === 'gone') rmSync(join(on.workspace, '.prov/my-infra-state/.git/prov/adopted'))
    const refused = await on.json('op', 'submit', 'restart', 'monitoring/grafana', '--again')
    t.match(refused, { code: 'PROV_LEDGER_AHEAD' }, `the note is ${note}`)
  }
})

t.test('killed while the ledger keeps what was left, the next start finishes it', async (t) => {
  for (const at of ['left', 'left:2', 'left:3']) {
    const on = await infra(t)
    const place = join(on.workspace, '.prov/journal')
    const backup = join(on.home, 'backup')
    cpSync(place, backup, { recursive: true })
    t.equal((await on.prov('op', 'submit', 'restart', 'monitoring/grafana')).code, 0)
    const head = git(on, 'rev-parse', 'main')
    rmSync(place, { recursive: true })
    cpSync(backup, place, { recursive: true })
    const { err } = await on.child(['journal', 'adopt', '--reason', 'lost'], { PROV_CRASH_AT: at })
    t.match(err, /SIGKILL/, at)
    const next = await on.open()
    await next.service(ledger).settled()
    await next.close()
    t.same(await on.faults(), [], at)
    t.same(left(on), [`left/${head.slice(0, 12)}`], at)
    t.equal(git(on, 'rev-parse', left(on)[0] ?? ''), head, 'as it was')
    t.equal(git(on, 'fsck', '--strict', '--no-dangling'), '')
  }
})

const git = (on: Infra, ...argv: readonly string[]): string =>
  execFileSync('git', ['-C', join(on.workspace, '.prov/my-infra-state'), ...argv], {
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim()

const left = (on: Infra): readonly string[] =>
  git(on, 'for-each-ref', '--format=%(refname:short)', 'refs/heads/left')
    .split('\n')
    .filter(Boolean)
