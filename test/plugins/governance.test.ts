/**
 * `prov validate-radicle-governance`: three repositories made with real git, real keys and a real
 * ledger; what is wrong in one of them is told with code, place and remedy.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import type { ErrorReport } from '../../core/errors.ts'
import { ledger } from '../../core/protocol/services.ts'
import { sshPublicKey } from '../../plugins/mirror/sshsig.ts'
import { provHere } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { people } from '../support/governed.ts'
import { infra } from '../support/infra.ts'
import { repoRoot } from '../support/root.ts'

t.setTimeout(300_000)

interface Said {
  readonly repositories: readonly {
    readonly name: string
    readonly path: string
    readonly commits: number
    readonly threshold?: number
    readonly delegates: readonly string[]
    readonly skipped: readonly string[]
  }[]
  readonly findings: readonly ErrorReport[]
}

/** A workspace with a ledger, made once; each test has a copy. */
const sample = await infra(t)
const prov = await sample.open()
await prov.service(ledger).settled()
await prov.close()

/** With a policy of alice, bob and carol, and a desired of alice, bob and CI. */
async function governed(t: Test) {
  const { dir: beside } = temporaryFolder(t)
  cpSync(dirname(sample.workspace), beside, { recursive: true })
  const on = { workspace: join(beside, 'my-infra'), home: join(beside, 'home') }
  const state = join(on.workspace, '.prov/my-infra-state')
  const keys = people(join(beside, 'keys'))
  const policy = keys.repository(
    join(beside, 'policy-my-infra'),
    'alice',
    2,
    'alice',
    'bob',
    'carol',
  )
  const desired = keys.repository(
    join(beside, 'my-infra-desired'),
    'alice',
    2,
    'alice',
    'bob',
    'ci',
  )
  const env = { PROV_HOME: on.home, RAD_HOME: join(beside, '.radicle') }
  const validate = async (...argv: readonly string[]) => {
    const line = ['validate-radicle-governance', ...argv]
    const { code, out, err } = await provHere([...line, '--json'], { cwd: on.workspace, env })
    const text = await provHere(line, { cwd: on.workspace, env })
    t.equal(text.code, code, 'the same exit code for people')
    t.notMatch(text.out + text.err, /\n +at /, 'no stack')
    const said = JSON.parse(out || err) as Said & ErrorReport
    for (const { code, remedy, place } of said.findings ?? []) {
      t.ok(remedy.length > 0 && text.out.includes(code), `${code} has a remedy and is printed`)
      if (code.startsWith('PROV_GOVERNANCE')) t.ok(place?.file, `${code} has a place`)
    }
    return { ...said, code, text: text.out, exit: code }
  }
  /** What is found, as codes with the repository that they are about. */
  const codes = async (...argv: readonly string[]) =>
    (await validate(...argv)).findings.map(({ code, detail }) => [code, detail['repository']])
  const settings = (governance: string) => {
    mkdirSync(join(on.workspace, '.ontoref'), { recursive: true })
    writeFileSync(join(on.workspace, '.ontoref/config.ncl'), `{ governance = ${governance} }`)
  }
  return { on, keys, policy, desired, state, beside, validate, codes, settings, env }
}

const names = { policy: 'policy-my-infra', desired: 'my-infra-desired', state: 'my-infra-state' }

