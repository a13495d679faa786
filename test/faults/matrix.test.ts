/**
 * kill -9 at every named point, at its first, fifth and tenth pass, of real processes: all planes in
 * one over the journal alone, in one over a real server, and each in a process of its own. What a
 * death leaves is what the next life finds, so the deaths of a row are told apart only by what their
 * operations came to.
 *
 * PROV_SOAK=1 runs all of it, a test run some; PROV_SEED says which, and repeats a run.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { systemClock } from '../../core/clock.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import type { PlaneName } from '../../core/protocol/planes.ts'
import { contract } from '../../core/protocol/services.ts'
import { four } from '../planes/four.ts'
import type { Four, Process } from '../planes/four.ts'
import { runChild } from '../support/child.ts'
import { infra, once } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'
import { findNatsServer, howToInstall, natsServer } from '../support/nats-server.ts'
import { seeded } from '../support/power.ts'
import { apart, embedded, served, someOf, submitting, titleOf } from './matrix.ts'
import type { Cell } from './matrix.ts'

t.setTimeout(3_600_000)

const soak = process.env['PROV_SOAK'] !== undefined
const seed = Number(process.env['PROV_SEED'] ?? systemClock.now() % 1_000_000)
t.comment(`PROV_SEED=${seed} repeats the deaths of this run`)
const random = seeded(seed)
const some = <C extends Cell>(cells: readonly C[], most: number): readonly C[] =>
  someOf(cells, soak ? cells.length : most, random)

const restart = { type: 'restart', target: 'monitoring/grafana', as: 'alice' } as const
const path = findNatsServer()
const skip = path === undefined && howToInstall

/** Names of operations, each used once. */
const named = (cell: Cell, attempt: number, where = 'here'): readonly string[] =>
  Array.from(
    { length: cell.inTurn ? Math.ceil(cell.pass / 2) : cell.pass },
    (_, n) => `op-${where}-${titleOf(cell).replaceAll(/\W/g, '-')}-${attempt}-${n}`,
  )

/** One life: drives operations to their end, or dies on the way. */
async function life(
  on: Infra,
  given: { server: string; ops: readonly string[]; cell?: Cell },
): Promise<'done' | 'died'> {
  const { server, ops, cell } = given
  if (cell) process.env['PROV_CRASH_AT'] = titleOf(cell)
  const how = cell?.inTurn === true ? 'in turn' : 'at once'
  const child = runChild('campaign', [on.workspace, on.home, server, how, ...ops])
  delete process.env['PROV_CRASH_AT']
  await child.atLeast(Infinity)
  return child.lines.at(-1) === 'done' ? 'done' : 'died'
}

/** Kills at each cell in turn, each time in what the death before it left. Answers all operations. */
async function kills(t: Test, on: Infra, cells: readonly Cell[], server = '') {
  const all: string[] = []
  for (const cell of cells) {
    let died = false
    for (let attempt = 0; attempt < 6 && !died; attempt++) {
      const ops = named(cell, attempt)
      all.push(...ops)
      died = (await life(on, { ops, cell, server })) === 'died'
    }
    t.ok(died, `it died at ${titleOf(cell)}`)
  }
  t.equal(await life(on, { ops: all, server }), 'done', 'the last life brings all to their end')
  return all
}

const ends = /^prov\.op\.(applied|failed|refused|expired|withdrawn|in_doubt)$/

/** Each operation has one of each, and one end. */
function endedOnce(t: Test, ops: readonly string[], events: readonly AuditEvent[]): void {
  const wrong = ops.flatMap((op) => {
    const types = events.filter(({ subject }) => subject === op).map(({ type }) => type)
    const count = (type: string) => types.filter((one) => one === `prov.op.${type}`).length
    const counts = ['submitted', 'approved', 'claimed', 'applied'].map(count)
    const whole =
      counts.every((one) => one === 1) && types.filter((one) => ends.test(one)).length === 1
    return whole ? [] : [`${op}: ${types.join(' ')}`]
  })
  t.same(wrong, [], `each of ${ops.length} operations ended once`)
}

/** Files that only live while somebody works, below the folders of Prov. */
function leftovers(...folders: readonly string[]): readonly string[] {
  const passing = /\.tmp$|\.lock$|\.sock$|^claim-|^release-|^tmp_|\.[0-9a-f]{8}-[0-9a-f-]{27}$/
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .map(String)
      .filter((file) => passing.test(file.slice(file.lastIndexOf('/') + 1))),
  )
}

async function whole(t: Test, on: Infra, ops: readonly string[]): Promise<void> {
  endedOnce(t, ops, await on.events())
  const marks = ops.flatMap(() => once.restart).sort()
  t.same([...on.marks()].sort(), marks, 'every step ran once')
  t.same(await on.faults(), [], 'journal, trail, ledger, numbers, lock and machines are whole')
  t.same(leftovers(join(on.workspace, '.prov'), on.home), [], 'nothing is left behind')
}

