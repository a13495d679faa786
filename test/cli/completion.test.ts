/** Completion: every command's flags and values, real shells, and nothing that it must not do. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { knownCommands } from '../../core/cli/commands.ts'
import { dryRunFlag, globalFlags } from '../../core/cli/globals.ts'
import { kebab, positionalsOf } from '../../core/cli/pattern.ts'
import { asTyped, shellWords } from '../../core/cli/shell-words.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import { modulesLoadedBy, provHere, provProgram } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { sampleCopy } from '../support/workspace.ts'

const exec = promisify(execFile)

/** Values of an answer for fish, which are those for zsh; the first line says what they are. */
const valuesIn = (out: string) =>
  out
    .split('\n')
    .slice(1, -1)
    .map((line) => line.split('\t')[0])

t.test('every command completes its words, its flags and the choices of each', async (t) => {
  const { entries } = await knownCommands(discoverPlugins())
  const { dir: cwd } = temporaryFolder(t)
  const ask = async (...words: readonly string[]) => {
    const { out, err, code } = await provHere(['__complete', 'fish', ...words], { cwd })
    t.same([err, code], ['', 0], words.join(' '))
    return out
  }
  for (const [words, entry] of entries) {
    const { flags, pattern, writes } = await entry.load()
    const named = words.split(' ')
    t.ok(valuesIn(await ask(...named)).includes(named.at(-1)), `the last word of ${words}`)
    const offered = valuesIn(await ask(...named, '--'))
    const places = positionalsOf(pattern)
    const own = Object.entries(flags).filter(([name]) => !places.includes(kebab(name)))
    for (const name of [...own.map(([name]) => kebab(name)), ...Object.keys(globalFlags)]) {
      t.ok(offered.includes(`--${name}`), `${words} --${name}`)
    }
    t.equal(offered.includes('--dry-run'), writes === true, `${words}: ${dryRunFlag.describe}`)
    for (const [name, flag] of Object.entries(flags)) {
      if (!flag.choices) continue
      const at = places.indexOf(kebab(name))
      const before = at < 0 ? [`--${kebab(name)}`] : places.slice(0, at).map(() => 'x')
      t.ok(
        flag.choices.every((one) => !one.startsWith('-')),
        'no choice looks like a flag',
      )
      const values = valuesIn(await ask(...named, ...before, ''))
      t.same(
        flag.choices.filter((one) => !values.includes(one)),
        [],
        `${words} ${name}`,
      )
    }
  }
})

t.test('what there is now is offered where the list commands would show it', async (t) => {
  const { run, json, root, home } = sampleCopy(t)
  const ask = async (line: string) =>
    valuesIn((await run('__complete', 'fish', ...line.split(' '))).out)
  t.ok((await ask('gates ')).includes('secrets-to-apps'))
  t.notOk(existsSync(join(root, '.prov')), 'asking writes nothing')
  await run('setup', '--actor', 'alice')
  await run('actor', 'create', 'bob', '--no-seal')
  const { op } = (
    await json('op', 'submit', 'deploy', 'app-cluster/cert-manager', '--actor', 'alice')
  ).data
  for (const line of [
    'op show ',
    'op approve ',
    'keeper reject ',
    'op wait op_',
    'why op_',
    'audit log --op ',
    'keeper review ',
  ]) {
    t.same(await ask(line), [op], line)
  }
  t.same(await ask('op resolve '), [], 'nothing is in doubt')
  t.same(await ask('op list --actor '), ['alice', 'bob'])
  t.same(await ask('op list --actor=b'), ['--actor=bob'])
  t.same(await ask('actor revoke '), ['alice', 'bob'])
  t.ok((await ask('actors steps keeper/')).includes(`keeper/${op}`))
  t.ok((await ask('state ')).includes('observability'))
  t.ok((await ask('next ')).includes('observability'))
  t.ok((await ask('why ')).includes('secrets-to-apps'))
  t.ok((await ask('connections ')).includes('app-cluster'))
  t.ok((await ask('backlog show ')).includes('bl-deploy-certmgr'))
  t.ok((await ask('plugins reload ')).includes('mirror'))
  t.ok((await ask('op submit deploy ')).includes('app-cluster/cert-manager'))
  t.ok((await ask('plugins ')).includes('trust'))
  t.ok((await ask('--actor alice op ')).includes('submit'), 'flags may stand before the words')
  t.same(await ask('op list -- --'), [], 'no flags behind --')
  t.equal((await run('__complete', 'fish', 'ncl', 'export', '')).out, 'files\n')
  const told = (await run('__complete', 'fish', 'op', 'approve', '')).out
  t.equal(told, `values\n${op}\theld deploy app-cluster/cert-manager\n`)
  t.ok(existsSync(join(home, 'keys')))
})