t.test('three repositories that are governed as they should be', async (t) => {
  const { policy, desired, state, validate, settings } = await governed(t)
  policy.change('alice', 'bob', 'policy.ncl', '{}')
  policy.change(
    'carol',
    'alice',
    '.allowed_signers',
    policy.signers(2, 'alice', 'bob', 'carol', 'dan'),
  )
  policy.change('dan', 'carol', 'policy.ncl', '{ a = 1 }')
  desired.change('bob', 'ci', 'desired.ncl', '{}')
  const { exit, repositories, findings, text } = await validate()
  t.same(findings, [])
  t.equal(exit, 0)
  t.match(repositories, [
    { name: names.policy, path: policy.dir, commits: 7, threshold: 2 },
    { name: names.desired, path: desired.dir, commits: 3, threshold: 2 },
    { name: names.state, path: state, delegates: ['ledger@my-infra'] },
  ])
  t.same(repositories[0]?.delegates, ['alice', 'bob', 'carol', 'dan'])
  t.ok((repositories[2]?.commits ?? 0) > 0)
  t.match(text, /ok +policy-my-infra +7 +2 of alice, bob, carol, dan/)
  t.match(text, /governance\.policy\.root names no commit/, 'what cannot be seen is said')
  t.match(text, /not compared with Radicle/)
  for (const { dir, git } of [policy, desired]) {
    const commits = git('alice', 'rev-list', 'HEAD').split('\n')
    const file = 'gpg.ssh.allowedSignersFile=.allowed_signers'
    t.doesNotThrow(
      () => git('alice', '-c', file, 'verify-commit', ...commits),
      `plain git finds ${dir} good by the same file`,
    )
  }
  const root = policy.git('alice', 'rev-list', '--max-parents=0', 'HEAD')
  settings(`{ policy = { root = "${root}" } }`)
  const rooted = await validate()
  t.equal(rooted.exit, 0)
  t.notMatch(rooted.text, /governance\.policy\.root/)
})

t.test('a commit of a stranger in each of them', async (t) => {
  const { policy, desired, state, keys, validate, codes } = await governed(t)
  const inPolicy = policy.commit('mallory', 'policy.ncl', '{ all = true }')
  desired.change('alice', 'mallory', 'desired.ncl', '{}')
  keys.repository(join(dirname(state), 'elsewhere'), 'mallory', 1, 'mallory')
  const stranger = { ...policy, dir: state }
  execFileSync(
    'git',
    ['-C', state, '-c', 'user.name=m', '-c', 'user.email=m@m'].concat(
      [
        '-c',
        'gpg.format=ssh',
        '-c',
        `user.signingkey=${join(dirname(policy.dir), 'keys/mallory')}`,
      ],
      ['commit', '-q', '-S', '--allow-empty', '-m', 'mine'],
    ),
  )
  const { findings, exit } = await validate()
  t.equal(exit, 1)
  t.match(findings[0], {
    code: 'PROV_GOVERNANCE_FOREIGN',
    detail: { repository: names.policy, commit: inPolicy },
    message: /its signature is not one of alice, bob, carol/,
    place: { file: policy.dir },
  })
  t.match(findings[0]?.remedy, `git show --show-signature ${inPolicy}`)
  const found = await codes()
  t.same(found.slice(0, 4), [
    ['PROV_GOVERNANCE_FOREIGN', names.policy],
    ['PROV_GOVERNANCE_QUORUM', names.policy],
    ['PROV_GOVERNANCE_FOREIGN', names.desired],
    ['PROV_GOVERNANCE_QUORUM', names.desired],
  ])
  t.ok(
    found.slice(4).some(([code]) => code === 'PROV_LEDGER_FOREIGN'),
    stranger.dir,
  )
})

t.test('a commit that nobody signed', async (t) => {
  const { policy, validate } = await governed(t)
  const commit = policy.commit('alice', 'policy.ncl', '{}', { signed: false })
  t.match((await validate()).findings, [
    { code: 'PROV_GOVERNANCE_FOREIGN', detail: { commit }, message: /it bears no signature/ },
    { code: 'PROV_GOVERNANCE_QUORUM', message: /with the signatures of nobody; 2 are needed/ },
  ])
})

