/** Looking disturbs nobody: no lock is taken, nothing is written, no plugin's code runs. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { startActors } from '../../core/actor/start.ts'
import { openJournal } from '../../core/journal/file.ts'
import { provChild, provHere } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { repoRoot } from '../support/root.ts'

/** Each import of it leaves a line in `imports`; `prov jar` sends a jar an event. */
const jar = `
  import { appendFileSync } from 'node:fs'
  import { assign, setup } from 'xstate'
  import { defineActor, defineCommand, definePlugin } from 'prov'
  appendFileSync(new URL('./imports', import.meta.url), 'imported\\n')
  const machine = setup({
    actions: {
      put: assign(({ context, event }) => {
        if (event.what === 'stone') throw new Error('the jar breaks')
        return { holds: [...context.holds, event.what] }
      }),
    },
  }).createMachine({ initial: 'open', context: { holds: [] }, states: { open: {} },
    on: { put: { actions: 'put' } } })
  const soft = defineActor({ type: 'acme.soft', version: 1, machine,
    supervision: { onFailure: 'park', restart: 'transient' } })
  const command = defineCommand({
    pattern: 'jar <what>', describe: 'puts something in the jar', group: 'Tools',
    examples: [['prov jar apple', '']],
    flags: { what: { type: 'string', required: true } },
    run: async ({ what }, context) => {
      const { actors } = await context.runtime()
      await actors.spawn(soft, 'a')
      return actors.send('acme.soft/a', { type: 'put', what })
    },
  })
  const made = definePlugin({ name: 'jar', api: 1, actors: { soft },
    commands: { jar: async () => ({ command }) } })
  export { made as default }`

function workspace(t: Parameters<typeof temporaryFolder>[0], plugin: string, env = {}) {
  const { dir } = temporaryFolder(t, {
    'ws/package.json': { type: 'module', prov: { name: 'test-ws', plugins: ['./jar.js'] } },
    'ws/.ontology/keep': '',
    'ws/jar.js': plugin,
  })
  const cwd = join(dir, 'ws')
  const place = { cwd, env: { PROV_HOME: join(dir, 'home'), ...env } as Env }
  const run = (...argv: string[]) => provHere(argv, place)
  const json = async (...argv: string[]) => JSON.parse((await run(...argv, '--json')).out)
  return { cwd, place, run, json, state: resolve(cwd, place.env.PROV_STATE ?? '.prov') }
}

type Env = Readonly<Record<string, string>>

/** Every file below a folder with its bytes. */
function bytesIn(dir: string): Readonly<Record<string, string>> {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()
  return Object.fromEntries(
    files
      .filter((file) => statSync(join(dir, file)).isFile())
      .map((file) => [file, readFileSync(join(dir, file)).toString('base64')]),
  )
}

const epochsIn = (state: string) =>
  readdirSync(join(state, 'journal/lock')).filter((name) => name.startsWith('epoch-'))

