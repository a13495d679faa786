/** `prov setup`, and edits of the files it wrote. */
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../support/folder.ts'
import { provHere } from '../support/cli.ts'
import { sampleCopy } from '../support/workspace.ts'
import type { Printed } from '../support/workspace.ts'

t.test('setup makes a folder a workspace once, and the second run changes nothing', async (t) => {
  const { json, run, root, home } = sampleCopy(t, { empty: true })
  const dry = await json('setup', '--name', 'fresh', '--actor', 'alice', '--dry-run')
  t.equal(dry.code, 0)
  t.ok(dry.data.files.every((file: Printed) => file.action === 'would be written'))
  t.notOk(existsSync(join(root, '.ontology')), 'a dry run writes nothing')
  t.notOk(existsSync(home), 'not even a key')

  const first = await json('setup', '--name', 'fresh', '--actor', 'alice')
  t.match(first, {
    code: 0,
    data: {
      workspace: 'fresh',
      kind: 'DevWorkspace',
      actor: { name: 'alice', key: 'made', sealed: false },
      policy: { action: 'activated', version: 1 },
    },
  })
  t.match(readFileSync(join(root, '.ontology/manifest.ncl'), 'utf8'), "repo_kind = 'DevWorkspace")
  t.equal(statSync(join(home, 'keys/alice.json')).mode & 0o777, 0o600)
  t.equal((await json('state')).data[0].id, 'provisioning')

  const again = await json('setup')
  t.same([...new Set(again.data.files.map((file: Printed) => file.action))], ['kept'])
  t.match(again.data, { actor: { key: 'kept' }, policy: { action: 'kept', version: 1 } })
  t.match((await run('setup')).out, /nothing was missing/)
  t.match(await json('setup', '--kind', 'Mixed'), {
    code: 64,
    data: { code: 'PROV_SETUP_KIND_DIFFERS' },
  })
})

t.test('a Mixed workspace leaves its first policy to a person', async (t) => {
  const { json, root } = sampleCopy(t, { empty: true })
  const { data } = await json('setup', 'part', '--kind', 'Mixed', '--actor', 'alice')
  t.match(data, { kind: 'Mixed', workspace: 'part', policy: { action: 'left to a person' } })
  t.ok(existsSync(join(root, 'part/.ontology/provisioning.ncl')))
  t.match(await json('card', '--workspace', 'part'), { code: 64, data: { code: 'PROV_CARD_KIND' } })
})

t.test(
  'an edit of current_state is a proposal: shown, judged, and then where things stand',
  async (t) => {
    const { json, run, edit } = sampleCopy(t)
    await run('setup', '--actor', 'alice')
    edit('.ontology/state.ncl', 'current_state = "partial"', 'current_state = "full_stack"')
    const before = (await json('state')).data[1]
    t.match(before, { current: 'partial', declared: 'full_stack', edited: true, version: 0 })
    await run('actor', 'create', 'bob', '--no-seal', '--no-enrol')
    t.equal((await run('actor', 'enrol', 'bob')).code, 0)
    t.equal((await run('audit', 'verify')).code, 0)
    // Each command that opens the runtime drives it on; where one stops is the machine's business.
    const phase = async () => (await json('op', 'list')).data[0]?.phase
    for (let turn = 0; turn < 10 && (await phase()) !== 'applied'; turn++)
      await run('plugins', '--tree')
    const after = (await json('state')).data[1]
    t.match(after, { current: 'full_stack', version: 1, status: 'reached', movedBy: /^edit-/ })
    t.notOk('edited' in after)
    t.match((await json('op', 'list')).data, [
      { type: 'dimension.declare', phase: 'applied', by: 'alice' },
    ])
  },
)

t.test('a sealed key signs for whoever has the passphrase, and for nobody else', async (t) => {
  const secret = temporaryFolder(t)
  const file = secret.write('passphrase', 'correct horse\n')
  chmodSync(file, 0o600)
  const env: Record<string, string> = { PROV_PASSPHRASE_FILE: file }
  const { json, home } = sampleCopy(t, { env })
  t.match(await json('actor', 'create', 'carol'), {
    code: 0,
    data: { sealed: true, enrolled: true },
  })
  t.notMatch(readFileSync(join(home, 'keys/carol.json'), 'utf8'), 'correct horse')
  t.match(await json('policy', 'activate'), { code: 0, data: { version: 1 } })
  secret.write('passphrase', 'wrong\n')
  t.match(await json('op', 'submit', 'scale', 'monitoring/loki'), {
    code: 4,
    data: { code: 'PROV_KEY_SEALED' },
  })
  delete env['PROV_PASSPHRASE_FILE']
  t.match(await json('actor', 'create', 'dave'), {
    code: 64,
    data: { code: 'PROV_KEY_PASSPHRASE_ABSENT', remedy: /--no-seal/ },
  })
})

t.test('keys inside the workspace are refused before setup writes anything', async (t) => {
  const inside = sampleCopy(t, { empty: true })
  const env = { PROV_HOME: join(inside.root, '.keys'), USER: 'tester' }
  const here = { cwd: inside.root, env }
  for (const line of [['setup', '--dry-run'], ['setup']]) {
    t.match(await provHere(line, here), { code: 4, err: /PROV_CONFIG_HOME_INSIDE/ })
  }
  t.same(readdirSync(inside.root), ['.keep'], 'no file, no key')

  t.equal((await inside.run('setup', '--name', 'fresh')).code, 0)
  t.match(await provHere(['actor', 'create', 'bob', '--no-seal'], here), { code: 4 })
  t.notOk(existsSync(join(inside.root, '.keys')))
  const doctor = await provHere(['doctor'], here)
  t.match(doctor, { code: 1, out: /BAD +keys +keys and trust may not lie inside a workspace/ })
})

t.test(
  'doctor evaluates every Nickel file of the workspace and names each broken one',
  async (t) => {
    const { run, root, edit } = sampleCopy(t)
    t.match(await run('doctor'), { code: 0, out: /ok +files +\d+ Nickel files evaluate/ })
    writeFileSync(join(root, '.ontology/tools.ncl'), 'fun x => x')
    t.match(await run('doctor'), { code: 0 }, 'a file of functions is no mistake')
    edit('.ontology/state.ncl', 'current_state = "partial"', 'current_state = = "partial"')
    edit('.ontology/provisioning.ncl', 'op_types', 'op_typos')
    const { code, out } = await run('doctor', '--fmt', 'md')
    t.equal(code, 1)
    t.match(out, /BAD.*files.*state\.ncl:\d+:\d+/)
    t.match(out, /BAD.*files.*provisioning\.ncl:\d+:\d+.*op_types/)
  },
)

t.test(
  'setup takes the folder that --workspace names, not the one it was started in',
  async (t) => {
    const { json, root } = sampleCopy(t, { empty: true })
    const other = temporaryFolder(t).dir
    const { data } = await json('setup', '--workspace', other, '--name', 'elsewhere')
    t.equal(data.root, other)
    t.ok(existsSync(join(other, '.ontology')))
    t.notOk(existsSync(join(root, '.ontology')))
  },
)