/** Few enough that a failure says where to look. */
const rowsOf = <C>(cells: readonly C[]): readonly (readonly C[])[] =>
  Array.from({ length: Math.ceil(cells.length / 12) }, (_, n) => cells.slice(n * 12, n * 12 + 12))

for (const row of rowsOf(some(embedded, 8))) {
  t.test(`all planes in one process: ${row.map(titleOf).join(' ')}`, async (t) => {
    const on = await infra(t)
    const ops = await kills(t, on, row)
    await whole(t, on, ops)
    for (const at of ['file.written', 'file.named', 'archived'] as const) {
      const { err } = await on.child(['journal', 'archive'], { PROV_CRASH_AT: at })
      t.match(err, 'SIGKILL', `old segments: killed at ${at}`)
    }
    t.equal((await on.prov('journal', 'archive')).code, 0)
    await whole(t, on, ops)
  })
}

for (const row of rowsOf(some(served, 3))) {
  t.test(`over a server: ${row.map(titleOf).join(' ')}`, { skip }, async (t) => {
    const { url } = await natsServer(path ?? '', t)
    const on = await infra(t)
    await whole(t, on, await kills(t, on, row, url))
  })
}

t.test('each plane in a process of its own', { skip }, async (t) => {
  const on = await four(t, path ?? '')
  const all: string[] = []
  const planes = ['keeper', 'controller', 'mirror'] as const
  const running = new Map<string, Process>()
  for (const plane of planes) running.set(plane, await started(on, plane))

  const submit = (op: string) => ['op', 'submit', restart.type, restart.target, '--op-id', op]
  for (const cell of some(submitting, 1)) {
    const [op = ''] = named(cell, 0, 'submitter')
    all.push(op)
    const { err } = await on.child('submitter', submit(op), { PROV_CRASH_AT: titleOf(cell) })
    t.match(err, 'SIGKILL', `the submitter died at ${titleOf(cell)}`)
    t.equal((await on.prov('submitter', ...submit(op))).code, 0, 'and again, as a person would')
  }

  const prov = await on.submitter()
  const settled = async (op: string): Promise<void> => {
    const { outcome } = await prov.op(op).settled({ timeoutMs: 600_000 })
    if (outcome !== 'applied') t.fail(`${op} is ${outcome}`)
  }
  for (const cell of some(apart, 3)) {
    const { plane } = cell
    await running.get(plane)?.kill()
    const dying = await started(on, plane, { PROV_CRASH_AT: titleOf(cell) })
    let gone = false
    void dying.gone.then(() => (gone = true))
    const mine: string[] = []
    for (let attempt = 0; attempt < 6 && !gone; attempt++) {
      for (const opId of named(cell, attempt, plane)) {
        mine.push((await prov.submit({ ...restart, opId })).id)
        const waits = cell.inTurn ? settled(opId) : Promise.resolve()
        await Promise.race([waits, dying.gone])
      }
      await Promise.race([dying.gone, Promise.all(mine.map(settled))])
    }
    t.ok(gone, `the ${plane} died at ${titleOf(cell)}`)
    running.set(plane, await started(on, plane))
    await Promise.all(mine.map(settled))
    all.push(...mine)
  }

  const events: AuditEvent[] = []
  for await (const event of prov.service(contract).events()) events.push(event)
  endedOnce(t, all, events)
  const marks = all.flatMap(() => once.restart).sort()
  t.same([...on.on.marks()].sort(), marks, 'every step ran once')
  t.same(
    on.on.machines().filter((one) => one.startsWith('machine ')),
    [],
    'no machine is left',
  )
  await mirrored(on, events.length)
  for (const plane of planes) await running.get(plane)?.kill()
  await prov.close()
  for (const plane of [...planes, 'submitter'] as const) {
    t.equal((await on.prov(plane, 'journal', 'verify')).code, 0, `the journal of the ${plane}`)
  }
})

/** On a busy machine the server may not answer in time: then it is started again, as a supervisor would. */
async function started(
  on: Four,
  plane: PlaneName,
  env?: Readonly<Record<string, string>>,
): Promise<Process> {
  for (;;) {
    try {
      return await on.start(plane, env)
    } catch (thrown) {
      if (!String(thrown).includes('PROV_BUS_UNAVAILABLE')) throw thrown
    }
  }
}

/** Resolves when the ledger has so many events and nothing is wrong with it. */
async function mirrored(on: Four, events: number): Promise<void> {
  for (;;) {
    const { out } = await on.prov('mirror', 'audit', 'verify', '--json')
    const found = JSON.parse(out) as {
      readonly events: number
      readonly ledger: { readonly commits: number }
      readonly findings: readonly unknown[]
    }
    const { ledger, findings } = found
    if (found.events >= events && ledger.commits === found.events && findings.length === 0) return
    await new Promise<void>((resolve) => systemClock.after(100, resolve))
  }
}
