/**
 * `prov demo`: the whole of Prov on a copy of the sample workspace, in about twenty seconds. Two
 * operations, one that the policy signs and one that waits for a second person; a dimension moves, a
 * gate opens, and plain git verifies the ledger. Everything happens in a temporary folder, which
 * stays for further tries.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  contract,
  createRuntime,
  defineCommand,
  formatDuration,
  keeperDesk,
  keyStore,
  ledger,
  type CommandContext,
  type OpEnd,
  type Paint,
  type Runtime,
} from 'prov'
import { demoErrors } from './errors.ts'
import { sampleFolder } from './sample.ts'

const run = promisify(execFile)

interface OpStory {
  readonly op: string
  readonly type: string
  readonly target: string
  readonly outcome: OpEnd['outcome']
  readonly why: string
}

interface DemoStory {
  readonly folder: string
  readonly home: string
  readonly automatic: OpStory
  readonly held: OpStory
  readonly applied: OpStory
  readonly moved: { readonly dimension: string; readonly from: string; readonly to: string }
  readonly gate: { readonly id: string; readonly before: string; readonly after: string }
  readonly ledger: {
    readonly path: string
    readonly commits: number
    readonly verified: number
    readonly by: string
  }
  readonly tookMs: number
}

export const command = defineCommand({
  pattern: 'demo',
  describe: 'the whole story on a copy of the sample workspace: propose, judge, sign, run, verify',
  group: 'Tools',
  examples: [
    ['prov demo', 'watch it happen; the copy stays for further tries'],
    ['prov demo --json', 'the same as data'],
  ],
  flags: {},
  run: (_, context) => demo(context),
  render: (story, paint) => lines(story, paint),
})

async function demo(context: CommandContext): Promise<DemoStory> {
  const { clock, progress } = context
  const started = clock.monotonic()
  const folder = await mkdtemp(join(tmpdir(), 'prov-demo-'))
  try {
    const workspace = join(folder, 'my-infra')
    const home = join(folder, 'home')
    await cp(sampleFolder(), workspace, { recursive: true })
    progress(`1/7  a copy of the sample workspace: ${workspace}`)

    await using prov = await createRuntime({ workspace, home, clock })
    await people(prov)
    const { version } = await prov.service(keeperDesk).activatePolicy({ as: 'alice' })
    progress(
      `2/7  two people with a key each, alice and bob; alice activates policy version ${version}`,
    )

    const before = await standing(prov)
    for (const row of before.state) progress(`       ${row.id}: ${row.current} → ${row.desired}`)
    for (const row of await next(prov)) progress(`       next: ${row}`)
    const shut = before.gates.find(({ status }) => status !== 'open')
    if (!shut) throw demoErrors.PROV_DEMO_UNEXPECTED({ what: 'no gate of the sample is closed' })
    progress(
      `3/7  ${before.state.length} dimensions and ${before.gates.length} gates are live; ${shut.id} is ${shut.status}`,
    )

    const automatic = await propose(prov, context, {
      type: 'restart',
      target: 'monitoring/grafana',
      as: 'alice',
    })
    expect(automatic, 'applied')
    progress(
      `4/7  the policy signed ${automatic.type} of ${automatic.target} by itself: ${automatic.outcome}`,
    )

    const held = await propose(prov, context, {
      type: 'deploy',
      target: 'app-cluster/cert-manager',
      as: 'alice',
    })
    expect(held, 'held')
    progress(`5/7  ${held.why}`)

    await prov
      .service(keeperDesk)
      .vote({ op: held.op, as: 'bob', decision: 'approve', reason: 'looked at the plan' })
    const end = await prov.op(held.op).settled({ timeoutMs: 60_000, signal: context.signal })
    const applied = { ...held, outcome: end.outcome, why: end.why ?? '' }
    expect(applied, 'applied')
    const after = await standing(prov)
    const moved = before.state.flatMap((row) => {
      const to = after.state.find(({ id }) => id === row.id)?.current
      return to !== undefined && to !== row.current
        ? [{ dimension: row.id, from: row.current, to }]
        : []
    })[0]
    if (!moved) throw demoErrors.PROV_DEMO_UNEXPECTED({ what: 'no dimension moved' })
    const now = after.gates.find(({ id }) => id === shut.id)?.status ?? 'gone'
    progress(
      `6/7  bob approved; ${moved.dimension} moved from ${moved.from} to ${moved.to}, gate ${shut.id} is ${now}`,
    )

    const book = prov.service(ledger)
    const { commits } = await book.settled({ signal: context.signal })
    const path = await book.path()
    const { verified, by } = await verify(path)
    progress(`7/7  the ledger holds ${commits} commits; ${by} accepts ${verified} of them`)
    return {
      folder: workspace,
      home,
      automatic,
      held,
      applied,
      moved,
      gate: { id: shut.id, before: shut.status, after: now },
      ledger: { path, commits, verified, by },
      tookMs: Math.round(clock.monotonic() - started),
    }
  } catch (thrown) {
    await rm(folder, { recursive: true, force: true })
    throw thrown
  }
}

/** Two people, as a team has them; both keys lie on this machine, so custody is shared and says so. */
async function people(prov: Runtime): Promise<void> {
  const keys = prov.service(keyStore)
  const trust = prov.service(contract)
  for (const actor of ['alice', 'bob']) {
    const record = await keys.create({ actor, kind: 'human', passphrase: '' })
    await trust.enrol({ record, as: 'alice' })
  }
}

