/**
 * What people get wrong, through the real command line: each mistake has its own code, its place and
 * a remedy, in text and as JSON; never a stack, and never a change.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import type { ErrorReport } from '../../core/errors.ts'
import { provChild, provHere } from '../support/cli.ts'
import type { Ran } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { infra, once } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'
import { sampleFolder } from '../support/sample.ts'

t.setTimeout(900_000)

interface Mistake {
  readonly says: string
  readonly file: string
  readonly from: string
  readonly to: string
  readonly code: string
  /** Line and column of the place; the text that stands there in the file. */
  readonly at: string
  readonly message: RegExp
  readonly argv?: readonly string[]
  readonly exit?: number
}

const state = '.ontology/state.ncl'
const provisioning = '.ontology/provisioning.ncl'

const mistakes: readonly Mistake[] = [
  {
    says: 'broken Nickel',
    file: state,
    from: 'dimensions = [',
    to: 'dimensions = [ {{ ,',
    code: 'PROV_NCL_PARSE',
    at: '{ ,',
    message: /unexpected `\{`/,
  },
  {
    says: 'an unknown field',
    file: state,
    from: "horizon = 'Weeks,\n      states",
    to: 'horizon = \'Weeks,\n      colour = "red",\n      states',
    code: 'PROV_NCL_CONTRACT',
    at: 'colour = "red"',
    message: /extra field `colour`/,
  },
  {
    says: 'a gate on a missing dimension',
    file: provisioning,
    from: '{ dimension = "observability", at',
    to: '{ dimension = "observabilty", at',
    code: 'PROV_GATE_DIMENSION_UNKNOWN',
    at: '"observabilty", at',
    message: /base-to-monitoring .*observabilty.*did you mean observability\?/,
  },
  {
    says: 'a cycle in connections',
    file: provisioning,
    from: 'upstream = ["cloud-provider-api"]',
    to: 'upstream = ["cloud-provider-api", "app-cluster"]',
    code: 'PROV_CONNECTIONS_CYCLE',
    at: '"infra-base",\n      description',
    message: /circle: infra-base → app-cluster → infra-base/,
  },
  {
    says: 'two dimensions with one id',
    file: state,
    from: 'id = "observability"',
    to: 'id = "cluster_provisioning"',
    code: 'PROV_DIMENSION_TWICE',
    at: '"cluster_provisioning",\n      name = "Observability"',
    message: /dimensions\[1\] is another dimension cluster_provisioning/,
  },
  {
    says: 'a policy with a function in it',
    file: 'keeper_policy.ncl',
    from: 'version = 1,',
    to: 'version = 1,\n    choose = fun op => op,',
    code: 'PROV_POLICY_NOT_DECLARATIVE',
    at: 'fun op => op',
    message: /must not define functions/,
    argv: ['policy', 'activate', '--actor', 'alice'],
    exit: 4,
  },
]

/** Line and column of the nearest text at or before a place, from 1. */
function placeOf(source: string, text: string): { line: number; column: number } {
  const before = source.slice(0, source.indexOf(text)).split('\n')
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 }
}

const noStack = /\n\s+at (?!:)|node:internal|\.js:\d+/

