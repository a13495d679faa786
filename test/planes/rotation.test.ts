/** Another key for each plane while operations are under way, in one process and apart (D-39). */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codeOf } from '../../core/kit.ts'
import type { AuditEvent, Emitter } from '../../core/protocol/audit.ts'
import { auditEmitter } from '../../core/protocol/emitter.ts'
import { genuine } from '../../core/protocol/follow.ts'
import { recordJson, rotationAct } from '../../core/protocol/keyring.ts'
import { verifyTrail } from '../../core/protocol/trail.ts'
import { signedBy } from '../../plugins/keeper/act-file.ts'
import { live, people, ready, usualPolicy } from '../plugins/stage.ts'
import type { Life, Stage } from '../plugins/stage.ts'
import { agreed, apart } from './planes-stage.ts'

const planes = ['submitter', 'controller', 'keeper'] as const
/** Signs whatever restarts or spreads. */
const generous = usualPolicy
  .replace('op_type = "restart", target', 'target')
  .replace('staging-*/**', 'd*')
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Runs that end when the test lets them. */
function held(on: Stage) {
  const runs: (() => void)[] = []
  on.run = () =>
    new Promise((resolve) => runs.push(() => resolve({ outcome: 'applied', detail: {} })))
  return {
    finish: () => {
      on.run = async () => ({ outcome: 'applied', detail: {} })
      for (const run of runs) run()
    },
  }
}

const keyFile = ({ home }: Stage, journal: string, name: string) =>
  join(home, 'keys/services', journal, `${name}.json`)

/** What the plane's next key said first, and who said it could. */
function handover(events: readonly AuditEvent[], plane: Emitter, kid: string) {
  return {
    offered: events.findIndex(
      ({ type, data }) => type === 'prov.key.offered' && (data as { kid: string }).kid === kid,
    ),
    confirmed: events.findIndex(
      ({ type, data }) => type === 'prov.key.confirmed' && (data as { kid: string }).kid === kid,
    ),
    first: events.findIndex((event) => event.emitter === plane && event.kid === kid),
  }
}