t.test('every flag that is completed from a read model names fields that it has', async (t) => {
  const { run, root, home } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  await run('op', 'submit', 'deploy', 'app-cluster/cert-manager')
  const { entries } = await knownCommands(discoverPlugins())
  for (const [words, entry] of entries) {
    const { flags, pattern } = await entry.load()
    const places = positionalsOf(pattern)
    for (const [name, { complete }] of Object.entries(flags)) {
      const sources = [complete ?? []].flat()
      // Nothing of the sample was applied or is in doubt.
      const some = sources.some(
        (one) => typeof one === 'object' && !/applied|in_doubt/.test(String(one.args?.['phase'])),
      )
      if (!some) continue
      const at = places.indexOf(kebab(name))
      const before = at < 0 ? [`--${kebab(name)}`] : places.slice(0, at).map(() => 'x')
      const line = ['__complete', 'fish', ...words.split(' '), ...before, '']
      const { out } = await provHere(line, { cwd: root, env: { PROV_HOME: home } })
      t.ok(valuesIn(out).length > 0, `${words} ${name}`)
      t.notMatch(out, 'undefined', `${words} ${name}`)
    }
  }
})

t.test('trouble of any kind is an empty answer with exit 0, and nobody is asked', async (t) => {
  const { run, root, home } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  const empty = { code: 0, out: 'values\n', err: '' }
  const far = {
    cwd: root,
    env: { PROV_HOME: home, PROV_PROJECT: 'far', NATS_URL: 'nats://127.0.0.1:1' },
  }
  t.same(await provHere(['__complete', 'zsh', 'op', 'show', ''], far), empty, 'no server is asked')
  writeFileSync(join(root, '.ontology/state.ncl'), '{ this is not')
  t.same(await run('__complete', 'zsh', 'state', ''), empty, 'a broken manifest')
  t.same(await run('__complete', 'zsh', 'no', 'such', ''), empty)
})

