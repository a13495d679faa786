/** Two processes for one controller on a real server: one leads, the other one waits for its turn. */
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { lookAtLeader } from '../../core/bus/leadership.ts'
import { readJournal } from '../../core/journal/reader.ts'
import type { JsonValue } from '../../core/json.ts'
import { isAudit } from '../../core/protocol/audit.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { contract } from '../../core/protocol/services.ts'
import { outboxItem } from '../../core/protocol/outbox.ts'
import { leaseBucket, subjects } from '../../core/protocol/subjects.ts'
import type { Runtime } from '../../core/runtime.ts'
import { once } from '../support/infra.ts'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { provHere } from '../support/cli.ts'
import { four } from './four.ts'
import type { Four } from './four.ts'

t.setTimeout(900_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const restart = { type: 'restart', target: 'monitoring/grafana', as: 'alice' } as const

const end = async (prov: Runtime, op: string): Promise<string> =>
  (await prov.op(op).settled({ timeoutMs: 600_000 })).outcome

async function submit(prov: Runtime, count: number): Promise<string[]> {
  const ops: string[] = []
  for (let n = 0; n < count; n++) ops.push((await prov.submit(restart)).id)
  return ops
}

/** Resolves when the operation is so far. */
function until(prov: Runtime, op: string, phase: string): Promise<void> {
  return new Promise((resolve) => {
    const now = prov.service(contract).store.select(({ ops }) => ops.get(op)?.phase)
    const look = (): void => {
      if (now.get() === phase) resolve()
    }
    now.subscribe(look)
    look()
  })
}

/** Each operation once, in the trail and in the world; answers with the epochs of the claims, in order. */
async function once_(t: Test, on: Four, prov: Runtime, ops: readonly string[]) {
  const events: AuditEvent[] = []
  for await (const event of prov.service(contract).events()) events.push(event)
  const claims = events.filter((event) => isAudit(event, 'op.claimed'))
  const results = events.filter((event) => isAudit(event, 'op.applied'))
  t.same(claims.map(({ subject }) => subject).sort(), [...ops].sort(), 'one CLAIM each')
  t.same(results.map(({ subject }) => subject).sort(), [...ops].sort(), 'one RESULT each')
  t.same([...on.on.marks()].sort(), ops.flatMap(() => once.restart).sort(), 'every step ran once')
  return new Map(claims.map(({ subject, data }) => [subject, data.epoch]))
}

t.test(
  'a controller that was frozen beyond its lease claims and asks nothing when it wakes',
  { skip },
  async (t) => {
    const on = await four(t, path ?? '')
    await on.start('keeper')
    const first = await on.start('controller')
    const prov = await on.submitter()
    const before = await submit(prov, 2)
    for (const op of before) t.equal(await end(prov, op), 'applied')
    const second = on.standby('controller')
    await second.said('waits for its turn')
    // In the middle of them, wherever it is just now.
    const during = await submit(prov, 4)
    await end(prov, during[0] as string)
    first.freeze()
    await second.said('running: controller')
    for (const op of during) t.equal(await end(prov, op), 'applied')
    const after = await submit(prov, 2)
    first.thaw()
    for (const op of after) t.equal(await end(prov, op), 'applied')
    const { code, err } = await first.end()
    t.equal(code, 8, 'it ends by itself and says why')
    t.match(err, /PROV_(JOURNAL|BUS)_FENCED/)
    const epochs = await once_(t, on, prov, [...before, ...during, ...after])
    const early = Math.max(...before.map((op) => epochs.get(op) as number))
    const late = Math.min(...after.map((op) => epochs.get(op) as number))
    t.ok(late > early, `claims bear the epoch of who leads: ${late} after ${early}`)
    const store = await on.admin.keyValue(leaseBucket('my-infra'))
    t.equal((await lookAtLeader(store, 'controller'))?.epoch, late)
  },
)

t.test(
  'a standby takes over from a controller that was killed, without waiting for its lease',
  { skip },
  async (t) => {
    const on = await four(t, path ?? '')
    await on.start('keeper')
    const first = await on.start('controller', { PROV_CRASH_AT: 'effect.done:2' })
    const second = on.standby('controller')
    await second.said('waits for its turn')
    const prov = await on.submitter()
    const ops = await submit(prov, 3)
    await first.gone
    await second.said('running: controller')
    for (const op of ops) t.equal(await end(prov, op), 'applied')
    await once_(t, on, prov, ops)
  },
)

t.test(
  'a keeper that was frozen is replaced: its numbers go on, and it signs nothing when it wakes',
  { skip },
  async (t) => {
    const on = await four(t, path ?? '')
    // Shorter than usual, as this workspace has it.
    on.configure({ leadership: '4s' })
    await on.start('controller')
    const first = await on.start('keeper')
    const prov = await on.submitter()
    const before = await submit(prov, 2)
    for (const op of before) t.equal(await end(prov, op), 'applied')
    const second = on.standby('keeper')
    await second.said('waits for its turn')
    first.freeze()
    const during = await submit(prov, 2)
    await second.said('running: keeper')
    const store = await on.admin.keyValue(leaseBucket('my-infra'))
    t.equal((await lookAtLeader(store, 'keeper'))?.ttlMs, 4_000)
    const { out } = await on.operator('nats', 'status')
    t.match(out, /keeper .* for 4\.0 s at a time/, 'and whoever keeps the server sees it')
    for (const op of during) t.equal(await end(prov, op), 'applied')
    first.thaw()
    const after = await submit(prov, 1)
    for (const op of after) t.equal(await end(prov, op), 'applied')
    t.match((await first.end()).err, /PROV_(JOURNAL|BUS)_FENCED/)
    await once_(t, on, prov, [...before, ...during, ...after])
    const numbers: unknown[] = []
    for await (const event of prov.service(contract).events()) {
      if (isAudit(event, 'op.approved')) numbers.push(event.data.seq)
    }
    t.same(numbers, [1, 2, 3, 4, 5], 'each number once')
  },
)

t.test(
  'who shows an empty journal or an older copy may not take over, and is told why',
  { skip },
  async (t) => {
    const on = await four(t, path ?? '')
    await on.start('keeper')
    const first = await on.start('controller')
    const prov = await on.submitter()
    const ops = await submit(prov, 1)
    t.equal(await end(prov, ops[0] as string), 'applied')
    // Another machine: what this user remembers of the journal is not there.
    const elsewhere = (name: string) => {
      const home = `${on.home('controller')}-${name}`
      cpSync(on.home('controller'), home, { recursive: true })
      rmSync(join(home, 'anchors'), { recursive: true, force: true })
      return {
        ...on.env('controller'),
        PROV_HOME: home,
        PROV_STATE: `${on.state('controller')}-${name}`,
      }
    }
    const empty = elsewhere('empty')
    rmSync(join(empty.PROV_HOME, 'keys/services'), { recursive: true })
    mkdirSync(join(empty.PROV_HOME, 'keys/services'), { mode: 0o700 })
    const joined = await provHere(['plane', 'join', on.bundle('controller')], {
      cwd: on.on.workspace,
      env: { ...empty, PROV_PASSPHRASE_FILE: on.passphrase },
    })
    t.equal(joined.code, 0, joined.err)
    const copy = elsewhere('copy')
    on.backUp('controller', copy.PROV_STATE)
    const more = await submit(prov, 1)
    t.equal(await end(prov, more[0] as string), 'applied')
    for (const [env, code] of [
      [empty, 'PROV_JOURNAL_REPLACED'],
      [copy, 'PROV_JOURNAL_BEHIND'],
    ] as const) {
      const ran = await on.standby('controller', env).end()
      t.equal(ran.code, 4)
      t.match(ran.err, code)
    }
    await first.kill()
    for (const [env, code] of [
      [empty, 'PROV_JOURNAL_REPLACED'],
      [copy, 'PROV_JOURNAL_BEHIND'],
    ] as const) {
      const ran = await on.standby('controller', env).end()
      t.match(ran.err, code, 'nor when nobody is there')
    }
    await once_(t, on, prov, [...ops, ...more])
  },
)

t.test(
  'a journal set back, its anchor and the lease gone: a used token is not run again, the peers remember',
  { skip },
  async (t) => {
    const on = await four(t, path ?? '')
    const keeper = await on.start('keeper')
    const first = await on.start('controller')
    const prov = await on.submitter()
    const before = await submit(prov, 1)
    t.equal(await end(prov, before[0] as string), 'applied')
    await first.kill()
    // Signed while nobody claims: the copy knows everything that the token says.
    const [op = ''] = await submit(prov, 1)
    await until(prov, op, 'approved')
    const [newest, backup] = ['newest', 'backup'].map((name) => `${on.state('controller')}-${name}`)
    on.backUp('controller', backup as string)
    const second = await on.start('controller')
    t.equal(await end(prov, op), 'applied')
    await second.kill()
    await keeper.kill()
    const journal = await readJournal({ dir: join(on.state('keeper'), 'journal') })
    let body: JsonValue = null
    for await (const record of journal.read({ partition: 'keeper' })) {
      const item = outboxItem(record, 'my-infra')
      if (item?.id === 'command:1:2') ({ body } = item)
    }
    t.match(body, { kind: 'command' })

    renameSync(on.state('controller'), newest as string)
    renameSync(backup as string, on.state('controller'))
    rmSync(join(on.home('controller'), 'anchors'), { recursive: true, force: true })
    rmSync(join(on.state('controller'), 'journal/lock'), { recursive: true, force: true })
    await on.server.stop()
    await on.server.start({ empty: true })
    await on.topology()
    await (await on.as('keeper')).publish(subjects.command('my-infra'), { id: 'used', body })
    await on.start('keeper')
    const older = await on.standby('controller').end()
    t.equal(older.code, 4)
    t.match(older.err, 'PROV_PLANE_SET_BACK')

    rmSync(on.state('controller'), { recursive: true })
    renameSync(newest as string, on.state('controller'))
    await on.start('controller')
    const after = await submit(prov, 1)
    t.equal(await end(prov, after[0] as string), 'applied', 'the newest one goes on')
    await once_(t, on, prov, [...before, op, ...after])
  },
)
