/** The plugin kit, on plugins that keep their promises and on plugins that do not. */
import { interval, NEVER, Subscription } from 'rxjs'
import t from 'tap'
import { defineCommand, definePlugin, defineRoute, serviceRef, workspace } from 'prov'
import type { Plugin } from 'prov'
import { pluginKit } from 'prov/testing'
import type { KitTest, PluginKitOptions } from 'prov/testing'

const desk = serviceRef<object>('acme.desk')
const command = defineCommand({
  pattern: 'quota',
  describe: 'shows it',
  group: 'Tools',
  examples: [['prov quota', 'all']],
  flags: {},
  run: async () => 1,
})

t.test('a plugin that keeps its promises passes', (t) =>
  pluginKit(
    t as unknown as KitTest,
    () =>
      definePlugin({
        name: 'good',
        api: 1,
        needs: { workspace },
        provides: { desk },
        config: (raw) => {
          if (typeof (raw as { size?: unknown } | undefined)?.size !== 'number') {
            throw new Error('size must be a number')
          }
          return raw as { size: number }
        },
        commands: { quota: async () => ({ command }) },
        setup: ({ provide }) => {
          provide.desk({})
          return NEVER
        },
      }),
    { sampleConfig: { size: 1 }, badConfigs: [undefined, { size: 'x' }] },
  ),
)

/** Runs the kit as a stranger's runner would, and answers the titles that failed. */
async function failures(make: () => Plugin, options?: PluginKitOptions): Promise<string[]> {
  const failed = new Set<string>()
  let queue: Promise<unknown> = Promise.resolve()
  const undo: (() => unknown)[] = []
  const recorder = (title: string): KitTest => {
    const judge = (fine: boolean) => {
      if (!fine) failed.add(title)
    }
    return {
      test(name, body) {
        // One after the other, as test runners do: the kit looks at what the process keeps open.
        queue = queue.then(() => body(recorder(name))).catch(() => failed.add(name))
        return queue
      },
      equal: (found, wanted) => judge(Object.is(found, wanted)),
      same: (found, wanted) => judge(JSON.stringify(found) === JSON.stringify(wanted)),
      ok: (found) => judge(Boolean(found)),
      fail: () => judge(false),
      teardown: (act) => undo.push(act),
    }
  }
  await pluginKit(recorder(''), make, options)
  await queue
  for (const act of undo) act()
  return [...failed]
}

t.test('a plugin that breaks a promise fails at that promise', async (t) => {
  const base = { name: 'bad', api: 1 }
  const forgotten = new Subscription()
  t.teardown(() => forgotten.unsubscribe())
  t.match(await failures(() => definePlugin({ ...base, api: 4 })), [/contract/, /starts/, /after/])
  t.match(await failures(() => definePlugin({ ...base, provides: { desk }, setup: () => {} })), [
    /starts/,
    /after its end/,
  ])
  t.match(await failures(() => definePlugin({ ...base, config: () => 1 }), { badConfigs: [{}] }), [
    /config/,
  ])
  t.match(
    await failures(() =>
      definePlugin({
        ...base,
        commands: { other: async () => ({ command: { ...command, examples: [] } }) },
      }),
    ),
    [/commands/],
  )
  const route = defineRoute({
    route: 'GET /api/acme/other',
    describe: 'something else',
    handle: async () => null,
  })
  t.match(
    await failures(() =>
      definePlugin({ ...base, routes: { 'GET /api/acme/quota': async () => ({ route }) } }),
    ),
    [/commands and routes/],
  )
  t.match(
    await failures(() =>
      definePlugin({
        ...base,
        setup: () => {
          // Not tied to the plugin's life: exactly what the kit looks for.
          forgotten.add(interval(60_000).subscribe())
        },
      }),
    ),
    [/nothing of it still runs/],
  )
})
