/**
 * What `--json` prints is a promise with a number: each command declares it, says it to whoever asks, and
 * changes it only under another number. That commands print what they declare is held in every test that
 * runs a command line (`test/support/cli.ts`), and for the whole table in the tests of every command.
 */
import t from 'tap'
import { shape } from '../../core/cli/shape.ts'
import type { Shape } from '../../core/cli/shape.ts'
import { knownCommands } from '../../core/cli/commands.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import { modulesLoadedBy, provHere } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { broken, declaredShapes, releasedShapes } from '../support/released-shapes.ts'
import { breaks, faultsOf } from '../support/shapes.ts'

const { count, list, object, text, word } = shape

t.test('each command says what it prints with --json', async (t) => {
  const { entries } = await knownCommands(discoverPlugins({ workspace: undefined }))
  for (const [words, { printed }] of entries) t.ok(await printed(), words)
})

t.test('what was released is still printed, or has another version', async (t) => {
  const [released, now] = [releasedShapes(), await declaredShapes()]
  const how = 'raise its shapeVersion'
  t.same(broken(released, now), [], how)
  const write = 'node dist/test/support/released-shapes.js --write writes down what is new'
  t.same(
    now.map(({ command, shapeVersion }) => [command, shapeVersion]),
    released.map(({ command, shapeVersion }) => [command, shapeVersion]),
    write,
  )
})

t.test(
  'a field more breaks nobody; one that is gone, renamed or of another kind does',
  async (t) => {
    const before = object({ id: text, rows: list(object({ n: count }, { why: text })) })
    const rows = (one: Shape) => object({ id: text, rows: list(one) })
    t.same(breaks(before, rows(object({ n: count, m: count }, { why: text }))), [])
    t.same(breaks(before, rows(object({ n: count }, { why: text, fix: text }))), [])
    t.same(breaks(before, rows(object({ n: count, why: text }))), [], 'always there is no less')
    t.same(breaks(before, rows(object({}, { n: count, why: text }))), [
      '$.rows[].n is not always there any more',
    ])
    t.same(breaks(before, rows(object({ n: count }))), ['$.rows[].why is gone'])
    t.same(breaks(before, rows(object({ n: count }, { reason: text }))), ['$.rows[].why is gone'])
    t.match(breaks(before, rows(object({ n: text }, { why: text }))), [/type was "integer"/])
    t.match(breaks(word('a'), word('a', 'b')), [/enum was/])
    t.match(breaks(shape.maybe(text), text), [/anyOf was/, /type was null/])
    t.match(breaks(shape.data, object({ id: text })), [/named fields now/])
    const now = [{ command: 'x', ...shape.printed(2, text) }]
    t.same(broken([{ command: 'x', ...shape.printed(1, count) }], now), [], 'another version')
    t.match(broken(now, []), [/x: prints nothing/])
  },
)

t.test('a value that is not as declared is noticed, wherever it stands', async (t) => {
  const tree = object({ name: text, children: list(shape.ref('tree')) })
  const root = { ...tree, $defs: { tree } }
  t.same(faultsOf({ name: 'a', children: [{ name: 'b', children: [] }] }, root), [])
  t.same(faultsOf({ name: 'a', children: [{ title: 'b', children: [] }] }, root), [
    '$.children[0].name is not there',
    '$.children[0].title is declared nowhere',
  ])
  t.same(faultsOf({ a: 1, b: 'x' }, shape.record(count)), ['$.b: "x" is no integer'])
  t.same(faultsOf('c', word('a', 'b')), ['$: "c" is none of a,b'])
  t.same(faultsOf(null, shape.maybe(text)), [])
  t.match(faultsOf(1, { minimum: 0 } as Shape), [/no shape says minimum/])
})

