/** The command line: refusals that help, one form of errors, exit codes, guests' commands. */
import { chmodSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { knownCommands } from '../../core/cli/commands.ts'
import { exitCodes } from '../../core/errors.ts'
import { exitCodeTable } from '../../core/cli/topics.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import { provHere } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'

/** A workspace with one plugin of its own, which adds `quota`. */
function workspaceWithGuest(t: Parameters<typeof temporaryFolder>[0]) {
  const folder = temporaryFolder(t, {
    'ws/package.json': { type: 'module', prov: { name: 'test-ws', plugins: ['./quota.js'] } },
    'ws/.ontology/keep': '',
    'ws/quota.js': `
      import { writeFileSync } from 'node:fs'
      import { defineCommand, definePlugin } from 'prov'
      writeFileSync(new URL('./ran', import.meta.url), 'ran')
      const command = defineCommand({
        pattern: 'quota <region> [more..]',
        describe: 'shows a quota',
        group: 'Tools',
        examples: [['prov quota eu', 'of one region']],
        flags: {
          region: { type: 'string', required: true, describe: 'which one' },
          more: { type: 'string', many: true, describe: 'further ones' },
          maxCount: { type: 'number', default: 7, describe: 'a limit' },
          kind: { type: 'string', choices: ['cpu', 'memory'], default: 'cpu', describe: 'what' },
          tag: { type: 'string', many: true, describe: 'tags' },
          deep: { type: 'boolean', default: false, describe: 'all of it', alias: 'd' },
        },
        writes: true,
        run: async (flags, context) => {
          if (flags.region === 'throw') throw new TypeError('a bug of the plugin')
          return { ...flags, dryRun: context.dryRun, actor: context.actor ?? null }
        },
        render: (data, paint, format) => [format + ' ' + data.region],
        exitCode: (data) => (data.region === 'pending' ? 2 : 0),
      })
      export { command }
      const load = async () => ({ command })
      const made = definePlugin({ name: 'quota', api: 1, commands: { quota: load, 'quota raise': load } })
      export { made as default }`,
  })
  const env = { PROV_HOME: join(folder.dir, 'home') }
  const cwd = join(folder.dir, 'ws')
  const run = (line: string, more: Record<string, string> = {}) =>
    provHere(line.split(' ').filter(Boolean), { cwd, env: { ...env, ...more } })
  return { folder, cwd, env, run }
}

async function trusted(t: Parameters<typeof temporaryFolder>[0]) {
  const place = workspaceWithGuest(t)
  await place.run('plugins trust ./quota.js')
  return place
}

t.test('a mistyped command, flag or choice is answered with what was meant', async (t) => {
  const { run } = await trusted(t)
  for (const [line, code, meant] of [
    ['plugns', 'PROV_CLI_COMMAND_UNKNOWN', 'did you mean `plugins`'],
    ['quotta eu', 'PROV_CLI_COMMAND_UNKNOWN', 'did you mean `quota`'],
    ['journal verfy', 'PROV_CLI_COMMAND_UNKNOWN', 'did you mean `journal verify`'],
    ['plugins trsut', 'PROV_CLI_ARGUMENT_EXTRA', 'did you mean `plugins trust`'],
    ['plugins --tre', 'PROV_CLI_FLAG_UNKNOWN', 'did you mean `--tree`'],
    ['plugins --no-tre', 'PROV_CLI_FLAG_UNKNOWN', 'has no flag --no-tre; did you mean `--tree`'],
    ['plugins --jsn', 'PROV_CLI_FLAG_UNKNOWN', 'did you mean `--json`'],
    ['quota eu --max-cuont 3', 'PROV_CLI_FLAG_UNKNOWN', 'did you mean `--max-count`'],
    ['quota eu --kind memroy', 'PROV_CLI_CHOICE_UNKNOWN', 'did you mean `memory`'],
    ['plugins --fmt jsn', 'PROV_CLI_CHOICE_UNKNOWN', 'did you mean `json`'],
    ['help plugns', 'PROV_CLI_COMMAND_UNKNOWN', 'did you mean `plugins`'],
    ['journal', 'PROV_CLI_COMMAND_INCOMPLETE', 'verify'],
    ['quota', 'PROV_CLI_ARGUMENT_MISSING', '<region>'],
    ['quota eu --max-count many', 'PROV_CLI_VALUE_INVALID', 'a number'],
    ['quota eu --kind cpu --kind cpu', 'PROV_CLI_VALUE_INVALID', 'one value'],
    ['plugins --dry-run', 'PROV_CLI_DRY_RUN_MEANINGLESS', 'changes nothing'],
  ] as const) {
    const { code: exit, out, err } = await run(line)
    t.equal(exit, 64, line)
    t.equal(out, '', `${line}: stdout is data`)
    t.match(err, `error[${code}]`, line)
    t.match(err, meant, line)
    t.match(err, /\n {2}fix: .*prov/, line)
    t.notMatch(err, /\n\s+at .*\.[jt]s:/, `${line}: no stack`)
  }
})

t.test('flags arrive typed, by the names that the command declares', async (t) => {
  const { run } = await trusted(t)
  const ran = await run('--json quota eu us --max-count=3 --tag a --tag b -d --dry-run --actor bob')
  t.same(JSON.parse(ran.out), {
    region: 'eu',
    more: ['us'],
    maxCount: 3,
    kind: 'cpu',
    tag: ['a', 'b'],
    deep: true,
    dryRun: true,
    actor: 'bob',
  })
  t.equal(ran.code, 0)
  t.match(JSON.parse((await run('quota 007 --json')).out), { region: '007', maxCount: 7 })
  t.equal((await run('quota eu')).out, 'text eu\n')
  t.equal((await run('quota eu --fmt md')).out, 'md eu\n')
  t.equal((await run('quota pending')).code, 2, 'a command may end well with another code')
})

t.test('--json gives errors the fields that every face has, on stderr', async (t) => {
  const { run } = workspaceWithGuest(t)
  const { out, err, code } = await run('plugins trust ./nope.js --json')
  t.equal(out, '')
  t.equal(code, 64)
  t.match(JSON.parse(err), {
    code: 'PROV_PLUGIN_UNKNOWN',
    disposition: 'usage',
    message: /no plugin/,
    remedy: /prov plugins/,
    detail: { id: './nope.js', known: /./ },
  })
  t.match(JSON.parse((await run('--fmt json nope')).err), { code: 'PROV_CLI_COMMAND_UNKNOWN' })
})

t.test('a plugin’s command that cannot be loaded hides nothing but itself', async (t) => {
  const { run, folder } = workspaceWithGuest(t)
  folder.write(
    'ws/quota.js',
    `export const commands = 1
     import { definePlugin } from 'prov'
     export default definePlugin({ name: 'quota', api: 1, setup() {}, commands: {
       hollow: async () => ({ command: {} }),
       thrown: async () => { throw new Error('not today') },
     } })`,
  )
  await run('plugins trust ./quota.js')
  const help = await run('--help')
  t.match(help, { code: 0, out: /journal verify/ })
  t.match(help.out, /not listed: commands of \.\/quota\.js: .*"commands\.hollow\.pattern"/)
  t.match(help.out, /not listed: commands of \.\/quota\.js: .*not today/)
  t.match(await run('hollow'), { code: 64, err: /PROV_PLUGIN_SHAPE_INVALID/ })
  t.match(await run('thrown'), { code: 1, err: /PROV_PLUGIN_IMPORT_FAILED/ })
})

t.test('an agent gets JSON without asking, a person gets text', async (t) => {
  const { run, folder } = await trusted(t)
  folder.write('home/keys/robo.json', { record: { actor: 'robo', kind: 'agent' } })
  folder.write('home/keys/alice.json', { record: { actor: 'alice', kind: 'human' } })
  t.match(JSON.parse((await run('quota eu --actor robo')).out), { actor: 'robo' })
  t.match(JSON.parse((await run('quota eu', { PROV_ACTOR: 'robo' })).out), { actor: 'robo' })
  t.match(JSON.parse((await run('quota eu', { ONTOREF_ACTOR: 'agent' })).out), { actor: 'agent' })
  t.match(JSON.parse((await run('nope', { PROV_ACTOR: 'robo' })).err), { code: /UNKNOWN/ })
  t.equal((await run('quota eu --actor alice')).out, 'text eu\n')
  t.equal((await run('quota eu --fmt text', { PROV_ACTOR: 'robo' })).out, 'text eu\n')
})

t.test(
  'a bug in a plugin’s command is its failure, by name, never a stack or a fault of Prov',
  async (t) => {
    const { run } = await trusted(t)
    const { code, err } = await run('quota throw')
    t.equal(code, exitCodes.fail)
    t.match(err, /error\[PROV_PLUGIN_COMMAND_FAILED\].*plugin \.\/quota\.js/)
    t.notMatch(err, /\n\s+at /)
  },
)

t.test('a command of the workspace’s own plugin runs only after it was trusted', async (t) => {
  const { run, cwd } = workspaceWithGuest(t)
  const mark = join(cwd, 'ran')
  const unknown = await run('quota eu')
  t.match(unknown.err, 'PROV_CLI_COMMAND_UNKNOWN')
  t.match(unknown.err, /\.\/quota\.js may bring it.*\n.*prov plugins/)
  t.match((await run('--help')).out, /commands of \.\/quota\.js.*nobody trusted/)
  t.match((await run('plugins')).out, /quota\.js +local, worker +untrusted .*prov plugins trust/)
  t.notOk(existsSync(mark), 'listing and looking ran nothing of it')
  const dry = await run('plugins trust ./quota.js --dry-run --json')
  t.match(JSON.parse(dry.out), { pinned: false, before: 'new', files: ['quota.js'] })
  t.match((await run('quota eu')).err, 'PROV_CLI_COMMAND_UNKNOWN')
  t.match((await run('plugins trust ./quota.js')).out, /^trusted \.\/quota\.js/)
  t.equal((await run('quota eu')).out, 'text eu\n')
  t.match((await run('--help')).out, 'shows a quota')
  t.match((await run('quota raise --help')).out, 'USAGE')
})

t.test('keys and trust may not lie inside the workspace', async (t) => {
  const { run, cwd } = workspaceWithGuest(t)
  const { code, err } = await run('plugins trust ./quota.js', { PROV_HOME: join(cwd, 'home') })
  t.equal(code, exitCodes.refuse)
  t.match(err, 'PROV_CONFIG_HOME_INSIDE')
  t.notOk(existsSync(join(cwd, 'home')))
})

t.test(
  'every command has a purpose, a group and an example that starts with its words',
  async (t) => {
    const { entries } = await knownCommands(discoverPlugins())
    t.ok(entries.size > 5)
    for (const [words, entry] of entries) {
      const command = await entry.load()
      t.ok(
        command.pattern === words || command.pattern.startsWith(`${words} `),
        `${words}: pattern`,
      )
      t.ok(command.examples.length > 0, `${words}: at least one example`)
      for (const [line, what] of command.examples) {
        t.ok(line.startsWith(`prov ${words}`), `${words}: ${line}`)
        t.ok(what.length > 0)
      }
      t.ok(command.describe.length > 0 && command.group.length > 0)
      const { out, code } = await provHere([...words.split(' '), '--help'], { cwd: '/' })
      t.equal(code, 0)
      t.match(out, 'EXAMPLES')
      t.equal(
        out.includes('--dry-run'),
        command.writes === true,
        `${words}: --dry-run when it writes`,
      )
    }
  },
)

t.test(
  'help names groups, flags for everyone and the version, on stdout with exit 0',
  async (t) => {
    const help = await provHere(['--help'], { cwd: '/' })
    t.equal(help.code, 0)
    for (const part of ['USAGE', 'RUNTIME', 'TOOLS', '--workspace', 'EXAMPLES', 'LEARN MORE']) {
      t.match(help.out, part)
    }
    t.same(await provHere([], { cwd: '/' }), help, 'no words at all: the same help')
    t.same(
      await provHere(['help', 'journal', 'verify'], { cwd: '/' }),
      await provHere(['journal', 'verify', '--help'], { cwd: '/' }),
    )
    t.match((await provHere(['journal', '--help'], { cwd: '/' })).out, 'journal verify')
    t.match((await provHere(['--version'], { cwd: '/' })).out, /^prov \d+\.\d+\.\d+ \(plugin api 1/)
    t.match((await provHere(['version'], { cwd: '/' })).out, /^prov \d/)
    t.match(JSON.parse((await provHere(['--version', '--json'], { cwd: '/' })).out), {
      pluginApi: 1,
    })
    t.match(await provHere(['--nope'], { cwd: '/' }), { code: 64, err: /PROV_CLI_COMMAND_MISSING/ })
    const codes = await provHere(['help', 'exit-codes', '--json'], { cwd: '/' })
    t.same((JSON.parse(codes.out) as { rows: unknown }).rows, exitCodeTable)
    const listed = new Set(exitCodeTable.map(([code]) => Number(code)))
    for (const code of Object.values(exitCodes)) t.ok(listed.has(code), `${code} is documented`)
    const errors = await provHere(['help', 'errors'], { cwd: '/' })
    t.match(errors.out, 'PROV_JOURNAL_LOCKED')
    t.match((await provHere(['help', 'environment'], { cwd: '/' })).out, 'PROV_HOME')
  },
)

t.test('without a workspace, a command that needs one says where it looked', async (t) => {
  const { dir } = temporaryFolder(t)
  const { code, err } = await provHere(['journal', 'verify'], { cwd: dir })
  t.equal(code, 64)
  t.match(err, 'error[PROV_CONFIG_NO_WORKSPACE]')
  t.match(err, dir)
  t.equal((await provHere(['journal', 'verify', '--workspace', '/nowhere'], { cwd: dir })).code, 64)
})

t.test('doctor has a fix for each thing that is not well', async (t) => {
  const { run, folder } = workspaceWithGuest(t)
  folder.write('home/keys/alice.json', {})
  chmodSync(join(folder.dir, 'home/keys/alice.json'), 0o644)
  const { code, out } = await run('doctor --json', { PATH: '/nonexistent' })
  t.equal(code, 1, 'without git something promised does not work')
  const { findings } = JSON.parse(out) as {
    findings: { check: string; level: string; fix?: string; found: string }[]
  }
  for (const finding of findings) {
    if (finding.level !== 'good') t.ok(finding.fix, `${finding.check}: ${finding.found}`)
  }
  t.match(
    findings.find(({ check }) => check === 'keys'),
    { level: 'bad', fix: /chmod/ },
  )
  t.match(
    findings.find(({ check }) => check === 'plugins' && 'fix'),
    { check: 'plugins' },
  )
  for (const check of ['node', 'git', 'ssh', 'bwrap', 'rsync', 'nats-server', 'clock', 'journal']) {
    t.ok(
      findings.some((finding) => finding.check === check),
      check,
    )
  }
})