t.test('all looks answer beside a writer, and leave epoch and journal as they are', async (t) => {
  const { cwd, run, json, state } = workspace(t, jar)
  t.equal((await run('plugins', 'trust', './jar.js')).code, 0)
  for (const what of ['apple', 'stone', 'pear']) {
    const ran = await run('jar', what)
    t.equal(ran.code, 0, ran.err)
  }
  const imports = () => readFileSync(join(cwd, 'imports'), 'utf8')

  const looks = async (atWork: boolean) => {
    const before = { files: bytesIn(state), epochs: epochsIn(state), imports: imports() }
    const depth = atWork ? null : 0
    t.match(await json('actors', '--type', 'acme.soft'), [
      {
        address: 'acme.soft/a',
        type: 'acme.soft',
        status: 'parked',
        value: 'open',
        sequence: 3,
        depth,
        restarts: depth,
        owner: 'jar',
        mode: 'elsewhere',
        parked: { code: 'PROV_ACTOR_STEP_FAILED', event: 'put' },
      },
    ])
    t.match((await run('actors')).out, atWork ? /soft\/a +parked +open +3 +- / : /open +3 +0 /)
    t.match((await run('actors', 'acme.soft/a')).out, /the jar breaks/)
    t.match((await json('actors', 'letters')).length, 1)
    t.match((await json('actors', 'replay', '1', '--dry-run'))[0], { outcome: 'would be sent' })
    t.equal((await json('actors', 'replay', '--reason', 'parked', '--dry-run')).length, 1)
    t.match(await json('actors', 'resume', 'acme.soft/a', '--dry-run'), {
      status: 'parked',
      resumed: false,
    })
    t.equal((await json('actors', 'steps', 'acme.soft/a')).length, 3)
    const { plugins } = await json('plugins')
    t.match(
      plugins.find(({ id }: { id: string }) => id === './jar.js'),
      { state: 'found', isolation: 'worker' },
    )
    t.match((await run('doctor')).out, /whole, \d+ records/)
    t.equal((await run('help')).code, 0)
    // What is not there is refused before anything is started for it.
    for (const argv of [
      ['actors', 'acme.soft/b'],
      ['actors', 'resume', 'acme.soft/b'],
      ['actors', 'replay', '99'],
      ['actors', '--type', 'acme.sot'],
      ['plugins', 'reload', './jra.js'],
    ]) {
      t.equal((await run(...argv)).code, 64, argv.join(' '))
    }
    t.match((await run('actors', '--type', 'acme.sot')).err, 'did you mean `acme.soft`?')
    const reload = await run('plugins', 'reload', './jar.js')
    t.equal(reload.code, 7)
    t.match(reload.err, 'PROV_CLI_RELOAD_UNREACHABLE')
    const { imports: grown, ...after } = { ...before, imports: imports() }
    t.equal(grown, before.imports, 'no module of the plugin ran')
    t.same(
      { files: bytesIn(state), epochs: epochsIn(state) },
      {
        files: after.files,
        epochs: after.epochs,
      },
    )
  }

  await looks(false)
  const appender = join(repoRoot, 'dist/test/support/appender.js')
  const holder = spawn(process.execPath, [appender, join(state, 'journal'), '0'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => holder.kill('SIGKILL'))
  const [line] = (await once(createInterface(holder.stdout), 'line')) as [string]
  t.match(line, /^open /)
  t.match(await run('jar', 'fig'), { code: 7, err: 'PROV_JOURNAL_LOCKED' }, 'it is locked')
  await looks(true)
  holder.stdin.end()
  await once(holder, 'close')
})

t.test('what is kept elsewhere is looked at there, also from outside', async (t) => {
  const where = { PROV_STATE: 'kept/elsewhere', ACME_TOKEN: 'x' }
  const { cwd, place, run, json, state } = workspace(t, jar, where)
  const looks = async () => {
    const outside = (...argv: string[]) =>
      provHere(['--workspace', cwd, ...argv], { ...place, cwd: dirname(cwd) })
    for (const prov of [run, outside]) {
      t.match((await prov('actors')).out, /soft\/a +parked +open +3 /)
      t.match((await prov('actors', 'letters')).out, /parked/)
      t.match((await prov('actors', 'steps', 'acme.soft/a')).out, /put/)
      t.match((await prov('actors', 'resume', 'acme.soft/a', '--dry-run')).out, /would resume/)
      const { out } = await prov('doctor')
      t.match(out, /journal +whole, [1-9]\d* records/)
      t.match(out, /lock +(free|process)/)
      t.match((await prov('journal', 'verify')).out, /the journal is whole/)
      t.match((await prov('validate-ops-contract')).out, /ok +OPS_PENDING/)
    }
  }
  await run('plugins', 'trust', './jar.js')
  for (const what of ['apple', 'stone', 'pear']) await run('jar', what)
  await looks()
  const appender = join(repoRoot, 'dist/test/support/appender.js')
  const holder = spawn(process.execPath, [appender, join(state, 'journal'), '0'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => holder.kill('SIGKILL'))
  await once(createInterface(holder.stdout), 'line')
  t.match((await run('doctor')).out, `process ${holder.pid} has been writing`)
  await looks()
  const reload = await run('plugins', 'reload', './jar.js')
  t.match(reload.err, /PROV_CLI_RELOAD_UNREACHABLE/)
  t.match(reload.err, `${holder.pid}`, 'the writer there is named')
  holder.stdin.end()
  await once(holder, 'close')

  const failing = `import { definePlugin } from 'prov'
    const made = definePlugin({ name: 'jar', api: 1, setup: () => { throw new Error('no lid') } })
    export { made as default }`
  writeFileSync(join(cwd, 'jar.js'), failing)
  await run('plugins', 'trust', './jar.js')
  await run('plugins', '--tree')
  const { plugins } = await json('plugins')
  const mine = plugins.find(({ id }: { id: string }) => id === './jar.js')
  t.match(mine, { fault: { code: 'PROV_PLUGIN_SETUP_FAILED' } })
  t.notOk(existsSync(join(cwd, '.prov')), 'nothing is made in the usual place')
  const nowhere = await run('--workspace', dirname(cwd), 'doctor')
  t.match(nowhere, { code: 1, out: /BAD +workspace/ }, 'a workspace that was named must be there')
})

t.test('looking at a workspace where nothing was started yet makes nothing', async (t) => {
  const { cwd, run, state } = workspace(t, jar)
  for (const argv of [
    ['actors'],
    ['actors', 'letters'],
    ['plugins'],
    ['actors', 'replay', '--type', 'a', '--dry-run'],
  ]) {
    t.equal((await run(...argv)).code, 0, argv.join(' '))
  }
  t.match(await run('actors', 'steps', 'a/b'), { code: 64, err: 'PROV_ACTOR_UNKNOWN' })
  t.notOk(existsSync(state))
  t.notOk(existsSync(join(cwd, 'imports')))
})

t.test(
  'who failed last is shown after the process is gone, and as past once it came up',
  async (t) => {
    const failing = `import { definePlugin } from 'prov'
    const made = definePlugin({ name: 'jar', api: 1,
      setup: () => { throw new Error('no lid; asked with hunter2-hunter2') } })
    export { made as default }`
    const { cwd, run, json, state } = workspace(t, failing, { ACME_TOKEN: 'hunter2-hunter2' })
    const faultOf = async () =>
      (await json('plugins')).plugins.find(({ id }: { id: string }) => id === './jar.js').fault
    await run('plugins', 'trust', './jar.js')
    t.equal(await faultOf(), undefined)
    await run('plugins', '--tree')
    t.match(await faultOf(), { code: 'PROV_PLUGIN_SETUP_FAILED', message: /no lid/, past: false })
    t.match((await run('plugins')).out, /jar\.js +local, worker +found +failed last at 20/)
    t.match((await run('doctor')).out, /note +plugins +\.\/jar\.js does not run since 20[^]*no lid/)
    t.notMatch(readFileSync(join(state, 'plugins.json'), 'utf8'), 'hunter2')
    t.equal(statSync(join(state, 'plugins.json')).mode & 0o777, 0o600)

    writeFileSync(join(cwd, 'jar.js'), failing.replace(/setup: .*/, '})'))
    await run('plugins', 'trust', './jar.js')
    t.equal((await run('plugins', '--tree')).code, 0)
    t.match(await faultOf(), { code: 'PROV_PLUGIN_SETUP_FAILED', past: true })
    t.match((await run('plugins')).out, /and came up since/)
    t.notMatch((await run('doctor')).out, /jar\.js does not run since/)

    writeFileSync(join(cwd, 'jar.js'), failing.replace(/throw .*/, 'process.exit(3) } })'))
    await run('plugins', 'trust', './jar.js')
    const { err } = await run('plugins', '--tree')
    t.equal(err.match(/error: jar:/g)?.length, 1, 'one fault is one line')
    t.match(await faultOf(), { code: 'PROV_PLUGIN_EXITED', past: false })

    writeFileSync(join(state, 'plugins.json'), '{"version":1,"plugins":{"./jar.js":7},"types":[3]}')
    t.equal(await faultOf(), undefined, 'a file of another shape says nothing')
    t.equal((await run('actors')).code, 0)
  },
)

t.test('a fault outlives a process that was killed right after it', async (t) => {
  const { place, run, json } = workspace(
    t,
    `import { throwError } from 'rxjs'
    import { defineCommand, definePlugin } from 'prov'
    const command = defineCommand({
      pattern: 'fall', describe: 'waits for the end of the plugin, then dies', group: 'Tools',
      examples: [['prov fall', '']], flags: {},
      run: async (_, context) => {
        const { plugins } = await context.runtime()
        const failed = () => plugins().find(({ id }) => id === './jar.js').state === 'failed'
        while (!failed()) await new Promise((resolve) => setTimeout(resolve, 5))
        process.kill(process.pid, 'SIGKILL')
      },
    })
    const made = definePlugin({ name: 'jar', api: 1,
      setup: () => throwError(() => new Error('the jar fell')),
      commands: { fall: async () => ({ command }) } })
    export { made as default }`,
  )
  await run('plugins', 'trust', './jar.js')
  t.match((await provChild(['fall'], place)).err, 'SIGKILL')
  const { plugins } = await json('plugins')
  t.match(
    plugins.find(({ id }: { id: string }) => id === './jar.js'),
    { state: 'found', fault: { code: 'PROV_PLUGIN_LIFE_FAILED', message: /the jar fell/ } },
  )
})

t.test('one bad entry of prov.plugins is named, and stops no look', async (t) => {
  const { cwd, run, json } = workspace(t, jar)
  const manifest = (prov: object) =>
    writeFileSync(join(cwd, 'package.json'), JSON.stringify({ type: 'module', prov }))
  manifest({ name: 'test-ws', plugins: ['./jar.js', './gone.js', 7, '../out.js'] })
  const { plugins } = await json('plugins')
  const refused = plugins.filter(({ state }: { state: string }) => state === 'refused')
  t.same(
    refused.map(({ id }: { id: string }) => id),
    ['./gone.js', '7', '"../out.js"'],
  )
  t.match((await run('doctor')).out, /BAD +plugins +"\.\.\/out\.js"/)
  t.equal((await run('actors')).code, 0)
  t.equal((await run('plugins', 'trust', './jar.js')).code, 0, 'the good one is there')

  manifest({ plugins: './jar.js' })
  for (const line of ['actors', 'actors letters', 'plugins', 'help']) {
    t.equal((await run(...line.split(' '))).code, 0, line)
  }
  t.match((await run('doctor')).out, /BAD +workspace +.*package\.json[^]*lock +free/)
})

t.test('an unknown word under a command is refused, also when help is asked for', async (t) => {
  const { run } = workspace(t, jar)
  for (const [line, meant] of [
    ['plugins trsut', 'plugins trust'],
    ['plugins relod x', 'plugins reload'],
    ['plugins trsut --help', 'plugins trust'],
    ['help plugins trsut', 'plugins trust'],
    ['actors lettres', 'actors letters'],
  ] as const) {
    const ran = await run(...line.split(' '))
    t.equal(ran.code, 64, line)
    t.match(ran.err, `did you mean \`${meant}\`?`, line)
  }
  t.equal((await run('plugins', 'nope', '--help')).code, 64)
  t.match((await run('actors', 'nope')).err, 'PROV_ACTOR_ADDRESS_INVALID')
})

t.test(
  'letters that had to make room are counted where a person looks, also by the next life',
  async (t) => {
    const { run, json, state } = workspace(t, jar)
    t.equal((await run('actors', 'letters')).err, '')
    const life = async (refused: number) => {
      const journal = await openJournal({ dir: join(state, 'journal') })
      const system = await startActors({ journal })
      for (let n = 0; n < refused; n++) system.send('acme.none/a', { type: 'put' })
      await system.close()
      await journal.close()
    }
    const said = /older ones made room and cannot be sent again: (.*)/
    for (const [refused, gone] of [
      [1_200, '200 unknown'],
      [0, '200 unknown'],
      [30, '230 unknown'],
    ] as const) {
      await life(refused)
      t.equal(said.exec((await run('actors', 'letters')).err)?.[1], gone)
    }
    t.equal((await json('actors', 'letters')).length, 1_000)
  },
)
