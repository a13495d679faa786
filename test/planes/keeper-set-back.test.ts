/**
 * A keeper whose journal is set back, or was lost and joined again from what it was handed over with, and
 * a server that remembers nothing. It would sign numbers once more, for other operations. The planes
 * elsewhere followed its chain: it ends by name before it says a word, or waits for one of them.
 */
import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { codeOf } from '../../core/kit.ts'
import { readJournal } from '../../core/journal/reader.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { outboxItem } from '../../core/protocol/outbox.ts'
import { provHere } from '../support/cli.ts'
import { once } from '../support/infra.ts'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { four } from './four.ts'
import type { Four } from './four.ts'
import { apart, copyOf, diskOf, putBack, waitUntil } from './planes-stage.ts'
import type { Apart } from './planes-stage.ts'

const spread = (target: string) => ({ type: 'spread', target, as: 'alice' }) as const
const policy = `{ policy = { version = 1, auto_sign = [{ id = "all", op_type = "spread" }] } }\n`
const planes = ['submitter', 'keeper', 'controller'] as const

/** Approval tokens by their number. */
class Numbers {
  readonly #tokens = new Map<string, Set<string>>()

  note(body: JsonValue): void {
    const { kind, token } = Object(body) as JsonObject
    if (kind !== 'command' || typeof token !== 'string') return
    const [, payload = ''] = token.split('.')
    const { keeper_epoch: epoch, seq } = JSON.parse(
      Buffer.from(payload, 'base64url').toString(),
    ) as { readonly keeper_epoch: number; readonly seq: number }
    const key = `${epoch}:${seq}`
    this.#tokens.set(key, (this.#tokens.get(key) ?? new Set()).add(token))
  }