for (const plane of planes) {
  t.test(`twenty under way while the ${plane} gets another key: each ends once`, async (t) => {
    const life = await ready(t, generous)
    const { ops, desk, until, deal, on } = life
    const before = deal.service(plane).record.kid
    const runs = held(on)
    const submit = (at: number) => ops.submit({ type: 'spread', target: `d${at}`, as: 'alice' })
    const first = await Promise.all(Array.from({ length: 10 }, (_, at) => submit(at)))
    const [rotated, second] = await Promise.all([
      desk.rotate({ as: 'alice', plane }),
      Promise.all(Array.from({ length: 10 }, (_, at) => submit(10 + at))),
    ])
    while (deal.service(plane).record.kid !== rotated.kid) await turn()
    const all = [...first, ...second]
    await Promise.all(all.map(({ op }) => until(op, 'claimed', 'applying')))
    runs.finish()
    await Promise.all(all.map(({ op }) => until(op, 'applied')))
    t.same(
      [...on.effects.values()],
      Array.from({ length: 20 }, () => 1),
      'each ran once',
    )
    const after = await submit(99)
    await until(after.op, 'applied')

    const events = await life.events()
    const steps = handover(events, plane, rotated.kid)
    t.ok(0 <= steps.offered && steps.offered < steps.confirmed && steps.confirmed < steps.first)
    t.equal(events[steps.first]?.type, 'prov.key.rotated', 'its first word')
    const later = events.slice(steps.first).filter(({ emitter }) => emitter === plane)
    t.same([...new Set(later.map(({ kid }) => kid))], [rotated.kid])
    const where = { journal: deal.journal, workspace: 'my-infra' }
    t.same((await verifyTrail(events, where)).findings, [])
    for (const order of [planes, [...planes].reverse()]) {
      const apart = order.flatMap((one) => events.filter(({ emitter }) => emitter === one))
      // The plane's first keys stand in the keeper's chain.
      const keys = apart.filter(({ emitter }) => emitter === 'keeper')
      const rest = apart.filter(({ emitter }) => emitter !== 'keeper')
      t.same((await verifyTrail([...keys, ...rest], where)).findings, [], order.join())
    }
    // All that the plane said, before the keeper said which key was to follow.
    const own = (one: AuditEvent): boolean => one.emitter === plane && plane !== 'keeper'
    const early = events.slice(0, steps.offered).filter(({ emitter }) => emitter === 'keeper')
    const rest = events.filter((one) => !own(one) && !early.includes(one))
    const ahead = [...early, ...events.filter(own), ...rest]
    t.same((await verifyTrail(ahead, where)).findings, [], 'its next key before it was offered')
    const file = keyFile(on, deal.journal, plane)
    t.notMatch(readFileSync(file, 'utf8'), new RegExp(before), 'the old half is gone')
    t.notOk(existsSync(keyFile(on, deal.journal, `${plane}.next`)))
    t.same(life.codes(), [])
  })

  t.test(`a copy of the old key of the ${plane} says nothing that counts`, async (t) => {
    const life = await ready(t, generous)
    const { deal, on, desk } = life
    const old = deal.service(plane)
    const file = keyFile(on, deal.journal, plane)
    const copy = readFileSync(file)
    const { kid } = await desk.rotate({ as: 'alice', plane })
    while (deal.service(plane).record.kid !== kid || !existsSync(file)) await turn()
    while (existsSync(keyFile(on, deal.journal, `${plane}.next`))) await turn()
    const end = { n: 500, digest: null }
    const pen = auditEmitter({
      role: plane,
      workspace: 'my-infra',
      epoch: 1,
      signer: old,
      clock: on.clock,
      end,
    })
    const said = { remedy: 'none', message: 'no', code: 'PROV_OP_DENIED' }
    const { event } = pen.entry({ type: 'op.refused', subject: 'op_x', data: said })
    t.equal(await genuine(deal, { id: event.id, body: event as never }), undefined)
    const kept = (await life.events()).find((one) => one.emitter === plane)
    if (kept) t.ok(await genuine(deal, { id: 'kept', body: kept as never }), 'what it said holds')

    // It ended after the new key's first word and before its file was put in place.
    await life.close()
    renameSync(file, keyFile(on, deal.journal, `${plane}.next`))
    writeFileSync(file, copy, { mode: 0o600 })
    const second = await live(on)
    t.teardown(() => second.close())
    t.equal(second.deal.service(plane).record.kid, kid)
    const { op } = await second.ops.submit({ type: 'spread', target: 'd1', as: 'alice' })
    await second.until(op, 'applied')
  })
}

t.test('a key that was offered and not confirmed follows at a later start', async (t) => {
  const life = await ready(t, generous)
  const { on, deal } = life
  await life.close()
  for (const plane of ['submitter', 'keeper'] as const) {
    on.deaf = ['controller']
    const alone = await live(on)
    const waiting = alone.desk.rotate({ as: 'alice', plane })
    while (!alone.deal.keyring.offered(plane)) await turn()
    await on.clock.advance(6_000)
    t.match(await waiting, { done: false })
    await alone.close()
    on.deaf = []
    const together = await live(on)
    const next = (await waiting).kid
    while (together.deal.service(plane).record.kid !== next) await turn()
    const target = `d-${plane}`
    const { op } = await together.ops.submit({ type: 'spread', target, as: 'alice' })
    await together.until(op, 'applied')
    const where = { journal: deal.journal, workspace: 'my-infra' }
    t.same((await verifyTrail(await together.events(), where)).findings, [])
    await together.close()
  }
})

t.test(
  'revoked in the middle, with a new key beside it: claimed ones finish, others die',
  async (t) => {
    const life = await ready(t, generous)
    const { ops, desk, until, deal, on } = life
    const runs = held(on)
    const many = (as: string, from: number, type = 'spread') =>
      Promise.all(
        Array.from({ length: 5 }, (_, at) =>
          ops.submit({ type, target: `${type === 'move' ? 'x' : 'd'}${from + at}`, as }),
        ),
      )
    const running = [
      ...(await many('bob', 0)),
      ...(await many('alice', 5)),
      ...(await many('alice', 10)),
    ]
    await Promise.all(running.map(({ op }) => until(op, 'claimed', 'applying')))
    const waiting = await many('bob', 15, 'move')
    await Promise.all(waiting.map(({ op }) => until(op, 'held')))
    await Promise.all([
      desk.revoke({ actor: 'bob', reason: 'lost', as: 'alice' }),
      desk.rotate({ as: 'alice', plane: 'controller' }),
      desk.rotate({ as: 'alice', plane: 'keeper' }),
    ])
    await Promise.all(waiting.map(({ op }) => until(op, 'refused')))
    runs.finish()
    await Promise.all(running.map(({ op }) => until(op, 'applied')))
    t.same(
      waiting.map(({ op }) => deal.store.get().ops.get(op)?.code),
      waiting.map(() => 'PROV_TOKEN_KEY_REVOKED'),
    )
    t.same(
      [...on.effects.values()],
      running.map(() => 1),
    )
    const where = { journal: deal.journal, workspace: 'my-infra' }
    t.same((await verifyTrail(await life.events(), where)).findings, [])
  },
)