t.test('one alone decides nothing, whatever the way', async (t) => {
  const ways: Readonly<
    Record<string, (on: Awaited<ReturnType<typeof governed>>) => readonly string[]>
  > = {
    'a commit on main': ({ policy }) => {
      policy.commit('alice', 'policy.ncl', '{}')
      return ['alice']
    },
    'a merge of what is one’s own': ({ policy }) => {
      policy.change('alice', 'alice', 'policy.ncl', '{}')
      return ['alice']
    },
    'a merge that says something else than was signed': ({ policy }) => {
      policy.git('alice', 'checkout', '-q', '-b', 'honest')
      policy.commit('alice', 'policy.ncl', '{}')
      policy.git('bob', 'checkout', '-q', 'main')
      policy.git('bob', 'merge', '-q', '--no-ff', '--no-commit', 'honest')
      policy.commit('bob', 'policy.ncl', '{ all = true }')
      return ['bob']
    },
    'what was signed for another main': ({ policy }) => {
      policy.git('alice', 'checkout', '-q', '-b', 'old')
      policy.commit('alice', 'policy.ncl', '{ old = true }')
      const tree = policy.git('alice', 'rev-parse', 'old^{tree}')
      policy.git('bob', 'checkout', '-q', 'main')
      policy.change('alice', 'bob', 'policy.ncl', '{ strict = true }')
      const merged = policy.git(
        'bob',
        'commit-tree',
        '-S',
        tree,
        '-p',
        'main',
        '-p',
        'old',
        '-m',
        'x',
      )
      policy.git('bob', 'update-ref', 'refs/heads/main', merged)
      return ['bob']
    },
    'a signature that its giver replaced': ({ policy }) => {
      policy.git('bob', 'checkout', '-q', '-b', 'work')
      policy.commit('bob', 'policy.ncl', '{ open = true }')
      const tree = policy.git('bob', 'rev-parse', 'work^{tree}')
      policy.commit('bob', 'policy.ncl', '{ open = false }')
      policy.git('alice', 'checkout', '-q', 'main')
      const words = ['-S', tree, '-p', 'main', '-p', 'work', '-m', 'x']
      policy.git(
        'alice',
        'update-ref',
        'refs/heads/main',
        policy.git('alice', 'commit-tree', ...words),
      )
      return ['alice']
    },
    'two keys of one person': ({ policy }) => {
      const both = policy.signers(2, 'alice', 'alice=alice2', 'bob', 'carol')
      policy.change('bob', 'carol', '.allowed_signers', both)
      policy.change('alice', 'alice2', 'policy.ncl', '{}')
      return ['alice']
    },
    'whom one lets in oneself': ({ policy }) => {
      const more = policy.signers(2, 'alice', 'bob', 'carol', 'eve')
      policy.git('alice', 'checkout', '-q', '-b', 'more')
      policy.commit('alice', '.allowed_signers', more)
      policy.git('alice', 'checkout', '-q', 'main')
      policy.git('eve', 'merge', '-q', '--no-ff', '-S', '-m', 'eve', 'more')
      return ['alice']
    },
  }
  for (const [way, act] of Object.entries(ways)) {
    await t.test(way, async (t) => {
      const on = await governed(t)
      const by = act(on)
      const commit = on.policy.git('alice', 'rev-parse', 'main')
      const { findings, exit } = await on.validate()
      t.equal(exit, 1)
      const quorum = findings.filter(({ code }) => code === 'PROV_GOVERNANCE_QUORUM')
      t.same(
        quorum.map(({ detail }) => detail),
        [{ repository: names.policy, commit, needed: 2, by }],
      )
      t.match(quorum[0]?.remedy, /git merge --no-ff -S/)
    })
  }
})

t.test('who decides is changed by a majority, as in Radicle', async (t) => {
  const { keys, beside, validate, policy } = await governed(t)
  rmSync(policy.dir, { recursive: true })
  const four = ['alice', 'bob', 'carol', 'dan']
  const wide = keys.repository(join(beside, 'policy-my-infra'), 'alice', 2, ...four)
  wide.change('alice', 'bob', 'policy.ncl', '{}')
  t.same((await validate()).findings, [])
  const fewer = wide.signers(2, 'alice', 'bob')
  wide.git('alice', 'checkout', '-q', '-b', 'fewer')
  wide.commit('alice', '.allowed_signers', fewer)
  wide.git('carol', 'commit', '-q', '-S', '--allow-empty', '-m', 'carol agrees')
  wide.git('bob', 'checkout', '-q', 'main')
  const before = wide.git('bob', 'rev-parse', 'main')
  wide.git('bob', 'merge', '-q', '--no-ff', '-S', '-m', 'bob merges', 'fewer')
  t.same((await validate()).findings, [], 'alice, carol and bob are three of four')
  wide.git('bob', 'reset', '-q', '--hard', before)
  wide.change('alice', 'bob', '.allowed_signers', fewer)
  t.match((await validate()).findings, [
    { code: 'PROV_GOVERNANCE_QUORUM', detail: { needed: 3, by: ['alice', 'bob'] } },
  ])
})

