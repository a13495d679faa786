/** The second sample of the face: a plugin with an actor, a command, an op type and a life. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createRuntime, opTypePoint, providerPoint } from 'prov'
import { codeOf, pluginKit, simulate } from 'prov/testing'
import { foundContributions } from '../../core/plugin/reads.ts'
import type { KitTest } from 'prov/testing'
import plugin from './acme-quota/index.ts'
import type { QuotaContext } from './acme-quota/quota.machine.ts'
import { route } from './acme-quota/quota.route.ts'

t.test('the plugin keeps the promises of plugins', (t) => {
  void pluginKit(t as unknown as KitTest, () => plugin, {
    sampleConfig: { eu: 3 },
    badConfigs: [{ eu: 0 }, { eu: 'all' }, []],
  })
  t.end()
})

t.test('everything that it adds is listed without running it', async (t) => {
  const dir = t.testdir({
    ws: { '.ontology': {}, 'package.json': '{ "prov": { "name": "here" } }' },
  })
  const runtime = await createRuntime({
    workspace: join(dir, 'ws'),
    home: join(dir, 'home'),
    discover: false,
    plugins: [plugin],
    config: { 'acme-quota': { eu: 'wrong' } },
    log: () => {},
  })
  const rows = runtime.plugins()
  await runtime.close()
  t.match(rows, [
    {
      state: 'refused',
      error: { code: 'PROV_PLUGIN_CONFIG_REFUSED' },
      contributes: ['prov.op-type:acme.spend'],
      routes: ['GET /api/acme/quota'],
    },
  ])
})

t.test('its op type runs through the whole contract and ends at the limit', async (t) => {
  const world = simulate({ plugins: [plugin], config: { 'acme-quota': { eu: 2 } } })
  t.teardown(() => world.close())
  const spend = { type: 'acme.spend', target: 'eu' }
  const said = await world.run(async ({ submit, read, service, prov }) => {
    t.equal(prov.plugins().find(({ name }) => name === 'acme-quota')?.state, 'running')
    const ends = []
    for (let at = 0; at < 3; at++) ends.push(await (await submit(spend)).settled())
    const signal = new AbortController().signal
    const asked = { params: {}, query: {}, body: undefined }
    return {
      ends,
      read: await read('quota'),
      route: await route.handle(asked, { read, service, signal }),
    }
  })
  t.match(said.ends, [
    { outcome: 'applied' },
    { outcome: 'applied' },
    { outcome: 'failed', code: 'PROV_ACME_QUOTA_SPENT', why: /all 2 of eu/ },
  ])
  t.same(said.read, { eu: 2 })
  t.same(said.route, { eu: 2 })
  t.equal(world.count('acme.spend applied'), 2)
  t.equal(world.count('acme.spend failed'), 1)
  t.ok(
    world.events().every(({ emitter }) => emitter !== undefined),
    'what was signed is there',
  )
  const counted = await world.run(async ({ prov }) => {
    const everything = prov.actors.ref('acme.quota/everything')
    return (everything?.snapshot().context as QuotaContext | undefined)?.spent.length
  })
  t.equal(counted, 2, 'its stream saw what was applied, once each')
})

t.test('it can be planned before anything runs, and the workspace has the last word', async (t) => {
  const { plan, taken, validated } = await simulate({
    plugins: [plugin],
    files: {
      '.ontology/provisioning.ncl': `let p = import "ontology/defaults/provisioning.ncl" in
        p.make_provisioning {
          op_types = [p.make_op_type { type = "acme.spend", targets = ["us"], description = "Ours." }],
        }`,
    },
  }).run(async ({ read, submit }) => ({
    plan: await read('plan', { type: 'acme.spend', target: 'us' }),
    validated: await read('validate', { op: { type: 'acme.spend', target: 'us' } }),
    taken: await codeOf(submit({ type: 'acme.spend', target: 'eu' })),
  }))
  t.match(plan, { body: { type: 'acme.spend', run: undefined } })
  t.ok(validated)
  t.equal(taken, 'PROV_OP_TARGET_UNKNOWN', 'the type of the plugin is not used under that name')

  const world = simulate({ plugins: [plugin] })
  const own = await world.run(({ read }) => read('plan', { type: 'acme.spend', target: 'eu' }))
  t.match(own, { body: { run: { component: 'acme.spend' } }, policy: { verdict: 'auto-sign' } })

  // Without a runtime, as on a command line: the plugin is imported and not started.
  const entry = fileURLToPath(new URL('./acme-quota/index.js', import.meta.url))
  const found = { id: 'acme-quota', source: 'first-party', entry, root: '', provides: [] } as const
  const broken = { ...found, id: 'broken', entry: `${entry}.gone` }
  const discovery = { found: [broken, found], refused: [], nickel: [], config: {} }
  const additions = foundContributions(discovery, { home: '/nonexistent', workspace: '' })
  t.match(await additions(opTypePoint), [{ name: 'acme.spend', plugin: 'acme-quota' }])
  t.same(await additions(providerPoint), [])
})
