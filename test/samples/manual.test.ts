/** The blocks of the plugin manual that are files: compiled as they stand there, and run. */
import { execFile } from 'node:child_process'
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { providerPoint } from 'prov'
import type { ActorDef, ActorEvent, ActorRef } from 'prov'
import { plainEnv, plainNode } from '../support/plain-env.ts'
import { repoRoot } from '../support/root.ts'
import { world } from '../plugin/isolation/world.ts'

const run = promisify(execFile)
const how = { encoding: 'utf8', env: plainEnv() } as const

/** Compiled like a plugin's author would, inside of this package, so that `prov` is this very one. */
async function compiled(): Promise<string> {
  const samples = join(repoRoot, 'dist/test/samples')
  mkdirSync(samples, { recursive: true })
  const dir = mkdtempSync(join(samples, 'manual-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const text = readFileSync(join(repoRoot, 'plugins/README.md'), 'utf8')
  for (const [, name, code] of text.matchAll(/^```ts (\S+\.ts)\n(.*?)^```$/gms)) {
    writeFileSync(join(dir, name as string), code as string)
  }
  const none = { declaration: false, declarationMap: false, sourceMap: false }
  const config = {
    extends: join(repoRoot, 'tsconfig.json'),
    compilerOptions: { rootDir: '.', outDir: '.', ...none },
    include: ['*.ts'],
    exclude: [],
  }
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify(config))
  try {
    const tsc = join(repoRoot, 'node_modules/typescript/bin/tsc')
    await run(...plainNode(tsc, '-p', dir), how)
  } catch (thrown) {
    throw new Error((thrown as { stdout: string }).stdout, { cause: thrown })
  }
  return dir
}

const dir = await compiled()
const js = (name: string): string => readFileSync(join(dir, `${name}.js`), 'utf8')

t.test('its tests pass as they stand there', async (t) => {
  const { stdout } = await run(...plainNode(join(dir, 'readings.test.js')), how)
  t.match(stdout, /^# \{ total: [1-9]/m)
})

for (const tier of ['worker', 'process'] as const) {
  t.test(`its actors do in a ${tier} what it says`, async (t) => {
    const { actors, row } = await world(t, { install: { 'index.js': js('readings') }, tier })
    t.equal(row().state, 'running', row().error?.message ?? '')
    const spawn = (type: string, id: string) => actors.spawn({ type } as ActorDef, id)
    const eu = await spawn('acme.region', 'eu')
    const until = async (ref: ActorRef | undefined, met: (context: never) => boolean) => {
      while (!met(ref?.snapshot().context as never)) await new Promise((turn) => setImmediate(turn))
    }
    for (let value = 1; value <= 50; value++) {
      const reading = { type: 'reading', sensor: { id: value % 2 ? 'a' : 'b' }, value }
      t.ok(eu.send(reading as ActorEvent).accepted)
    }
    await eu.apply({ type: 'report.asked' })
    t.match(eu.snapshot().context, { latest: { a: 49, b: 50 } })
    t.ok(eu.snapshot().sequence < 40, 'readings that waited gave their place to newer ones')
    await until(eu, () => actors.ref('acme.report/eu.report') !== undefined)
    await actors.ref('acme.report/eu.report')?.apply({ type: 'report.closed' })
    await until(eu, ({ said }: { said: string }) => said === 'reported 99')
    const audit = await spawn('acme.auditor', 'yearly')
    await audit.apply({ type: 'audit.due' })
    await until(audit, ({ sensors }: { sensors: number | null }) => sensors === 2)
    t.match(actors.list({ type: 'acme.region' }), [{ group: 'acme.regions' }])
  })

  t.test(`its backend does in a ${tier} what it says`, async (t) => {
    const { host } = await world(t, { install: { 'index.js': js('machines') }, tier })
    const backend = await host.contributions(providerPoint)[0]?.value.open({ stateDir: dir })
    if (!backend) throw new Error('there is none')
    const { signal } = new AbortController()
    const asked = { token: 'one', tier: 's', labels: { a: 'b' }, ttlMs: 1_000, signal } as const
    const machine = await backend.create(asked)
    t.same(await backend.create(asked), machine)
    t.same(await backend.find({ token: 'one' }), { machine, authoritative: true })
    const listed = []
    for await (const one of backend.list({ labels: { a: 'b' } })) listed.push(one)
    t.same(listed, [machine])
    await backend.destroy({ id: machine.id })
    t.same(await backend.find({ token: 'one' }), { machine: undefined, authoritative: true })
  })
}