t.test('a threshold of one is for development', async (t) => {
  const { keys, policy, desired, codes, validate } = await governed(t)
  for (const one of [policy, desired]) rmSync(one.dir, { recursive: true })
  const alone = keys.repository(policy.dir, 'alice', 1, 'alice')
  keys.repository(desired.dir, 'alice', 1, 'alice', 'ci')
  t.same(await codes(), [
    ['PROV_GOVERNANCE_THRESHOLD', names.policy],
    ['PROV_GOVERNANCE_THRESHOLD', names.desired],
  ])
  t.match((await validate()).findings[0], {
    message: /1 of 1 delegates decide: in production it takes 2 at least/,
    place: { file: join(policy.dir, '.allowed_signers') },
  })
  alone.commit('alice', 'policy.ncl', '{}')
  t.same(await codes('--development'), [])
  t.ok((await codes()).some(([code]) => code === 'PROV_GOVERNANCE_QUORUM'))
  alone.commit('alice', '.allowed_signers', alone.signers(3, 'alice', 'bob'))
  const many = (await validate('--development')).findings
  t.match(many, [{ message: /3 of 2 delegates decide: there are not so many/ }])
})

t.test('CI alone does not decide what is desired', async (t) => {
  const { keys, desired, validate } = await governed(t)
  rmSync(desired.dir, { recursive: true })
  keys.repository(desired.dir, 'alice', 2, 'alice', 'ci', 'ci2')
  t.match((await validate()).findings, [
    {
      code: 'PROV_GOVERNANCE_THRESHOLD',
      detail: { repository: names.desired },
      message: /1 of them are operators, delegates of policy/,
    },
  ])
})

t.test('the ledger has one delegate, and it is the ledger key', async (t) => {
  const { state, keys, validate, codes } = await governed(t)
  const file = join(state, '.git/allowed_signers')
  const good = readFileSync(file, 'utf8')
  const mallory = `mallory namespaces="git" ${keys.publicKey('mallory')}\n`
  appendFileSync(file, mallory)
  t.match((await validate()).findings, [
    {
      code: 'PROV_GOVERNANCE_DELEGATE',
      message: /2 keys stand there, of ledger@my-infra, mallory/,
      place: { file },
    },
  ])
  writeFileSync(file, mallory)
  t.match((await validate()).findings, [
    { code: 'PROV_GOVERNANCE_DELEGATE', message: /the journal enrolled ssh-ed25519 AAAA/ },
  ])
  rmSync(file)
  t.same(await codes(), [['PROV_GOVERNANCE_PROFILE', names.state]])
  writeFileSync(file, good)
  t.same(await codes(), [])
})

t.test('a clone is judged where there is no journal, and that is said', async (t) => {
  const { state, on, beside, validate, codes } = await governed(t)
  const clone = join(beside, 'clone')
  execFileSync('git', ['clone', '-q', state, clone])
  t.same(await codes('--state', clone), [['PROV_GOVERNANCE_PROFILE', names.state]])
  cpSync(join(state, '.git/allowed_signers'), join(clone, '.git/allowed_signers'))
  t.same(await codes('--state', clone), [])
  rmSync(join(on.workspace, '.prov'), { recursive: true })
  const alone = await validate('--state', clone)
  t.same(alone.findings, [])
  t.match(alone.text, /no journal here says which key/)
  execFileSync(
    'git',
    ['-C', clone, '-c', 'user.name=m', '-c', 'user.email=m@m', 'commit', '-q'].concat([
      '--allow-empty',
      '-m',
      'mine',
    ]),
  )
  t.match((await validate('--state', clone)).findings, [{ code: 'PROV_LEDGER_FOREIGN' }])
})

