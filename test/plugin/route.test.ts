import t from 'tap'
import { simulatedClock } from '../../core/clock.ts'
import { definePlugin } from '../../core/plugin/define.ts'
import type { Plugin } from '../../core/plugin/define.ts'
import { startPlugins } from '../../core/plugin/host.ts'
import { defineRoute, isRouteName } from '../../core/plugin/route.ts'
import { memoryActors } from '../support/actors.ts'

const route = defineRoute({
  route: 'GET /api/acme/quota/:region',
  describe: 'one quota',
  handle: async ({ params }) => ({ region: params['region'] ?? '' }),
})

async function start(plugins: readonly Plugin[]) {
  const clock = simulatedClock()
  const actors = await memoryActors(clock)
  const host = await startPlugins({
    found: [],
    given: plugins,
    actors,
    clock,
    log: () => {},
    core: new Map(),
  })
  t.teardown(() => host.stop())
  return host.rows().map(({ name, error, state, routes }) => [name, error?.code ?? state, routes])
}

const withRoute = (name: string, key: string, load: unknown = async () => ({ route })) =>
  definePlugin({ name, api: 1, routes: { [key]: load } as never })

t.test('routes are listed without being loaded', async (t) => {
  const never = () => Promise.reject(new Error('loaded'))
  const rows = await start([withRoute('acme', route.route, never)])
  t.same(rows, [['acme', 'running', ['GET /api/acme/quota/:region']]])
})

t.test('a route that cannot be, or that another plugin has, refuses its plugin', async (t) => {
  const rows = await start([
    withRoute('a', 'GET /api/acme/quota'),
    withRoute('b', 'GET /api/acme/quota'),
    withRoute('c', 'FETCH /api/acme/quota'),
    withRoute('d', 'GET /api/acme/x', 'file.js'),
  ])
  t.same(Object.fromEntries(rows.map(([name, state]) => [name, state])), {
    a: 'running',
    b: 'PROV_PLUGIN_CONTRIBUTION_TAKEN',
    c: 'PROV_PLUGIN_SHAPE_INVALID',
    d: 'PROV_PLUGIN_SHAPE_INVALID',
  })
})

t.test('a route stays under its owner, without query and without odd segments', async (t) => {
  const good = ['GET /api/acme', 'DELETE /api/acme/quota/:id', 'POST /api/acme/v1.2/x']
  const bad = [
    'get /api/acme',
    'GET /acme',
    'GET /api/',
    'GET /api/:owner',
    'GET /api/acme//x',
    'GET /api/acme/../x',
    'GET /api/acme?x=1',
    'GET /api/acme x',
    '/api/acme',
  ]
  t.same(
    good.filter((name) => !isRouteName(name)),
    [],
  )
  t.same(bad.filter(isRouteName), [])
})
