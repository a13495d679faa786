/**
 * A provider backend of somebody's own, in a thread and in a process: it keeps the promises of backends
 * over the wall, an operation runs on its machines, and when it or Prov dies while a machine is made,
 * its class says what follows: one machine at most, or a person is asked.
 */
import { join } from 'node:path'
import { writeFileSync, mkdirSync } from 'node:fs'
import t from 'tap'
import { providerPoint } from 'prov'
import type { RunOutcome } from 'prov'
import { providerKit } from '../../../core/testing.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { askedOf, guestProviderFiles, standsIn, trustAll } from '../../support/guest-provider.ts'
import type { GuestProvider } from '../../support/guest-provider.ts'
import { infra, once } from '../../support/infra.ts'
import { killProcessesIn, processesIn } from '../../support/machines.ts'
import { runChild } from '../../support/child.ts'
import { request, step } from '../../support/run-world.ts'
import { world } from './world.ts'

t.setTimeout(900_000)

const tiers = ['worker', 'process'] as const

/** Puts it into a workspace and trusts it. */
function install(workspace: string, home: string, guest: GuestProvider): void {
  const root = join(workspace, 'tools/acme')
  mkdirSync(root, { recursive: true })
  for (const [name, content] of Object.entries(guestProviderFiles(guest))) {
    writeFileSync(join(root, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  const manifest = { type: 'module', prov: { plugins: ['./tools/acme'] } }
  writeFileSync(join(workspace, 'package.json'), JSON.stringify(manifest))
  trustAll(workspace, home)
}

for (const tier of tiers) {
  t.test(`${tier}: a backend keeps the promises of backends over the wall`, async (t) => {
    const { dir } = temporaryFolder(t)
    const machines = join(dir, 'machines')
    t.teardown(() => killProcessesIn(machines))
    const files = guestProviderFiles({
      tier,
      declared: { class: 'keyed' },
      machines,
      log: join(dir, 'log'),
    })
    const here = await world(t, {
      install: files,
      tier,
      limits: { memoryBytes: 512 * 1024 * 1024 },
    })
    const [found] = here.host.contributions(providerPoint)
    t.equal(found?.name, 'acme')
    await providerKit(t, async () => {
      const spec = await found?.value.open({ stateDir: dir })
      if (!spec) throw new Error('there is no backend')
      return spec
    })
  })

  t.test(`${tier}: an operation is submitted, approved and applied on its machines`, async (t) => {
    const on = await infra(t)
    on.edit('.ontology/provisioning.ncl', /provider = "local"/g, 'provider = "acme"')
    const log = join(on.workspace, '../log')
    const machines = join(on.workspace, '.prov/machines')
    install(on.workspace, on.home, { tier, declared: { class: 'keyed' }, machines, log })
    const submit = ['op', 'submit', 'deploy', 'app-cluster/cert-manager', '--op-id', 'one']
    t.equal((await on.prov(...submit)).code, 5, 'held for a person')
    t.same(askedOf(log), [], 'and nobody was asked for a machine')
    const vote = ['op', 'approve', 'one', '--actor', 'bob', '--reason', 'looked at the plan']
    const approved = await on.prov(...vote)
    t.equal(approved.code, 0, approved.err)
    const end = await on.prov(...submit, '--json')
    t.equal(end.code, 0, end.err)
    t.equal((await on.row('one')).phase, 'applied')
    t.same(on.marks(), once.deploy, 'each step ran once')
    t.same(askedOf(log), ['asked'])
    const { out } = await on.prov('plugins', '--json')
    t.match(out, `"isolation": "${tier}"`)
    t.same(await on.faults(), [])
  })
}

type Declared = GuestProvider['declared']
const applied = { outcome: 'applied' }
const doubt = (code: string) => ({ outcome: 'unknown', code })

/** What dies, when, of which class; what comes of it, and how often it was asked for a machine. */
const deaths: readonly ['plugin' | 'Prov', Declared, 'before' | 'after', object, number][] = [
  ['plugin', { class: 'keyed' }, 'before', applied, 2],
  ['plugin', { class: 'keyed' }, 'after', applied, 1],
  ['plugin', { class: 'probeable' }, 'before', doubt('PROV_PROVIDER_UNSETTLED'), 1],
  ['plugin', { class: 'probeable', uniqueNames: true }, 'before', applied, 2],
  ['plugin', { class: 'probeable' }, 'after', applied, 1],
  ['plugin', { class: 'opaque' }, 'before', doubt('PROV_PROVIDER_OPAQUE'), 1],
  ['plugin', { class: 'opaque' }, 'after', applied, 1],
  ['Prov', { class: 'keyed' }, 'before', applied, 2],
  ['Prov', { class: 'keyed' }, 'after', applied, 2],
  ['Prov', { class: 'probeable' }, 'before', doubt('PROV_PROVIDER_UNSETTLED'), 1],
  ['Prov', { class: 'probeable' }, 'after', applied, 1],
  ['Prov', { class: 'opaque' }, 'before', doubt('PROV_PROVIDER_OPAQUE'), 1],
  ['Prov', { class: 'opaque' }, 'after', applied, 1],
]

t.test('whoever dies while a machine is made, its class says what follows', async (t) => {
  const survive = async (
    tier: GuestProvider['tier'],
    [who, declared, when, wanted, times]: (typeof deaths)[number],
  ): Promise<void> => {
    const name = `${tier}, ${JSON.stringify(declared)}, ${who} killed ${when} it made one`
    const { dir } = temporaryFolder(t)
    const [workspace, home, log] = [join(dir, 'infra'), join(dir, 'home'), join(dir, 'log')]
    const counter = join(dir, 'count')
    const machines = join(workspace, '.prov/machines')
    t.teardown(() => killProcessesIn(machines))
    mkdirSync(join(workspace, '.ontology'), { recursive: true })
    writeFileSync(join(workspace, '.ontology/state.ncl'), '{ dimensions = [] }')
    // A process is killed from outside, by who sees it stand there; a thread can only end by itself.
    const what = who === 'plugin' && tier === 'worker' ? 'ends' : 'stands'
    install(workspace, home, { tier, declared, machines, log, first: { when, what } })
    const asked = request([step('a', `echo ran >>'${counter}'`)], { provider: 'acme' })
    const child = () => runChild('orchestrate-guest', [workspace, home, JSON.stringify(asked)])
    const outcomeOf = async (run: ReturnType<typeof child>): Promise<RunOutcome> => {
      const line = await run.line('outcome ')
      await run.atLeast(Infinity)
      return JSON.parse(line.slice(8)) as RunOutcome
    }
    const first = child()
    if (what === 'stands') {
      const pid = await standsIn(log)
      if (who === 'Prov') await first.kill()
      else process.kill(pid, 'SIGKILL')
    }
    const outcome = await outcomeOf(who === 'Prov' ? child() : first)
    t.match(outcome, wanted, name)
    const count = (): number => askedOf(log).filter((word) => word === 'asked').length
    t.equal(count(), times, `${name}: asked`)
    const ran = outcome.outcome === 'applied' ? ['ran'] : []
    t.same(askedOf(counter), ran, `${name}: ran`)
    t.same(await processesIn(machines), [], `${name}: no machine left`)
    t.same(await outcomeOf(child()), outcome, `${name}: the same answer for ever`)
    t.equal(count(), times)
  }
  // Two at a time: each is a whole Prov.
  const queue = tiers.flatMap((tier) => deaths.map((death) => [tier, death] as const))
  const next = async (): Promise<void> => {
    for (let one = queue.shift(); one; one = queue.shift()) await survive(...one)
  }
  await Promise.all([next(), next(), next()])
})