t.test(
  'each mistake in a workspace is told with code, place and remedy, and changes nothing',
  async (t) => {
    for (const mistake of mistakes) {
      const { says, file, from, to, code, at, message, argv = ['state'], exit = 64 } = mistake
      await t.test(says, async (t) => {
        const folder = temporaryFolder(t, { 'my-infra/.keep': '' })
        const workspace = join(folder.dir, 'my-infra')
        cpSync(sampleFolder, workspace, { recursive: true })
        const place = { cwd: workspace, env: { PROV_HOME: join(folder.dir, 'home') } }
        if (argv[0] === 'policy') await provHere(['actor', 'create', 'alice', '--no-seal'], place)
        const source = readFileSync(join(workspace, file), 'utf8')
        const wrong = source.replace(from, to)
        t.not(wrong, source, 'the sample holds what is to be spoilt')
        writeFileSync(join(workspace, file), wrong)
        const where = placeOf(wrong, at)

        const text = await provChild(argv, place)
        t.equal(text.code, exit)
        t.equal(text.out, '')
        t.match(text.err, `error[${code}]: `)
        t.match(text.err, message)
        t.match(text.err, `${file}:${where.line}:${where.column}`)
        t.match(text.err.trimEnd().split('\n').at(-1) ?? '', /^ {2}fix: .*(`prov |\.ncl)/)
        t.notMatch(text.err, noStack)

        const json = await provHere([...argv, '--json'], place)
        t.equal(json.code, exit)
        t.equal(json.out, '')
        const report = JSON.parse(json.err) as ErrorReport
        t.match(report, { code, message, place: where })
        t.ok(report.place?.file.endsWith(file))
        t.match(report.remedy, /`prov |\.ncl/)
        t.notMatch(json.err, noStack)
      })
    }
  },
)

const deploy = ['op', 'submit', 'deploy', 'app-cluster/cert-manager'] as const
const drain = ['op', 'submit', 'drain', 'app-cluster'] as const

/** A command that must be refused: its report, after looking that it is one. */
async function refused(
  t: Test,
  on: Infra,
  argv: readonly string[],
  wanted: { readonly code: string; readonly exit: number },
): Promise<ErrorReport> {
  // Agents read JSON unless they ask for text.
  const text = await on.prov(...argv, '--fmt', 'text')
  t.equal(text.code, wanted.exit, argv.join(' '))
  t.match(text.err, `error[${wanted.code}]: `)
  t.match(text.err, /fix: .*(`prov |\.ncl)/)
  t.notMatch(text.err, noStack)
  const json = await on.prov(...argv, '--json')
  t.equal(json.code, wanted.exit)
  const report = JSON.parse(json.err) as ErrorReport
  t.equal(report.code, wanted.code)
  return report
}

const head = async (on: Infra): Promise<number> =>
  (await on.json<{ records: number }>('journal', 'verify')).records

t.test('what is asked for and not there is named, with the nearest that is', async (t) => {
  const on = await infra(t)
  const type = { code: 'PROV_OP_TYPE_UNKNOWN', exit: 64 }
  t.match(
    (await refused(t, on, ['op', 'submit', 'deplyo', 'app-cluster/cert-manager'], type)).message,
    'did you mean deploy?',
  )
  const target = { code: 'PROV_OP_TARGET_UNKNOWN', exit: 64 }
  t.match(
    (await refused(t, on, ['op', 'submit', 'deploy', 'app-cluster/cert-manger'], target)).message,
    'did you mean app-cluster/cert-manager?',
  )
  const dimension = { code: 'PROV_OP_DIMENSION_UNKNOWN', exit: 64 }
  const move = ['op', 'submit', 'dimension.transition', 'observabilty', '--param', 'to=full_stack']
  t.match((await refused(t, on, move, dimension)).message, 'did you mean observability?')
  await on.prov(...drain, '--op-id', 'nightly-drain')
  const op = { code: 'PROV_OP_NOT_FOUND', exit: 64 }
  t.match(
    (await refused(t, on, ['op', 'show', 'nightly-drian'], op)).message,
    'did you mean nightly-drain?',
  )
})

t.test(
  'a dry run of each changing command changes nothing: the journal ends where it ended',
  async (t) => {
    const on = await infra(t)
    await on.prov(...drain, '--op-id', 'held')
    const before = await head(on)
    for (const argv of [
      deploy,
      ['op', 'approve', 'held', '--actor', 'bob', '--reason', 'fine'],
      ['op', 'reject', 'held', '--actor', 'bob', '--reason', 'no'],
      ['op', 'withdraw', 'held', '--reason', 'no'],
      ['policy', 'activate'],
      ['keeper', 'mode', 'manual'],
      ['actor', 'create', 'carol', '--no-seal'],
    ]) {
      const { code, err } = await on.prov(...argv, '--dry-run')
      t.equal(code, 0, `${argv.join(' ')}: ${err}`)
    }
    t.equal(await head(on), before)
    t.equal((await on.row('held')).phase, 'held')
  },
)

t.test('who may not decide is refused, and the attempt stands in the trail', async (t) => {
  const on = await infra(t)
  await on.prov('actor', 'create', 'bot', '--kind', 'agent')
  await on.prov(...drain, '--op-id', 'd')
  const before = await on.row('d')
  const vote = (who: string) => ['op', 'approve', 'd', '--actor', who, '--reason', 'x']
  await refused(t, on, vote('alice'), { code: 'PROV_OP_SELF_APPROVAL', exit: 4 })
  await refused(t, on, vote('bot'), { code: 'PROV_OP_AGENT_APPROVAL', exit: 4 })
  const foreign = ['op', 'withdraw', 'd', '--actor', 'bob', '--reason', 'x']
  await refused(t, on, foreign, { code: 'PROV_OP_NOT_YOURS', exit: 4 })
  t.match(await on.row('d'), { phase: before.phase, votes: [] })
  const codes = (await on.events())
    .filter(({ type }) => type === 'prov.token.refused')
    .map(({ data }) => (data as { code: string }).code)
  for (const code of ['PROV_OP_SELF_APPROVAL', 'PROV_OP_AGENT_APPROVAL', 'PROV_OP_NOT_YOURS']) {
    t.ok(codes.includes(code), `${code} is audited`)
  }
})

t.test('two keys of one user are not two people where the rule wants them apart', async (t) => {
  const on = await infra(t)
  on.edit(
    'keeper_policy.ncl',
    'destructive = true, quorum = { at_least = 1 }',
    "destructive = true, quorum = { at_least = 1, custody = 'separate }",
  )
  t.equal((await on.prov('policy', 'activate')).code, 0)
  await on.prov(...drain, '--op-id', 'd')
  const vote = ['op', 'approve', 'd', '--actor', 'bob', '--reason', 'x']
  await refused(t, on, vote, { code: 'PROV_OP_SHARED_CUSTODY', exit: 4 })
  t.equal((await on.row('d')).phase, 'held')
})

t.test('an operation against a state that moved is a conflict, for whoever asks', async (t) => {
  const on = await infra(t)
  await on.prov(...deploy, '--op-id', 'first')
  await on.prov(...deploy, '--op-id', 'second')
  const approve = (op: string) => ['op', 'approve', op, '--actor', 'bob', '--reason', 'fine']
  t.equal((await on.prov(...approve('first'))).code, 0)
  const moved = await on.prov(...approve('second'), '--json')
  t.equal(moved.code, 6)
  t.match(await on.row('second'), { phase: 'refused', code: 'PROV_OP_VERSION_MOVED' })
  t.same(on.marks(), once.deploy, 'it touched nothing')
  const events = (await on.events('second')).map(({ type }) => type)
  t.ok(events.includes('prov.op.refused'), 'and is audited')
})

t.test('an operation submitted again gives the same answer and exit code', async (t) => {
  const on = await infra(t)
  const same = async (argv: readonly string[], code: number): Promise<void> => {
    const answers: Ran[] = []
    for (let time = 0; time < 2; time++) answers.push(await on.prov(...argv, '--json'))
    t.same(
      answers.map((ran) => ran.code),
      [code, code],
      argv.join(' '),
    )
    const [one, two] = answers.map(({ out }) => JSON.parse(out) as object)
    t.same({ ...two, duplicate: true }, { ...one, duplicate: true })
  }
  await same(['op', 'submit', 'restart', 'monitoring/grafana', '--op-id', 'r'], 0)
  t.same(on.marks(), once.restart, 'and happened once')
  await same([...drain, '--op-id', 'h'], 5)
  const reject = ['op', 'reject', 'h', '--actor', 'bob', '--reason', 'not today']
  t.match(JSON.parse((await on.prov(...reject, '--json')).out), {
    phase: 'refused',
    code: 'PROV_OP_REJECTED',
    why: 'bob rejected it: not today',
  })
  await same([...drain, '--op-id', 'h'], 4)
  const reused = ['op', 'submit', 'restart', 'monitoring/grafana', '--op-id', 'h']
  await refused(t, on, reused, { code: 'PROV_OP_ID_REUSED', exit: 64 })
})

t.test('what one took back oneself does not run, and nobody can approve it', async (t) => {
  const on = await infra(t)
  await on.prov(...drain, '--op-id', 'w')
  const taken = await on.prov('op', 'withdraw', 'w', '--reason', 'wrong cluster', '--json')
  t.equal(taken.code, 0)
  t.match(JSON.parse(taken.out), { phase: 'withdrawn', why: 'alice withdrew it: wrong cluster' })
  const vote = ['op', 'approve', 'w', '--actor', 'bob', '--reason', 'x']
  await refused(t, on, vote, { code: 'PROV_OP_NOT_HELD', exit: 6 })
  t.same(on.marks(), [])
})
