/** The second sample of the face: a plugin with an actor, a command, an op type and a life. */
import t from 'tap'
import { createRuntime } from 'prov'
import { pluginKit, simulate } from 'prov/testing'
import type { KitTest } from 'prov/testing'
import plugin from './acme-quota/index.ts'
import { route } from './acme-quota/quota.route.ts'

t.test('the plugin keeps the promises of plugins', (t) => {
  pluginKit(t as unknown as KitTest, () => plugin, {
    sampleConfig: { eu: 3 },
    badConfigs: [{ eu: 0 }, { eu: 'all' }, []],
  })
  t.end()
})

t.test('everything that it adds is listed without running it', async (t) => {
  const runtime = await createRuntime({
    workspace: t.testdir({ '.ontology': {}, 'package.json': '{ "prov": { "name": "here" } }' }),
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
    return (everything?.snapshot().context as { spent: readonly string[] }).spent.length
  })
  t.equal(counted, 2, 'its stream saw what was applied, once each')
})
