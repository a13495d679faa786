/**
 * A person saves `state.ncl` while an operation that moves the same dimension is somewhere between
 * its proposal and its ledger entry (D-31), and whoever writes is killed there: before the claim one
 * of the two wins and the other one is told, from the claim on the edit waits. Either way both end,
 * and every version of the dimension is somebody's.
 *
 * PROV_SOAK=1 saves at every point, a test run at some; PROV_SEED says which, and repeats a run.
 */
import t from 'tap'
import type { Test } from 'tap'
import { systemClock } from '../../core/clock.ts'
import { isAudit } from '../../core/protocol/audit.ts'
import { contract } from '../../core/protocol/services.ts'
import { infra, once } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'
import { seeded } from '../support/power.ts'

t.setTimeout(1_800_000)

const soak = process.env['PROV_SOAK'] !== undefined
const seed = Number(process.env['PROV_SEED'] ?? systemClock.now() % 1_000_000)
t.comment(`PROV_SEED=${seed} repeats the choice of this run`)
const random = seeded(seed)

const dimension = 'cluster_provisioning'
const submit = ['op', 'submit', 'deploy', 'app-cluster/cert-manager', '--op-id', 'the-op'] as const
const approve = ['op', 'approve', 'the-op', '--actor', 'bob', '--reason', 'looked'] as const

const early = ['submit', 'inbox', 'judged'] as const
const between = ['approved'] as const
const late = ['claim', 'effect.started', 'effect.done', 'result', 'mirrored:2'] as const
const one = <P>(points: readonly P[]): readonly P[] =>
  soak ? points : [points[Math.floor(random() * points.length)] as P]

const save = (on: Infra, from: string, to: string, file = '.ontology/state.ncl'): void =>
  on.edit(file, `current_state = "${from}"`, `current_state = "${to}"`)

/** Starts Prov until nothing runs and nothing waits for the next start. */
async function live(on: Infra, wanted: number): Promise<void> {
  for (let start = 0; start < 4; start++) {
    await using prov = await on.open()
    const { store } = prov.service(contract)
    const open = () => [...store.get().open.values()].filter(({ phase }) => phase !== 'held')
    while (open().length > 0) await new Promise<void>((turn) => systemClock.after(20, turn))
    if (store.get().ops.size >= wanted) return
  }
}

interface Row {
  readonly op: string
  readonly type: string
  readonly phase: string
  readonly code?: string
}

/** Both have one end, every version is somebody's, and nothing is left. */
async function whole(t: Test, on: Infra): Promise<readonly Row[]> {
  const rows = await on.json<readonly Row[]>('op', 'list')
  const moves: number[] = []
  for (const event of await on.events()) {
    if (!isAudit(event, 'op.applied')) continue
    moves.push(...event.data.moves.map(({ version }) => version))
  }
  t.same(
    moves,
    Array.from({ length: moves.length }, (_, n) => n + 1),
    'versions have no gap',
  )
  const state = await on.json<readonly { id: string; version: number }[]>('state')
  t.match(
    state.find(({ id }) => id === dimension),
    { version: moves.length },
  )
  const applied = rows.some(({ op, phase }) => op === 'the-op' && phase === 'applied')
  t.same(on.marks(), applied ? once.deploy : [], 'the work was done once, or not at all')
  t.same(await on.faults(), [])
  return rows
}

for (const point of [...one(early), ...between, ...one(late)]) {
  t.test(`saved when it was killed at ${point}`, async (t) => {
    const on = await infra(t)
    const before = early.some((name) => name === point)
    if (!before) t.equal((await on.prov(...submit)).code, 5)
    const { err } = await on.child(before ? submit : approve, { PROV_CRASH_AT: point })
    t.match(err, 'SIGKILL')
    save(on, 'bootstrapped', 'bare')
    await live(on, 2)
    const rows = await whole(t, on)
    const row = (type: string) => rows.find((found) => found.type === type)
    const [op, edit] = [row('deploy'), row('dimension.declare')]
    const told = /^PROV_OP_(VERSION_MOVED|WRITE_SET_HELD|FROM_STATE)$/
    if (before) {
      t.match(edit, { phase: 'applied' }, 'nothing was claimed: the word of the person counts')
      t.match(op, { phase: 'refused', code: told })
    } else if (point === 'approved') {
      // The next start claims and proposes side by side: whoever is first counts, and the other one is
      // told, unless the claim came so early that the edit is proposed behind it.
      const refused = [op, edit].find((found) => found?.phase === 'refused')
      const applied = [op, edit].filter((found) => found?.phase === 'applied')
      t.equal(applied.length, refused ? 1 : 2, 'one of them was first')
      if (refused) t.match(refused.code, told)
    } else {
      t.match(op, { phase: 'applied' }, 'what was claimed goes on')
      t.match(edit, { phase: 'applied' }, 'and the edit came after it')
    }
  })
}

t.test('killed between the proposal of an edit and the note of it: proposed once', async (t) => {
  const on = await infra(t)
  const restart = ['op', 'submit', 'restart', 'monitoring/grafana', '--op-id', 'r']
  save(on, 'bootstrapped', 'bare')
  save(on, 'partial', 'blind')
  for (const at of ['submit', 'submit:2', 'declared']) {
    const { err } = await on.child(restart, { PROV_CRASH_AT: at })
    t.match(err, 'SIGKILL', at)
  }
  t.equal((await on.prov(...restart)).code, 0)
  const edits = (await on.json<readonly Row[]>('op', 'list')).filter(
    ({ type }) => type === 'dimension.declare',
  )
  t.match(edits, [{ phase: 'applied' }, { phase: 'applied' }])
  t.equal(edits.length, 2, 'one for each dimension')
  t.same(await on.faults(), [])
})
