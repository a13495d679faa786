/** Handing a plane over: whole or not at all, sealed, once. */
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { planeNames } from '../../core/protocol/planes.ts'
import { provChild, provHere } from '../support/cli.ts'
import { infra } from '../support/infra.ts'
import { keysIn } from './four.ts'

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

  // It loses its journal and keeps its key.
  const lost = join(folder, 'lost.plane')
  const grant = (plane: string) => ['plane', 'export', plane, '--lost', '--out', lost]
  t.equal(await code(grant('controller')), 'PROV_PLANE_ELSEWHERE')
  t.equal(
    await code(grant('keeper'), there('a')),
    'PROV_PLANE_ELSEWHERE',
    'it grants itself nothing',
  )
  t.equal(await code(grant('keeper')), 'good')
  t.notMatch(readFileSync(lost, 'utf8'), /"secret"/)
  t.match(readFileSync(lost, 'utf8'), /"keeper_epoch":2/)
  t.equal(await code(['plane', 'join', lost], there('none')), 'PROV_KEY_ABSENT')
  const anew = at(join(folder, 'home-a'), join(folder, 'state-anew'), 'right')
  t.equal(await code(['plane', 'join', lost], anew), 'good')

  // Another one in the very folder of the lost journal, which then comes back.
  const place = there('a')
  Object.assign(place.env, { NATS_URL: 'nats://127.0.0.1:1' })
  const run = () => code(['plane', 'run'], place)
  t.equal(await run(), 'PROV_BUS_UNREACHABLE', 'it was opened once')
  const [own, aside] = ['state-a', 'aside'].map((name) => join(folder, name)) as [string, string]
  renameSync(own, aside)
  t.equal(await run(), 'PROV_JOURNAL_GONE')
  t.equal(await code(['plane', 'join', lost], there('a')), 'good')
  t.equal(await run(), 'PROV_BUS_UNREACHABLE', 'it may take the place of the one that was lost')
  rmSync(own, { recursive: true })
  renameSync(aside, own)
  t.equal(await run(), 'PROV_JOURNAL_REPLACED', 'and that one may not come back')
})

type Lives = readonly {
  readonly plane: string
  readonly here: boolean
  readonly unfinished: string | null
}[]

for (const plane of ['keeper', 'controller'] as const) {
  for (const point of ['moved', 'written', 'dropped', 'named'] as const) {
    t.test(`a hand-over of ${plane} killed when it was ${point} ends with one key`, async (t) => {
      const on = await infra(t)
      const folder = dirname(on.workspace)
      const secret = join(folder, 'secret')
      writeFileSync(secret, 'right\n', { mode: 0o600 })
      const env = { PROV_HOME: on.home, PROV_PASSPHRASE_FILE: secret }
      const origin = { cwd: on.workspace, env }
      {
        await using prov = await on.open()
        await prov.read('ops')
      }
      const file = join(folder, `${plane}.plane`)
      const give = ['plane', 'export', plane, '--out', file]
      await provChild(give, { ...origin, env: { ...env, PROV_CRASH_AT: `plane.${point}` } })
      const own = () => keysIn(on.home).filter((name) => name.startsWith(plane)).length
      const joinable = existsSync(file)
      const where = { moved: [1, 0], written: [1, 0], dropped: [0, 0], named: [0, 1] } as const
      t.same([Number(own() > 0), Number(joinable)], where[point], 'never in two places')
      const list = JSON.parse((await provHere(['plane', 'list', '--json'], origin)).out) as Lives
      const row = list.find((one) => one.plane === plane)
      t.match(row, { here: false, unfinished: file }, 'and it is told that it runs nowhere')
      const other = await provHere([...give.slice(0, -1), `${file}.2`, '--json'], origin)
      if (point === 'dropped' || point === 'named') {
        t.match(JSON.parse(other.err), { code: 'PROV_PLANE_UNFINISHED' })
        const again = await provHere(give, origin)
        t.equal(again.code, 0, again.err)
      } else {
        t.equal(other.code, 0, 'while the key is here any file will do')
        t.notOk(existsSync(file))
      }
      t.equal(own(), 0)
      const bundle = existsSync(file) ? file : `${file}.2`
      const there = {
        cwd: on.workspace,
        env: { ...env, PROV_HOME: join(folder, 'there'), PROV_STATE: join(folder, 'state') },
      }
      const joined = await provHere(['plane', 'join', bundle], there)
      t.equal(joined.code, 0, joined.err)
      const after = JSON.parse((await provHere(['plane', 'list', '--json'], origin)).out) as Lives
      t.match(
        after.find((one) => one.plane === plane),
        { here: false, unfinished: null },
      )
      const left = readdirSync(folder).filter((name) => name.includes('.plane'))
      t.equal(left.length, 1, `one bundle: ${left.join()}`)
    })
  }
}