t.test(
  'prov help json lists commands with their versions, and says each as a schema',
  async (t) => {
    const { dir } = temporaryFolder(t)
    const prov = (...argv: readonly string[]) =>
      provHere(argv, { cwd: dir, env: { PROV_HOME: dir } })
    const all = JSON.parse((await prov('help', 'json', '--json')).out)
    t.match(all, { topic: 'json', json: 1, error: { required: ['code'] } })
    t.match(all.commands, [{ command: 'actor create', shapeVersion: 1 }])
    t.match((await prov('help', 'json')).out, /^op list +1$/m)
    t.match(JSON.parse((await prov('--version', '--json')).out), { json: 1 })

    const one = JSON.parse((await prov('help', 'json', 'op', 'list', '--json')).out)
    t.match(one, {
      command: 'op list',
      shapeVersion: 1,
      schema: { $id: 'urn:prov:json:op-list:1' },
    })
    const schema = JSON.parse((await prov('help', 'json', 'op', 'list')).out)
    t.same(schema, one.schema, 'ready for a file, also without --json')

    for (const [words, code] of [
      [['json', 'op'], 'PROV_CLI_COMMAND_INCOMPLETE'],
      [['json', 'op', 'lits'], 'PROV_CLI_COMMAND_UNKNOWN'],
    ] as const) {
      const { err } = await prov('help', ...words, '--json')
      t.match(JSON.parse(err), { code })
    }
  },
)

t.test('what a guest prints is said as far as the guest says it', async (t) => {
  const plugin = (name: string, shapes: string) => `
    import { defineCommand, definePlugin, shape } from 'prov'
    const command = defineCommand({
      pattern: '${name}', describe: 'a', group: 'Tools', examples: [['prov ${name}', 'a']], flags: {},
      run: async () => ({ free: 7 }),
    })
    export default definePlugin({
      name: '${name}', api: 1, commands: { ${name}: async () => ({ command }) }, ${shapes}
    })`
  const good = '{ free: shape.count }'
  const plugins = ['./quota.js', './silent.js', './broken.js', './odd.js']
  const { dir } = temporaryFolder(t, {
    'ws/package.json': { type: 'module', prov: { name: 'test-ws', plugins } },
    'ws/.ontology/keep': '',
    'ws/quota.js': plugin(
      'quota',
      `shapes: async () => ({ shapes: { quota: shape.printed(3, shape.object(${good})) } })`,
    ),
    'ws/silent.js': plugin('silent', ''),
    'ws/broken.js': plugin('broken', `shapes: async () => { throw new TypeError('a bug') }`),
    'ws/odd.js': plugin('odd', `shapes: async () => ({ shapes: { odd: 'an object' } })`),
  })
  const prov = (...argv: readonly string[]) =>
    provHere(argv, { cwd: `${dir}/ws`, env: { PROV_HOME: `${dir}/home` } })
  for (const one of plugins) await prov('plugins', 'trust', one)
  t.match(JSON.parse((await prov('help', 'json', 'quota', '--json')).out), { shapeVersion: 3 })
  for (const [name, code] of [
    ['silent', 'PROV_CLI_SHAPE_UNKNOWN'],
    ['broken', 'PROV_PLUGIN_IMPORT_FAILED'],
    ['odd', 'PROV_PLUGIN_SHAPE_INVALID'],
  ] as const) {
    t.match(JSON.parse((await prov('help', 'json', name, '--json')).err), { code })
  }
  const { commands } = JSON.parse((await prov('help', 'json', '--json')).out)
  const guests = commands.filter(({ command }: { command: string }) =>
    plugins.includes(`./${command}.js`),
  )
  t.same(guests, [{ command: 'quota', shapeVersion: 3 }], 'the others hide themselves only')
})

t.test('no other command loads a shape', async (t) => {
  const { dir } = temporaryFolder(t)
  const place = { cwd: dir, env: { PROV_HOME: dir }, scratch: dir }
  const shapesIn = async (...argv: readonly string[]) =>
    (await modulesLoadedBy([...argv, '--json'], place)).modules.filter((url) =>
      /\/commands\/shapes\.js$|\/cli\/shapes\//.test(url),
    )
  t.same(await shapesIn('doctor'), [])
  t.same(await shapesIn('op', 'list'), [])
  t.same(await shapesIn('help', 'errors'), [])
  t.ok((await shapesIn('help', 'json', 'doctor')).length > 0, 'the hook sees modules')
})