  /** How many were signed, also for one number. */
  get count(): number {
    return [...this.#tokens.values()].reduce((sum, tokens) => sum + tokens.size, 0)
  }

  /** Each number once; answers with them. */
  once(t: Test): readonly string[] {
    const twice = [...this.#tokens].filter(([, tokens]) => tokens.size > 1).map(([key]) => key)
    t.same(twice, [], 'no number was signed for two things')
    return [...this.#tokens.keys()].sort()
  }
}

/** Two operations that were signed and applied, a copy of the keeper's journal from between them, and one that waits. */
async function signed(t: Test, on: Apart) {
  const numbers = new Numbers()
  on.bus.loses = (_, { body }) => {
    numbers.note(body)
    return false
  }
  for (const name of planes) await on.start(name)
  const apply = async (target: string): Promise<void> => {
    const { op } = await on.plane('submitter').ops.submit(spread(target))
    for (const name of planes) await on.during(on.plane(name).until(op, 'applied'))
  }
  await apply('first')
  const backup = copyOf(diskOf(on, 'keeper'))
  await apply('second')
  await on.stop('keeper')
  const { op } = await on.plane('submitter').ops.submit(spread('third'))
  await on.during(on.plane('controller').until(op, 'submitted'))
  t.same(numbers.once(t), ['1:1', '1:2'])
  return { numbers, backup, waiting: op }
}

for (const witnesses of [['controller'], ['submitter'], ['submitter', 'controller']] as const) {
  t.test(
    `a keeper that was set back ends when ${witnesses.join(' and ')} heard more`,
    async (t) => {
      const on = await apart(t, { policy })
      const { numbers, backup, waiting } = await signed(t, on)
      for (const name of ['submitter', 'controller'] as const) {
        if (!(witnesses as readonly string[]).includes(name)) await on.stop(name)
      }
      putBack(on, 'keeper', backup)
      const { prov, deal } = await on.start('keeper')
      await waitUntil(on, () => prov.over.aborted || numbers.count > 2)
      t.match(prov.over.reason, {
        code: 'PROV_PLANE_SET_BACK',
        detail: { plane: 'keeper' },
        remedy: /prov plane export keeper --lost/,
      })
      t.equal(await codeOf(deal.sure()), 'PROV_PLANE_SET_BACK')
      const word = {
        type: 'keeper.mode',
        subject: 'mode',
        data: { mode: 'auto', by: 'x' },
      } as const
      t.throws(() => deal.emitter('keeper').entry(word), { code: 'PROV_PLANE_SET_BACK' })
      await on.stages.get('keeper')?.clock.advance(60_000)
      t.same(numbers.once(t), ['1:1', '1:2'])

      // Whoever has the controller grants another one, which goes on.
      await on.stop('keeper')
      await on.stop('controller')
      await on.loseKeeper()
      for (const name of planes) if (!on.lives.has(name)) await on.start(name)
      await on.during(on.plane('submitter').until(waiting, 'applied'))
      t.same(numbers.once(t), ['1:1', '1:2', '2:1'])
      t.same([...(on.stages.get('controller')?.effects.values() ?? [])], [1, 1, 1])
    },
  )
}

t.test('where nobody heard it, a keeper signs nothing, and says so to people', async (t) => {
  const on = await apart(t, { policy })
  const { numbers, backup } = await signed(t, on)
  await on.stop('submitter')
  await on.stop('controller')
  putBack(on, 'keeper', backup)
  const { prov, deal, desk } = await on.start('keeper')
  const said = deal.ends.get('keeper')?.n
  await on.stages.get('keeper')?.clock.advance(60_000)
  t.equal(
    await codeOf(on.during(desk.setMode({ mode: 'manual', as: 'alice' }))),
    'PROV_PLANE_UNVOUCHED',
  )
  t.equal(deal.ends.get('keeper')?.n, said, 'it said nothing')
  t.same(numbers.once(t), ['1:1', '1:2'])
  t.notOk(prov.over.aborted)
  await on.start('controller')
  await waitUntil(on, () => prov.over.aborted)
  t.match(prov.over.reason, { code: 'PROV_PLANE_SET_BACK' })
})

t.test('the newest journal goes on from its next number, whoever vouches', async (t) => {
  for (const witness of ['submitter', 'controller'] as const) {
    const on = await apart(t, { policy })
    const { numbers } = await signed(t, on)
    await on.stop(witness === 'submitter' ? 'controller' : 'submitter')
    await on.start('keeper')
    await waitUntil(on, () => numbers.count > 2)
    t.same(numbers.once(t), ['1:1', '1:2', '1:3'])
  }
})

t.test('a keeper that another one followed is told so, not that it is an older copy', async (t) => {
  const on = await apart(t, { policy })
  const { waiting } = await signed(t, on)
  const former = diskOf(on, 'keeper')
  await on.stop('controller')
  await on.loseKeeper()
  for (const name of ['controller', 'keeper'] as const) await on.start(name)
  await on.during(on.plane('submitter').until(waiting, 'applied'))
  await on.stop('keeper')
  putBack(on, 'keeper', former)
  const { prov } = await on.start('keeper')
  await waitUntil(on, () => prov.over.aborted)
  t.match(prov.over.reason, { code: 'PROV_PLANE_REPLACED', detail: { granted: 2 } })
})

t.setTimeout(900_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const restart = { type: 'restart', target: 'monitoring/grafana', as: 'alice' } as const

/** What a plane's journal has for the bus. */
async function sent(state: string, partition: string) {
  const items = []
  const journal = await readJournal({ dir: join(state, 'journal') })
  for await (const record of journal.read({ partition })) {
    const item = outboxItem(record, 'my-infra')
    if (item) items.push(item)
  }
  return items
}

async function emptied(on: Four): Promise<void> {
  await on.server.stop()
  await on.server.start({ empty: true })
  await on.topology()
}

t.test(
  'a keeper wiped with its server, then set back with it: old submissions get no second number',
  { skip },
  async (t) => {
    const on = await four(t, path ?? '')
    const numbers = new Numbers()
    const noted = async (state: string): Promise<void> => {
      for (const { body } of await sent(state, 'keeper')) numbers.note(body)
    }
    const first = await on.start('keeper')
    const controller = await on.start('controller')
    const prov = await on.submitter()
    const ops: string[] = []
    const submit = async (): Promise<string> => {
      const { id } = await prov.submit(restart)
      ops.push(id)
      return id
    }
    const applied = async (op: string): Promise<void> => {
      t.equal((await prov.op(op).settled({ timeoutMs: 600_000 })).outcome, 'applied')
    }
    for (const op of [await submit(), await submit()]) await applied(op)
    await first.kill()
    const state = on.state('keeper')
    const lost = `${state}-lost`
    renameSync(state, lost)
    await noted(lost)
    rmSync(join(on.home('keeper'), 'anchors'), { recursive: true, force: true })
    // All but what it was handed over with: the bundle is joined once more.
    rmSync(join(on.home('keeper'), 'keys/services'), { recursive: true })
    mkdirSync(join(on.home('keeper'), 'keys/services'), { mode: 0o700 })
    const join_ = async (bundle: string, env = on.env('keeper')): Promise<void> => {
      const given = { ...env, PROV_PASSPHRASE_FILE: on.passphrase }
      const { code, err } = await provHere(['plane', 'join', bundle], {
        cwd: on.on.workspace,
        env: given,
      })
      t.equal(code, 0, err)
    }
    await join_(on.bundle('keeper'))
    await emptied(on)
    // What was asked for before comes once more, and something new beside it.
    const bus = await on.as('submitter')
    for (const { subject, id, body } of await sent(on.state('submitter'), 'submitter')) {
      if (subject.startsWith('ops.pending')) await bus.publish(subject, { id: `${id}-old`, body })
    }
    const third = await submit()
    const again = await on.standby('keeper').end()
    t.equal(again.code, 4)
    t.match(again.err, 'PROV_PLANE_SET_BACK')
    t.match(again.err, 'prov plane export keeper --lost')
    t.same(await sent(state, 'keeper'), [], 'it sent nothing')

    // The remedy that it names.
    await controller.kill()
    const bundle = join(on.on.home, '..', 'granted.plane')
    const granted = await on.prov(
      'controller',
      'plane',
      'export',
      'keeper',
      '--lost',
      '--out',
      bundle,
    )
    t.equal(granted.code, 0, granted.err)
    await on.start('controller')
    rmSync(state, { recursive: true })
    await join_(bundle)
    const second = await on.start('keeper')
    await applied(third)

    // Set back: a copy from here, two more operations, the server empty, the copy in its place.
    const copy = `${state}-copy`
    on.backUp('keeper', copy)
    for (const op of [await submit(), await submit()]) await applied(op)
    await second.kill()
    renameSync(state, `${state}-newest`)
    cpSync(copy, state, { recursive: true })
    rmSync(join(state, 'journal/lock'), { recursive: true, force: true })
    rmSync(join(on.home('keeper'), 'anchors'), { recursive: true, force: true })
    await emptied(on)
    const last = await submit()
    const older = await on.standby('keeper').end()
    t.equal(older.code, 4)
    t.match(older.err, 'PROV_PLANE_SET_BACK')
    await noted(state)
    rmSync(state, { recursive: true })
    renameSync(`${state}-newest`, state)
    await on.start('keeper')
    await applied(last)

    await noted(state)
    t.same(numbers.once(t), ['1:1', '1:2', '2:1', '2:2', '2:3', '2:4'])
    t.same([...on.on.marks()].sort(), ops.flatMap(() => once.restart).sort(), 'each step ran once')
  },
)