t.test('a repository that is not there, has no main, or has lost an object', async (t) => {
  const { policy, desired, state, codes, validate } = await governed(t)
  for (const [role, { dir }] of Object.entries({ policy, desired, state: { dir: state } })) {
    const nowhere = join(dir, 'nowhere')
    t.same(await codes(`--${role}`, nowhere), [
      ['PROV_GOVERNANCE_ABSENT', names[role as keyof typeof names]],
    ])
    const [missing] = (await validate(`--${role}`, nowhere)).findings
    t.match(missing, { place: { file: nowhere }, remedy: new RegExp(`--${role} <dir>`) })
  }
  policy.git('alice', 'branch', '-q', '-m', 'trunk')
  t.match((await validate()).findings, [{ message: /it has no branch main/ }])
  policy.git('alice', 'branch', '-q', '-m', 'main')
  const tree = policy.git('alice', 'rev-parse', 'HEAD^{tree}')
  rmSync(join(policy.dir, '.git/objects', tree.slice(0, 2), tree.slice(2)))
  t.match((await validate()).findings, [
    { code: 'PROV_GOVERNANCE_ABSENT', message: new RegExp(tree) },
  ])
})

t.test('a history that one person made anew is told by who remembers a commit', async (t) => {
  const { keys, policy, settings, codes } = await governed(t)
  const root = policy.git('alice', 'rev-parse', 'HEAD')
  settings(`{ policy = { root = "${root}" }, desired = { path = "../my-infra-desired" } }`)
  t.same(await codes(), [])
  rmSync(policy.dir, { recursive: true })
  keys.repository(policy.dir, 'bob', 2, 'bob', 'bob2').commit('bob', 'policy.ncl', '{}')
  settings('{}')
  const found = await codes()
  t.notOk(
    found.some(([code]) => code === 'PROV_GOVERNANCE_MOVED'),
    'nobody remembers',
  )
  settings(`{ policy = { root = "${root}" } }`)
  t.same((await codes()).slice(0, 1), [['PROV_GOVERNANCE_MOVED', names.policy]])
})

t.test('rules begin where the settings say: what is older is vouched for', async (t) => {
  const { keys, policy, settings, codes } = await governed(t)
  rmSync(policy.dir, { recursive: true })
  const grown = keys.repository(policy.dir, 'alice', 1, 'alice')
  for (const n of [1, 2, 3]) grown.commit('alice', 'policy.ncl', `{ n = ${n} }`, { signed: n > 2 })
  const root = grown.commit('alice', '.allowed_signers', grown.signers(2, 'alice', 'bob', 'carol'))
  grown.change('bob', 'carol', 'policy.ncl', '{}')
  t.ok((await codes()).length > 0)
  settings(`{ policy = { root = "${root}" } }`)
  t.same(await codes(), [])
})

t.test('who decides is read to the letter', async (t) => {
  const { policy, keys, validate } = await governed(t)
  const rows: Readonly<Record<string, readonly [string, RegExp, number?]>> = {
    'no threshold': [`alice ${keys.publicKey('alice')}\n`, /it says no threshold/],
    'a threshold twice': [`# threshold: 2\n# threshold: 1\n`, /a threshold twice/, 2],
    'a threshold of none': ['# threshold: 0\n', /a threshold of 0 is no number/, 1],
    'another kind of key': ['# threshold: 2\nbob ssh-rsa AAAA\n', /an ssh-ed25519 key/, 2],
    'half a key': ['bob ssh-ed25519 AAAA\n', /the key of bob is none/, 1],
    'a pattern of names': [`*@acme ${keys.publicKey('bob')}\n`, /a line is one name/, 1],
    'one key under two names': [
      `alice ${keys.publicKey('bob')}\nbob ${keys.publicKey('bob')}\n`,
      /bob has the key of alice/,
      2,
    ],
    'a key for something else': [
      `alice namespaces="file" ${keys.publicKey('alice')}\n`,
      /alice may not sign in git/,
      1,
    ],
    'a line that ends some day': [
      `alice valid-before="20300101" ${keys.publicKey('alice')}\n`,
      /a line is one name/,
      1,
    ],
  }
  for (const [what, [text, says, line]] of Object.entries(rows)) {
    rmSync(policy.dir, { recursive: true })
    const made = keys.repository(policy.dir, 'alice', 2, 'alice', 'bob')
    writeFileSync(join(made.dir, '.allowed_signers'), text)
    made.git('alice', 'commit', '-q', '-S', '-a', '--amend', '-m', what)
    const { findings, exit } = await validate()
    t.equal(exit, 1, what)
    t.match(findings[0], { code: 'PROV_GOVERNANCE_PROFILE', message: says }, what)
    if (line !== undefined) t.equal(findings[0]?.place?.line, line, what)
  }
  rmSync(policy.dir, { recursive: true })
  const bare = keys.repository(policy.dir, 'alice', 2, 'alice', 'bob')
  bare.git('alice', 'rm', '-q', '.allowed_signers')
  bare.commit('alice', 'README', 'x')
  t.match((await validate()).findings[0], { message: /there is no \.allowed_signers/ })
})