interface Standing {
  readonly state: readonly {
    readonly id: string
    readonly current: string
    readonly desired: string
  }[]
  readonly gates: readonly { readonly id: string; readonly status: string }[]
}

async function standing(prov: Runtime): Promise<Standing> {
  return {
    state: (await prov.read('state')) as Standing['state'],
    gates: (await prov.read('gates')) as Standing['gates'],
  }
}

async function next(prov: Runtime): Promise<readonly string[]> {
  const rows = (await prov.read('next')) as readonly {
    readonly dimension: string
    readonly to: string
    readonly blocker?: string
    readonly catalyst?: string
  }[]
  return rows.map(({ dimension, to, blocker, catalyst }) => {
    const hint =
      blocker !== undefined
        ? ` (blocked: ${blocker})`
        : catalyst !== undefined
          ? ` (${catalyst})`
          : ''
    return `${dimension} → ${to}${hint}`
  })
}

async function propose(
  prov: Runtime,
  context: CommandContext,
  proposal: { readonly type: string; readonly target: string; readonly as: string },
): Promise<OpStory> {
  const op = await prov.submit(proposal)
  const end = await op.settled({ timeoutMs: 60_000, signal: context.signal })
  return {
    op: op.id,
    type: proposal.type,
    target: proposal.target,
    outcome: end.outcome,
    why: end.why ?? '',
  }
}

function expect(story: OpStory, outcome: OpEnd['outcome']): void {
  if (story.outcome === outcome) return
  const what = `${story.type} of ${story.target} ended ${story.outcome}, not ${outcome}: ${story.why}`
  throw demoErrors.PROV_DEMO_UNEXPECTED({ what })
}

/** What a stranger would type; without git the count is zero and says so. */
async function verify(path: string): Promise<{ readonly verified: number; readonly by: string }> {
  try {
    await run('git', ['--version'])
  } catch {
    return { verified: 0, by: 'git (not installed)' }
  }
  const { stdout } = await run('git', ['-C', path, 'rev-list', 'HEAD'])
  let verified = 0
  for (const commit of stdout.trim().split('\n')) {
    await run('git', ['-C', path, 'verify-commit', commit])
    verified++
  }
  return { verified, by: 'git verify-commit' }
}

function lines(story: DemoStory, paint: Paint): readonly string[] {
  const { automatic, applied, moved, gate, ledger: book } = story
  const done = (op: OpStory) => `${paint.good('✓')} ${op.type} ${op.target}`
  return [
    '',
    `${done(automatic)}  ${paint.dim('signed by policy, run once on a machine of its own')}`,
    `${done(applied)}  ${paint.dim('held, approved by a second person, run once')}`,
    `${paint.good('✓')} ${moved.dimension} moved ${moved.from} → ${paint.bold(moved.to)}`,
    `${paint.good('✓')} gate ${gate.id}: ${gate.before} → ${paint.bold(gate.after)}`,
    `${paint.good('✓')} ${book.verified} of ${book.commits} signed commits accepted by ${book.by}`,
    '',
    `It took ${formatDuration(story.tookMs)}. The workspace is still there; try next:`,
    '',
    `  cd ${story.folder}`,
    `  export PROV_HOME=${story.home} PROV_ACTOR=alice`,
    '  prov state              where every dimension stands',
    '  prov next               what can move, what blocks it, what would help',
    '  prov gates              open, partial or closed, and why',
    `  prov op show ${applied.op}`,
    '  prov audit verify       check every signature and chain again',
    `  git -C ${book.path} log --show-signature`,
    '',
    paint.dim(
      'Here `prov` stands for `node dist/core/cli/main.js` of this repository, or `npm link` once.',
    ),
  ]
}
