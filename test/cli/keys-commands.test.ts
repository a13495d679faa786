/** A rule for keys by command lines: drafted, signed on another machine, carried back, applied. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { sampleCopy } from '../support/workspace.ts'
import { provHere } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'

t.test('a root and two of three, from the first declaration to a stolen key', async (t) => {
  const { run, json, root, home } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  for (const actor of ['bob', 'carol'])
    await run('actor', 'create', actor, '--no-seal', '--actor', 'alice')
  t.match(await run('keys', 'status'), { code: 0, out: /any one enrolled person signs/ })
  t.match((await run('doctor')).out, /changes of keys[^]*any one enrolled person/)

  // The machine without a network has no workspace and no keys.
  const away = temporaryFolder(t, { 'stick/.keep': '' }).dir
  const offline = (...argv: readonly string[]) =>
    provHere(argv, { cwd: away, env: { PROV_HOME: join(away, 'none'), USER: 'tester' } })
  const stick = join(away, 'stick')
  t.match(await offline('keys', 'root', 'stick/root.key'), { code: 64, err: /PROV_KEY_PASSPHRASE/ })
  t.match(await offline('keys', 'root', 'stick/root.key', '--no-seal'), {
    code: 0,
    out: /no: whoever/,
  })
  t.equal((await offline('keys', 'root', 'stick/root.key', '--no-seal')).code, 64, 'never replaced')
  t.match(await offline('keys', 'root', 'stick', '--no-seal'), {
    code: 64,
    err: /PROV_KEY_ROOT_FOLDER[^]*prov keys root .*stick\/root\.key/,
  })
  t.match(await run('keys', 'root', join(root, 'root.key'), '--no-seal'), {
    code: 4,
    err: /PROV_CONFIG_HOME_INSIDE/,
  })
  const signers = ['alice', 'bob', 'carol'].flatMap((name) => ['--signer', name])
  const act = join(stick, 'act.json')
  const pub = join(stick, 'root.key.pub')
  const govern = ['keys', 'draft', 'govern', '--root', pub, ...signers, '--out', act] as const
  t.equal((await run(...govern, '--need', '4')).code, 4)
  t.match(await run('keys', 'draft', 'govern', '--root', act, '--out', act), { code: 64 })
  t.match(await run(...govern), {
    code: 0,
    out: /signed by the root key, or by 2 of alice, bob, carol[^]*prov keys sign/,
  })
  t.match(await run('keys', 'apply', act), { code: 4, err: /nobody did yet/ })
  t.equal((await run('keys', 'sign', act, '--actor', 'alice')).code, 0)
  t.match(await run('keys', 'apply', act), {
    code: 4,
    err: /PROV_KEY_RULE_REFUSED.*|under the new rule/,
  })
  t.match(
    await offline('keys', 'sign', 'stick/act.json', '--root', 'stick/root.key', '--dry-run'),
    {
      out: /root key[^]*would be signed; 1 so far/,
    },
  )
  t.match(await offline('keys', 'sign', 'stick/act.json', '--root', 'stick/root.key'), {
    code: 0,
    out: /2 signatures so far/,
  })
  t.match(await run('keys', 'apply', act, '--dry-run'), { code: 0, out: /would be handed in/ })
  t.match(await run('keys', 'apply', act), { code: 0, out: /in force/ })
  t.match(await json('keys', 'status'), { data: { rule: { people: { need: 2 } } } })
  t.match((await run('doctor')).out, /ok +changes of keys +signed by the root key/)

  // One person alone enrols nobody any more, and is told what to do instead.
  await run('actor', 'create', 'dave', '--no-seal', '--no-enrol')
  t.match(await run('actor', 'enrol', 'dave', '--actor', 'alice'), {
    code: 4,
    err: /PROV_KEY_SIGNATURES[^]*prov keys draft/,
  })
  const dave = join(stick, 'dave.json')
  t.equal((await run('keys', 'draft', 'enrol', 'dave', '--group', 'ops', '--out', dave)).code, 0)
  const late = join(stick, 'late.json')
  await run('keys', 'draft', 'enrol', 'dave', '--group', 'dev', '--out', late)
  for (const actor of ['alice', 'bob']) await run('keys', 'sign', dave, '--actor', actor)
  const signed = readFileSync(dave, 'utf8')
  writeFileSync(dave, signed.replace('"ops"', '"dev"'))
  for (const words of ['sign', 'apply']) {
    t.match(await run('keys', words, dave), { code: 64, err: /of something else/ })
  }
  writeFileSync(dave, signed)
  t.equal((await run('keys', 'apply', dave)).code, 0)
  t.match(await json('actor', 'list'), { data: [{}, {}, {}, { actor: 'dave', groups: ['ops'] }] })

  // Drafted before it: the key set moved on.
  await offline('keys', 'sign', late, '--root', 'stick/root.key')
  t.match(await run('keys', 'apply', late), { code: 4, err: /PROV_KEY_SIGNATURES/ })
  const revoke = join(stick, 'revoke.json')
  await run('keys', 'draft', 'revoke', 'bob', '--reason', 'stolen', '--out', revoke)
  await offline('keys', 'sign', revoke, '--root', 'stick/root.key')
  t.equal((await run('keys', 'apply', revoke)).code, 0)
  t.match((await run('actor', 'list')).out, /bob.*revoked by root key/)
  const rotate = join(stick, 'rotate.json')
  t.equal((await run('keys', 'draft', 'rotate', '--out', rotate)).code, 0)
  await offline('keys', 'sign', rotate, '--root', 'stick/root.key')
  t.match(await run('keys', 'apply', rotate), { code: 0, out: /follows/ })
  t.match(await run('audit', 'verify'), { code: 0 })
  t.match(
    (await run('keeper', 'status')).out,
    /PROV_KEY_SIGNATURES/,
    'what was refused is in sight',
  )
  t.notMatch(readFileSync(join(home, 'keys/alice.json'), 'utf8'), /root/)
})

t.test('what is no act is refused by name and place', async (t) => {
  const { dir } = temporaryFolder(t, {})
  const file = join(dir, 'act.json')
  const good = {
    prov: 'act/1',
    workspace: 'w',
    journal: 'j',
    act: 'actor.revoke',
    subject: 'bob',
    reason: '',
    with: { kid: 'k', keys: 3 },
    signatures: [],
  }
  const sign = async (content: string) => {
    writeFileSync(file, content)
    return provHere(['keys', 'sign', file, '--dry-run', '--json'], {
      cwd: dir,
      env: { PROV_HOME: join(dir, 'home') },
    })
  }
  t.match(await sign(JSON.stringify(good)), { code: 0, out: /bob is revoked/ })
  for (const [change, what] of [
    [{ more: 1 }, /no act has a field `more`/],
    [{ prov: 'act/2' }, /act\/1/],
    [{ act: 'op.resolve' }, /none about keys/],
    [{ with: [] }, /`with` is no object/],
    [{ with: { kid: 'k' } }, /no version of a key set/],
    [{ signatures: [1] }, /no list of texts/],
    [{ subject: 7 }, /`subject` is no text/],
  ] as const) {
    t.match(await sign(JSON.stringify({ ...good, ...change })), { code: 64, err: what })
  }
  for (const text of ['', '{', '[]', 'null', '\u0000', `"${'x'.repeat(300_000)}"`]) {
    t.match(await sign(text), { code: 64, err: /PROV_KEY_ACT_FILE/ })
  }
})