t.test('settings that say nothing of sense are refused with the file', async (t) => {
  const { settings, validate, on } = await governed(t)
  const rows: readonly [string, RegExp][] = [
    ['[]', /governance is not a record/],
    ['{ polici = {} }', /governance has polici; there are policy, desired, state/],
    ['{ policy = { path = 1 } }', /governance\.policy has a path that is none/],
    ['{ state = { root = "main" } }', /governance\.state has a root that is no commit/],
  ]
  for (const [text, says] of rows) {
    settings(text)
    const said = await validate()
    t.match(said, { exit: 64, message: says })
    t.same(said.place, { file: join(on.workspace, '.ontoref/config.ncl') })
  }
})

t.test('where Radicle knows the repository, it says the same or that is a finding', async (t) => {
  const { keys, policy, beside, validate } = await governed(t)
  const fixture = JSON.parse(
    readFileSync(join(repoRoot, 'test/fixtures/radicle-identity.json'), 'utf8'),
  ) as {
    seeds: readonly string[]
    rid: string
    ref: string
    commit: string
    objects: readonly { type: string; base64: string }[]
  }
  const lines = fixture.seeds.map((seed, at) => {
    const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex')
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    return `delegate${at} ${sshPublicKey(createPublicKey(key))}`
  })
  const written = (threshold: number, ...more: readonly string[]) => {
    rmSync(policy.dir, { recursive: true })
    const made = keys.repository(policy.dir, 'alice', 2, 'alice', 'bob')
    const text = [`# threshold: ${threshold}`, ...lines, ...more, ''].join('\n')
    made.git('alice', 'remote', 'add', 'rad', `rad://${fixture.rid}`)
    writeFileSync(join(made.dir, '.allowed_signers'), text)
    made.git('alice', 'commit', '-q', '-S', '-a', '--amend', '-m', 'x')
  }
  const compared = async () => {
    const { findings, repositories } = await validate('--development')
    const skipped = repositories[0]?.skipped.filter((why) => why.includes('Radicle'))
    const apart = findings.filter(({ code }) => code === 'PROV_GOVERNANCE_RADICLE')
    return { skipped, apart: apart.map(({ message }) => message) }
  }
  written(1)
  const storage = join(beside, '.radicle/storage', fixture.rid)
  t.same(await compared(), {
    skipped: [`not compared with Radicle: ${storage} is not here`],
    apart: [],
  })
  execFileSync('git', ['init', '-q', '--bare', storage])
  const git = (input: Buffer, ...argv: readonly string[]) =>
    execFileSync('git', ['-C', storage, ...argv], { input, encoding: 'utf8' }).trim()
  for (const { type, base64 } of fixture.objects) {
    git(Buffer.from(base64, 'base64'), 'hash-object', '-w', '-t', type, '--stdin')
  }
  git(Buffer.alloc(0), 'update-ref', fixture.ref, fixture.commit)
  t.same(await compared(), { skipped: [], apart: [] }, 'both delegates, threshold 1')
  written(2)
  t.match((await compared()).apart, [/the threshold is 1 there, 2 here/])
  written(1, `alice ${keys.publicKey('alice')}`)
  t.match((await compared()).apart, [/did:key:z6Mk\w+ is none there/])
})