t.test('planes apart: each gets another key, drafted where it lives, and all agree', async (t) => {
  const on = await apart(t, { policy: generous })
  const names = ['submitter', 'keeper', 'controller'] as const
  for (const name of names) await on.start(name)
  const controller = on.stages.get('controller') as Stage
  const runs = held(controller)
  const first = on.plane('submitter')
  const submit = (at: number) => first.ops.submit({ type: 'spread', target: `d${at}`, as: 'alice' })
  const all = await on.during(Promise.all(Array.from({ length: 10 }, (_, at) => submit(at))))

  /** The act is signed with the next key's public half from there, and handed in where the keeper is. */
  const rotate = async (plane: 'submitter' | 'keeper' | 'controller') => {
    const { deal } = on.plane(plane)
    const { current: from, next } = await deal.rotation(plane)
    const keeper: Life = on.plane('keeper')
    const { clock } = controller
    const draft = {
      workspace: 'my-infra',
      journal: on.origin.journal,
      act: rotationAct(plane),
      subject: plane,
      reason: '',
      with: { from, ...recordJson(next), keys: keeper.deal.keyring.version },
      signatures: [],
    }
    const alice = await people(controller).signer('alice')
    const { signatures } = await signedBy(draft, alice, clock)
    const handed = keeper.desk.handInAct(signatures[0] ?? '')
    await on.during(handed)
    t.equal(
      await codeOf(keeper.desk.handInAct(signatures[0] ?? '')),
      'PROV_KEY_ROTATION_REFUSED',
      'once',
    )
    return next.kid
  }
  const followed = async (plane: 'submitter' | 'keeper' | 'controller', kid: string, at = names) =>
    on.during(
      (async () => {
        for (const name of at) {
          while (on.plane(name).deal.keyring.service(plane)?.kid !== kid) await turn()
        }
      })(),
    )

  // Half of what is said about it is lost on the way, once.
  const lost = new Set<string>()
  on.bus.loses = (_, { body }) => {
    const { type = '', id = '' } = Object(body) as { type?: string; id?: string }
    if (!/key\.(offered|confirmed|rotated)/.test(type) || lost.has(id)) return false
    lost.add(id)
    return true
  }
  await followed('controller', await rotate('controller'))
  all.push(
    ...(await on.during(Promise.all(Array.from({ length: 10 }, (_, at) => submit(10 + at))))),
  )
  await followed('keeper', await rotate('keeper'))
  await followed('submitter', await rotate('submitter'))
  t.equal(lost.size, 9, 'each of the nine was lost once')
  await on.during(
    Promise.all(all.map(({ op }) => on.plane('controller').until(op, 'claimed', 'applying'))),
  )
  runs.finish()
  await on.during(Promise.all(all.map(({ op }) => first.until(op, 'applied'))))
  t.equal(controller.effects.size, 20)
  t.same(new Set(controller.effects.values()), new Set([1]), 'each ran once')

  // Who was away for two of them hears both, in whatever order.
  await on.stop('submitter')
  const kid = await rotate('controller')
  await followed('controller', kid, ['keeper', 'controller'] as never)
  const other = await rotate('keeper')
  await followed('keeper', other, ['keeper', 'controller'] as never)
  await on.start('submitter')
  await followed('keeper', other)
  await followed('controller', kid)
  const last = await on
    .plane('submitter')
    .ops.submit({ type: 'spread', target: 'd77', as: 'alice' })
  for (const name of names) await on.during(on.plane(name).until(last.op, 'applied'))
  await agreed(t, on)
})