t.test(
  'a key stroke runs no code of a guest, trusted or not, and does not load yargs',
  async (t) => {
    const folder = temporaryFolder(t, {
      'ws/package.json': { type: 'module', prov: { name: 'test-ws', plugins: ['./quota.js'] } },
      'ws/.ontology/keep': '',
      'ws/quota.js': `
      import { writeFileSync } from 'node:fs'
      import { definePlugin } from 'prov'
      writeFileSync(new URL('./ran', import.meta.url), 'ran')
      const made = definePlugin({ name: 'quota', api: 1 })
      export { made as default }`,
    })
    const cwd = join(folder.dir, 'ws')
    const place = { cwd, env: { PROV_HOME: join(folder.dir, 'home') } }
    await provHere(['plugins', 'trust', './quota.js'], place)
    rmSync(join(cwd, 'ran'), { force: true })
    for (const words of [
      [''],
      ['state', ''],
      ['op', 'show', ''],
      ['plugins', 'trust', ''],
      ['x', ''],
    ]) {
      await provHere(['__complete', 'fish', ...words], place)
    }
    t.notOk(existsSync(join(cwd, 'ran')))
    await provHere(['--help'], place)
    t.ok(existsSync(join(cwd, 'ran')), 'it would run elsewhere')
    const { modules } = await modulesLoadedBy(['__complete', 'bash', 'prov op show ', ''], {
      ...place,
      scratch: folder.dir,
    })
    const heavy = modules.filter((url) => /\/(yargs|rxjs|nats|jose|xstate|tweetnacl)\//.test(url))
    t.same(heavy, [])
  },
)

/** Names of keys are files of the user's: anything that a file may be called. */
const odd = [
  `it's`,
  `a b`,
  `$(touch hit)`,
  '`touch hit`',
  `x;touch hit`,
  `q"uo!te`,
  `back\\slash`,
  `~tilde`,
  `zwei:drei`,
]

t.test('real shells complete ids, whatever signs they hold, and run nothing of them', async (t) => {
  const { root, home, run, json } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  const { op } = (await json('op', 'submit', 'deploy', 'app-cluster/cert-manager')).data
  const bin = join(home, '..', 'bin')
  mkdirSync(bin)
  const program = `#!/bin/sh\nexec '${process.execPath}' '${provProgram}' "$@"\n`
  writeFileSync(join(bin, 'prov'), program, { mode: 0o755 })
  for (const name of odd) writeFileSync(join(home, 'keys', `${name}.json`), '{}')
  writeFileSync(join(home, 'keys', `con\u001b[2Jtrol.json`), '{}')
  writeFileSync(join(home, 'keys', `-rf.json`), '{}')
  const env = {
    PATH: `${bin}:${process.env['PATH']}`,
    PROV_HOME: home,
    HOME: home,
    LC_ALL: 'C.UTF-8',
  }
  const shell = async (name: string, ...args: readonly string[]) =>
    (await exec(name, args, { cwd: root, env })).stdout.split('\n').slice(0, -1)
  const there = (name: string) =>
    exec(name, ['--version']).then(
      () => false as const,
      () => `install ${name}`,
    )
  const all = ['alice', ...odd].sort()

  await t.test('bash', { skip: await there('bash') }, async (t) => {
    const script = `source <(prov completion bash)
      COMP_LINE=$1 COMP_POINT=\${#1}; shift
      _prov; printf '%s\\n' "\${COMPREPLY[@]}"`
    const complete = (line: string) => shell('bash', '--norc', '-c', script, 'bash', line)
    t.same(await complete('prov op sho'), ['show'])
    t.same(await complete('prov op approve op_'), [op])
    t.same(await complete('prov op list --phase=hel'), ['held'], 'bash replaces what is behind =')
    t.ok((await complete('prov op list --op')).includes('--open'))
    for (const [open, close] of [
      ['', ''],
      [`'`, `'`],
      [`"`, `"`],
    ] as const) {
      const typed = await complete(`prov op list --actor ${open}`)
      const read = await Promise.all(
        typed.map((one) => shell('bash', '-c', `printf '%s\\n' ${open}${one}${close}`)),
      )
      t.same(read.flat().sort(), all, `read again behind ${open || 'no quote'}`)
    }
    t.same(await complete(`prov op list --actor a\\ `), ['a\\ b'])
    t.match(
      (await shell('bash', '-c', 'source <(prov completion bash); complete -p prov'))[0],
      '-F _prov prov',
    )
  })

  await t.test('zsh', { skip: await there('zsh') }, async (t) => {
    // The widget's own builtin works only while the line editor runs; it quotes what it is given.
    const script = `compdef() { : }; _files() { print files }
      compadd() { print -rl -- "$values[@]" }
      source <(prov completion zsh)
      words=("$@"); CURRENT=$#words; PREFIX=$words[-1]; _prov`
    const complete = (...words: readonly string[]) =>
      shell('zsh', '-fc', script, 'zsh', 'prov', ...words)
    t.same(await complete('op', 'sho'), ['show'])
    t.same(await complete('sta'), ['state'])
    t.same(await complete(`'op'`, 'sho'), ['show'], 'quotes before the current word')
    t.same(await complete('op', 'approve', 'op_'), [op])
    t.same((await complete('op', 'list', '--actor', '')).sort(), all)
    t.same(await complete('op', 'list', '--actor', 'a\\ '), ['a b'])
    t.same(await complete('ncl', 'export', ''), ['files'])
  })

  await t.test('fish', { skip: await there('fish') }, async (t) => {
    const script = 'prov completion fish | source; complete -C $argv[1]'
    const complete = (line: string) => shell('fish', '--no-config', '-c', script, line)
    t.match(await complete('prov op sho'), [/^show\teverything about one operation/])
    t.same(await complete('prov op approve op_'), [`${op}\theld deploy app-cluster/cert-manager`])
    t.equal((await complete('prov op list --actor ')).length, all.length)
    t.ok((await complete('prov ncl export ')).includes('keeper_policy.ncl'))
  })
  t.notOk(existsSync(join(root, 'hit')), 'no name was run')
})

t.test(
  'a half-typed line is split as a shell would, and a value typed so that it stays one',
  (t) => {
    t.same(shellWords('prov op "a b" c\\ d '), {
      words: ['prov', 'op', 'a b', 'c d', ''],
      quote: '',
      kept: 0,
    })
    t.same(shellWords(`prov 'it`), { words: ['prov', 'it'], quote: `'`, kept: 0 })
    t.same(shellWords('p --a=x:y', '=:'), { words: ['p', '--a=x:y'], quote: '', kept: 6 })
    t.equal(asTyped('a:b c', { quote: '', kept: 2 }), 'b\\ c')
    t.equal(asTyped('!', { quote: '"', kept: 0 }), `"'!'"`)
    t.end()
  },
)
