/** Whom somebody far away believes, on a real server where others answer, too. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { serve } from '../../core/bus/exchange.ts'
import { pack, read, sign } from '../../core/desk/wire.ts'
import type { Answered } from '../../core/desk/wire.ts'
import { systemClock } from '../../core/clock.ts'
import { digestOfText } from '../../core/json.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { codeOf } from '../../core/kit.ts'
import type { Emitter } from '../../core/protocol/audit.ts'
import { auditEmitter } from '../../core/protocol/emitter.ts'
import type { Signer } from '../../core/protocol/key.ts'
import { openKeyStore } from '../../core/protocol/keys.ts'
import { contract, keeperDesk } from '../../core/protocol/services.ts'
import type { Contract } from '../../core/protocol/contract.ts'
import { inboxOf } from '../../core/protocol/roles.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { deskStage, project } from './stage.ts'
import type { DeskStage } from './stage.ts'

t.setTimeout(300_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall

/** What an attacker who can write to the bus says to a request, and with which key. */
type Lie = (asked: JsonObject, to: string) => Promise<readonly (readonly [Answered, Signer])[]>

/** Sits at the desk of the keeper beside it, or in its place. */
async function liar(on: DeskStage, lie: Lie): Promise<() => void> {
  const bus = await on.connect()
  const stop = serve(bus, {
    subject: subjects.desk(project, 'keeper'),
    inboxes: inboxOf('person', project),
    denied: (error) => void t.fail(error.message),
    async heard(data, answer) {
      const text = Buffer.from(data).toString()
      const asked = read('request', text)?.said ?? {}
      for (const [said, signer] of await lie(asked, digestOfText(text))) {
        answer(await pack(sign('answer', said, signer)))
      }
    },
  })
  await bus.client.connection.flush()
  return stop
}

/** An answer that holds in every respect, but for what is said otherwise. */
const answerOf = (
  { journal, epoch }: Pick<Contract, 'journal' | 'epoch'>,
  to: string,
  otherwise: Partial<Answered> = {},
): Answered => ({
  prov: 'desk',
  version: 1,
  workspace: project,
  plane: 'keeper',
  journal,
  epoch,
  to,
  heads: {},
  end: { mode: 'auto' },
  ...otherwise,
})

/** A key that says of itself that it is the keeper's. */
async function stranger(on: DeskStage): Promise<Signer> {
  const keys = openKeyStore({ home: on.home('stranger'), clock: systemClock })
  return keys.service('9e3f4c5a-0000-4000-8000-000000000000', 'keeper')
}

async function met(t: Test) {
  const on = await deskStage(t, path ?? '')
  const prov = await on.open()
  const home = on.home('laptop')
  const far = await on.far(home, { patienceMs: 3_000 })
  const known = join(home, 'desks', `${project}.json`)
  return { on, prov, deal: prov.service(contract), home, far, known }
}

t.test('what the plane did not sign for this request is not believed', { skip }, async (t) => {
  const { on, prov, deal, far } = await met(t)
  const own = deal.service('keeper')
  const other = await stranger(on)
  const genuine = await far.call('keeper', {})
  t.match(genuine, { mode: 'hybrid' })

  const lies: Lie = async (_, to) => [
    [answerOf(deal, to), other],
    [answerOf(deal, to), deal.service('controller')],
    [answerOf(deal, digestOfText('another request')), own],
    [answerOf(deal, to, { workspace: 'other' }), own],
    [answerOf(deal, to, { plane: 'submitter' }), own],
    [answerOf(deal, to), { ...own, sign: other.sign }],
  ]
  const stop = await liar(on, lies)
  t.same(await far.call('keeper', {}), genuine, 'beside the plane it changes nothing')
  await prov.close()
  t.equal(await codeOf(far.call('keeper', {})), 'PROV_DESK_FORGED', 'in its place it is noticed')
  const look = { what: 'the vote', look: 'see `prov op list`' }
  t.equal(
    await codeOf(far.call('vote', { token: 'x' }, { handsIn: { ...look } })),
    'PROV_DESK_LOST',
    'what was handed in may have been taken by whoever is behind it',
  )
  stop()
})

t.test('an answer that does not come is told by what it may mean', { skip }, async (t) => {
  const { on, prov, far } = await met(t)
  await far.call('keeper', {})
  await prov.close()
  t.equal(await codeOf(far.call('keeper', {})), 'PROV_DESK_NOBODY')
  const handsIn = { what: 'the vote', look: 'see `prov op list`' }
  t.equal(await codeOf(far.call('vote', {}, { handsIn })), 'PROV_DESK_NOBODY', 'nothing was taken')
  const stop = await liar(on, async () => [])
  t.equal(await codeOf(far.call('keeper', {})), 'PROV_DESK_SILENT')
  stop()
  t.equal(await codeOf(far.call('reload', {})), 'PROV_DESK_ELSEWHERE')
  t.equal(await codeOf(far.call('path', {})), 'PROV_DESK_ELSEWHERE')
  t.equal(await codeOf(on.far(on.home('new'), { project: 'other' })), 'PROV_DESK_NOBODY')
})

