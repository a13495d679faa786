/** Handing a plane over: whole or not at all, sealed, once. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { planeNames } from '../../core/protocol/planes.ts'
import { provHere } from '../support/cli.ts'
import { infra } from '../support/infra.ts'

t.setTimeout(300_000)

t.test('a plane is handed over sealed and once, and joined whole or not at all', async (t) => {
  const on = await infra(t)
  const folder = dirname(on.workspace)
  const secret = (text: string): string => {
    const file = join(folder, `secret-${text}`)
    writeFileSync(file, `${text}\n`, { mode: 0o600 })
    return file
  }
  const at = (home: string, state: string, passphrase: string) => ({
    cwd: on.workspace,
    env: { PROV_HOME: home, PROV_STATE: state, PROV_PASSPHRASE_FILE: secret(passphrase) },
  })
  const origin = at(on.home, join(on.workspace, '.prov'), 'right')
  const code = async (argv: readonly string[], place = origin): Promise<string> => {
    const { err } = await provHere([...argv, '--json'], place)
    return err === '' ? 'good' : String((JSON.parse(err) as { code: string }).code)
  }
  const file = join(folder, 'keeper.plane')
  const give = ['plane', 'export', 'keeper', '--out', file]
  t.equal(await code(['plane', 'export', 'king', '--out', file]), 'PROV_PLANE_UNKNOWN')
  t.equal(
    await code(give, { ...origin, env: { ...origin.env, PROV_PASSPHRASE_FILE: secret('') } }),
    'PROV_PLANE_PASSPHRASE',
  )
  {
    await using prov = await on.open()
    const { id } = await prov.submit({
      opId: 'op_1',
      type: 'deploy',
      target: 'app-cluster/cert-manager',
      as: 'alice',
    })
    await prov.op(id).settled()
  }
  t.equal(await code(give), 'PROV_PLANE_BUSY')
  t.equal((await on.prov('op', 'withdraw', 'op_1', '--reason', 'later')).code, 0)
  t.equal(await code([...give, '--dry-run']), 'good')
  t.notOk(existsSync(file))

  t.equal(await code(give), 'good')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(
    await code([...give.slice(0, -1), `${file}.2`]),
    'PROV_PLANE_ELSEWHERE',
    'its key is gone',
  )
  const lives = JSON.parse((await provHere(['plane', 'list', '--json'], origin)).out) as Lives
  t.same(
    lives.map(({ plane, here }) => [plane, here]),
    planeNames.map((plane) => [plane, plane !== 'keeper']),
  )

  const there = (name: string, passphrase = 'right') =>
    at(join(folder, `home-${name}`), join(folder, `state-${name}`), passphrase)
  const text = readFileSync(file, 'utf8')
  const lines = text.trimEnd().split('\n')
  const spoilt = (name: string, content: string): readonly string[] => {
    writeFileSync(join(folder, name), content)
    return ['plane', 'join', join(folder, name)]
  }
  const cut = `${lines.slice(0, -1).join('\n')}\n`
  const changed = text.replace('"hybrid"', '"auto"').replace('"by":"alice"', '"by":"mallory"')
  t.not(changed, text)
  t.equal(await code(spoilt('cut', cut), there('a')), 'PROV_PLANE_BUNDLE_INVALID')
  t.equal(await code(spoilt('changed', changed), there('a')), 'PROV_PLANE_BUNDLE_INVALID')
  t.equal(await code(spoilt('other', 'hello\n'), there('a')), 'PROV_PLANE_BUNDLE_INVALID')
  t.equal(await code(['plane', 'join', file], there('a', 'wrong')), 'PROV_PLANE_PASSPHRASE')
  t.notOk(existsSync(join(folder, 'state-a', 'journal')), 'nothing was begun')
  t.equal(await code(['plane', 'join', file], there('a')), 'good')
  t.equal(await code(['plane', 'join', file], there('a')), 'PROV_PLANE_OCCUPIED')
  const verified = await provHere(['audit', 'verify', '--json'], there('a'))
  t.match(JSON.parse(verified.out), { events: lines.length - 1, findings: [] })
})

type Lives = readonly { readonly plane: string; readonly here: boolean }[]
