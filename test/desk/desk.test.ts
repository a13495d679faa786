/** What a desk takes, and what it turns away, on a real server. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { systemClock } from '../../core/clock.ts'
import { sign } from '../../core/desk/wire.ts'
import type { Asked } from '../../core/desk/wire.ts'
import { contract, keeperDesk, keyStore, submissions } from '../../core/protocol/services.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { codeOf } from '../../core/kit.ts'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { deskStage, project } from './stage.ts'

t.setTimeout(300_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall

t.test('each request that does not hold is refused under its own name', { skip }, async (t) => {
  const on = await deskStage(t, path ?? '')
  const prov = await on.open()
  const deal = prov.service(contract)
  const keys = prov.service(keyStore)
  const [alice, bob] = [await on.signer('alice'), await on.signer('bob')]
  const by = (otherwise: Partial<Asked> = {}, signer = alice) =>
    sign('request', on.request(deal, otherwise), signer)
  t.equal(await on.refusal(by()), 'answered')

  await keys.create({ actor: 'eve', kind: 'human', passphrase: '' })
  const eve = await on.signer('eve')
  t.equal(await on.refusal(by({}, eve)), 'PROV_DESK_STRANGER', 'a key that nobody enrolled')
  const inNameOf = by({}, eve).replace(eve.record.kid, alice.record.kid)
  t.equal(await on.refusal(inNameOf), 'PROV_DESK_STRANGER', 'in the name of another key')
  const altered = by({ with: { op: 'one' } }).replace('"one"', '"two"')
  t.equal(await on.refusal(altered), 'PROV_DESK_STRANGER', 'another body than was signed')
  t.equal(
    await on.refusal(by({}, deal.service('controller'))),
    'PROV_DESK_STRANGER',
    'the key of a plane is no person',
  )
  t.equal(await on.refusal('{"prov":"desk"}'), 'PROV_DESK_REQUEST')
  t.equal(await on.refusal('nonsense'), 'PROV_DESK_REQUEST')

  t.equal(await on.refusal(by({ workspace: 'other' })), 'PROV_DESK_PROJECT')
  t.equal(await on.refusal(by({ plane: 'submitter' })), 'PROV_DESK_PROJECT')
  t.equal(await on.refusal(by({ version: 2 })), 'PROV_DESK_VERSION')

  const now = systemClock.now()
  t.equal(await on.refusal(by({ at: now - 200_000, until: now - 190_000 })), 'PROV_DESK_LATE')
  t.equal(await on.refusal(by({ at: now + 200_000, until: now + 210_000 })), 'PROV_DESK_LATE')
  t.equal(await on.refusal(by({ until: now + 86_400_000 })), 'PROV_DESK_REQUEST', 'for a day')

  for (const name of ['reload', 'replay', 'resume', 'letters', 'emit', 'plugins', 'follow']) {
    t.equal(await on.refusal(by({ do: name })), 'PROV_DESK_REQUEST', `${name} needs no token`)
  }
  for (const name of ['toString', '__proto__', 'plan']) {
    t.equal(await on.refusal(by({ do: name })), 'PROV_DESK_REQUEST', `${name} is not the keeper's`)
  }
  t.equal(
    await on.refusal(by({ knows: { keeper: 9_999 }, until: now + 3_000 })),
    'PROV_DESK_BEHIND',
  )

  t.equal(await on.refusal(by({}, bob)), 'answered')
  await prov.service(keeperDesk).revoke({ actor: 'bob', reason: 'lost the laptop', as: 'alice' })
  t.equal(await on.refusal(by({}, bob)), 'PROV_DESK_STRANGER', 'a key that was revoked')
})

t.test('a request counts once, and for one life of the plane', { skip }, async (t) => {
  const on = await deskStage(t, path ?? '')
  const first = await on.open()
  const deal = first.service(contract)
  const alice = await on.signer('alice')
  const text = sign('request', on.request(deal), alice)
  t.equal(await on.refusal(text), 'answered')
  t.equal(await on.refusal(text), 'PROV_DESK_REPLAYED')
  const spelled = JSON.stringify(JSON.parse(text), null, 1)
  t.equal(await on.refusal(spelled), 'PROV_DESK_REPLAYED', 'also when it is spelled anew')
  const kept = sign('request', on.request(deal), alice)
  await first.close()
  await on.open()
  t.equal(await on.refusal(text), 'PROV_DESK_MOVED', 'after a restart nobody remembers it')
  t.equal(await on.refusal(kept), 'PROV_DESK_MOVED', 'nor what was kept for then')
})

t.test('an answer goes to whoever asked, and nowhere else', { skip }, async (t) => {
  const on = await deskStage(t, path ?? '')
  const prov = await on.open()
  const deal = prov.service(contract)
  const alice = await on.signer('alice')
  const { connection } = on.bus.client
  const heard: string[] = []
  connection.subscribe('ops.cmd.my-infra', {
    callback: (_, { subject }) => void heard.push(subject),
  })
  connection.subscribe('_INBOX_personal.x', {
    callback: (_, { subject }) => void heard.push(subject),
  })
  for (const reply of ['ops.cmd.my-infra', '_INBOX_personal.x']) {
    const text = sign('request', on.request(deal), alice)
    connection.publish(subjects.desk(project, 'keeper'), text, { reply })
  }
  // The desk hears one after the other, so this is answered after those would have been.
  t.equal(await on.refusal(sign('request', on.request(deal), alice)), 'answered')
  t.same(heard, [])
})

t.test('a flood is bounded, and who is known is still answered', { skip }, async (t) => {
  const on = await deskStage(t, path ?? '')
  const prov = await on.open()
  const deal = prov.service(contract)
  const [alice, bob] = [await on.signer('alice'), await on.signer('bob')]
  const attacker = await on.connect()
  const { connection, inbox } = attacker.client
  const reply = inbox()
  let answers = 0
  connection.subscribe(reply, { callback: () => void answers++ })
  const good = sign('request', on.request(deal), alice)
  const forged = good.replace(/"signature":"..../, '"signature":"AAAA')
  for (let n = 0; n < 20_000; n++) {
    connection.publish(subjects.desk(project, 'keeper'), n % 2 ? forged : `{"n":${n}}`, { reply })
  }
  await connection.flush()
  let tries = 0
  const once = () => on.refusal(sign('request', on.request(deal), alice), 'keeper', 2_000)
  while ((await once()) !== 'answered') tries++
  t.ok(answers > 0 && answers <= 30, `${answers} of 20,000 were told why`)
  t.comment(`alice was answered at her try ${tries + 1}`)

  // Sixteen that wait take all the room of a key, and none of another one's. Which of seventeen is one
  // too many is open: they are checked side by side.
  const waits = { plane: 'submitter', do: 'next' } as const
  const { op } = await prov
    .service(submissions)
    .submit({ type: 'deploy', target: 'app-cluster/cert-manager', as: 'alice' })
  t.equal((await prov.op(op).settled({ timeoutMs: 60_000 })).outcome, 'held')
  const after = await prov.service(submissions).phase(op)
  const waiting = Array.from({ length: 17 }, () => {
    const asked = on.request(deal, { ...waits, with: { op, after: after as never } })
    return on.say(sign('request', { ...asked, until: asked.at + 15_000 }, alice), 'submitter')
  })
  const one = (signer: typeof alice) =>
    on.refusal(
      sign('request', on.request(deal, { plane: 'submitter', do: 'phase', with: { op } }), signer),
      'submitter',
    )
  t.match(await Promise.race(waiting), { error: { code: 'PROV_DESK_BUSY' } })
  t.equal(await one(bob), 'answered')
  await prov.service(submissions).withdraw({ op, as: 'alice', reason: 'enough' })
  const ends = (await Promise.all(waiting)).flatMap((answer) => ('end' in answer ? answer.end : []))
  t.match(ends, Array(16).fill({ name: 'withdrawn' }))
  t.equal(ends.length, 16)
  t.equal(await one(alice), 'answered')
})

t.test('who waits for something is told when the desk closes', { skip }, async (t) => {
  const on = await deskStage(t, path ?? '')
  const prov = await on.open()
  const { id } = await prov.submit({
    type: 'deploy',
    target: 'app-cluster/cert-manager',
    as: 'alice',
  })
  t.equal((await prov.op(id).settled({ timeoutMs: 60_000 })).outcome, 'held')
  const far = await on.far(on.home('laptop'))
  const after = await far.call('phase', { op: id })
  const waits = far.call('next', { op: id, after })
  // Asked on the same connection afterwards, so the other one is at the desk by now.
  await far.call('phase', { op: id })
  await prov.close()
  t.equal(await waits, null, 'at once, not when its time is over')
  t.equal(await codeOf(far.call('keeper', {})), 'PROV_DESK_NOBODY')
})

t.test('an answer that the server would not carry is told as such', { skip }, async (t) => {
  const on = await deskStage(t, path ?? '', 'max_payload: 32768\n')
  const prov = await on.open()
  for (let n = 0; n < 3; n++) {
    const note = randomBytes(9_000).toString('base64url')
    await prov.submit({
      type: 'deploy',
      target: 'app-cluster/cert-manager',
      as: 'alice',
      params: { note },
    })
  }
  const far = await on.far(on.home('laptop'))
  const args = { last: 0 }
  t.equal(await codeOf(far.call('read', { name: 'audit', args })), 'PROV_DESK_TOO_LARGE')
  t.match(await far.call('read', { name: 'keeper', args: {} }), { mode: 'hybrid' })
})

t.test(
  'where the server has no desks yet the planes run, and say what to do',
  { skip },
  async (t) => {
    const rights = 'permissions: { subscribe: { deny: ["ops.desk.>"] } }'
    const users = `users: [{ user: a, password: b, ${rights} }]`
    const accounts = `accounts { P { jetstream: enabled, ${users} } }`
    const on = await deskStage(t, path ?? '', `${accounts}\nno_auth_user: a\n`)
    const told: string[] = []
    let all = (): void => {}
    const warned = new Promise<void>((resolve) => (all = resolve))
    const prov = await on.open({
      log({ level, text }) {
        if (level === 'warn' && text.includes('prov nats config')) told.push(text)
        if (told.length === 4) all()
      },
    })
    await warned
    t.match(told[0], 'nobody can ask the submitter from elsewhere')
    const { id } = await prov.submit({ type: 'restart', target: 'monitoring/grafana', as: 'alice' })
    t.equal((await prov.op(id).settled({ timeoutMs: 60_000 })).outcome, 'applied')
  },
)