t.test('whoever speaks another version is told apart from whoever lies', { skip }, async (t) => {
  const { on, prov, deal, far } = await met(t)
  await far.call('keeper', {})
  const own = deal.service('keeper')
  await prov.close()
  await liar(on, async (_, to) => [[answerOf(deal, to, { version: 2 }), own]])
  t.equal(await codeOf(far.call('keeper', {})), 'PROV_DESK_VERSION')
})

t.test(
  'a plane that got another key is followed, also twice and while nobody looked',
  { skip },
  async (t) => {
    const { on, prov, deal, far, home, known } = await met(t)
    await far.call('keeper', {})
    const before = readFileSync(known, 'utf8')
    const desk = prov.service(keeperDesk)
    const first = deal.service('keeper')
    for (const plane of ['keeper', 'submitter', 'controller', 'keeper'] as const) {
      await desk.rotate({ as: 'alice', plane })
    }
    t.not(deal.service('keeper').record.kid, first.record.kid)
    t.match(await far.call('keeper', {}), { mode: 'hybrid' }, 'in the same life')
    t.match(await far.call('vector', {}), {})
    t.match(await far.call('phase', { op: 'op_none' }), null)
    const after = readFileSync(known, 'utf8')
    for (const role of ['keeper', 'submitter', 'controller'] as const) {
      const { kid } = deal.service(role).record
      t.notOk(before.includes(kid))
      t.ok(after.includes(kid), `the ${role} is known by its new key`)
    }
    t.notOk(after.includes(first.record.kid), 'and by no old one')

    writeFileSync(known, before)
    const again = await on.far(home, { patienceMs: 3_000 })
    t.match(await again.call('keeper', {}), { mode: 'hybrid' }, 'in another one')

    await prov.close()
    await liar(on, async (_, to) => [[answerOf(deal, to), first]])
    t.equal(await codeOf(again.call('keeper', {})), 'PROV_DESK_FORGED', 'the old key is over')
  },
)

t.test('nobody makes up that a plane got another key', { skip }, async (t) => {
  const { on, prov, deal, far, known } = await met(t)
  await far.call('keeper', {})
  const before = readFileSync(known, 'utf8')
  const other = await stranger(on)
  const { kid, actor: _, ...rest } = other.record
  const record = { ...rest, kid, actor: deal.service('keeper').record.actor }
  const from = deal.service('keeper').record.kid
  const pen = (role: Emitter, signer: Signer) =>
    auditEmitter({
      role,
      workspace: project,
      epoch: 9,
      signer,
      clock: systemClock,
      end: { n: 900, digest: null },
    })
  const about = { role: 'keeper', kid, from } as const
  const offer = (signer: Signer) =>
    pen('keeper', signer).entry({
      type: 'key.offered',
      subject: 'keeper',
      data: { ...about, by: 'alice', record, act: 'x' },
    }).event
  const confirm = (signer: Signer) =>
    pen('controller', signer).entry({ type: 'key.confirmed', subject: 'keeper', data: about }).event
  const own = { keeper: deal.service('keeper'), controller: deal.service('controller') }
  /** Names the key of a plane, and has another one. */
  const named = (plane: Signer): Signer => ({ ...plane, sign: other.sign })
  await prov.close()

  // Each leaves out one of the two that must agree.
  for (const [what, by, confirmed] of [
    ['neither offered nor confirmed it', other, other],
    ['the offer is not signed by the key that it names', named(own.keeper), own.controller],
    ['the confirmation is not', own.keeper, named(own.controller)],
    ['the keeper alone offered it', own.keeper, other],
    ['the controller alone confirmed it', other, own.controller],
  ] as const) {
    const confirmation = confirm(confirmed)
    const rotated = pen('keeper', other).entry({
      type: 'key.rotated',
      subject: 'keeper',
      data: { ...about, confirmation },
    }).event
    const trail = [offer(by), confirmation, rotated] as unknown as JsonValue
    const stop = await liar(on, async (asked, to) => [
      [answerOf(deal, to, asked['do'] === 'trail' ? { end: trail } : {}), other],
    ])
    t.equal(await codeOf(far.call('keeper', {})), 'PROV_DESK_FORGED', what)
    t.equal(readFileSync(known, 'utf8'), before)
    stop()
  }
})

t.test('keys that are known and cannot be read are not made anew', { skip }, async (t) => {
  const { on, far, home, known } = await met(t)
  await far.call('keeper', {})
  writeFileSync(known, '{"keys":[]}')
  t.equal(await codeOf(on.far(home)), 'PROV_DESK_KNOWN')
})
