/** Whoever connects to the socket may be broken or hostile: the holder goes on. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { simulatedClock, systemClock } from '../../core/clock.ts'
import { ProvError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import { logFor } from '../../core/log.ts'
import { provVersion } from '../../core/plugin/discover.ts'
import { actClaims, voteClaims } from '../../core/protocol/drafts.ts'
import { openKeyStore } from '../../core/protocol/keys.ts'
import { signToken } from '../../core/protocol/tokens.ts'
import { findHolder } from '../../core/socket/client.ts'
import type { Holder } from '../../core/socket/client.ts'
import { placeOf } from '../../core/socket/place.ts'
import { serveSocket } from '../../core/socket/server.ts'
import { temporaryFolder } from '../support/folder.ts'
import { infra } from '../support/infra.ts'

const build = provVersion()

async function holderOf(stateDir: string): Promise<Holder> {
  const holder = await findHolder({ stateDir, build, clock: systemClock, patienceMs: 60_000 })
  if (!holder) throw new Error('nobody listens')
  return holder
}

/** A connection that says what it is told to, and everything that it heard until it was closed. */
async function raw(path: string, say: (socket: Socket) => void): Promise<string> {
  const socket = connect({ path })
  let heard = ''
  socket.on('data', (chunk) => (heard += String(chunk)))
  socket.on('error', () => {})
  socket.on('connect', () => say(socket))
  await new Promise((resolve) => socket.on('close', resolve))
  return heard
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'taken',
    (thrown: unknown) => (ProvError.is(thrown) ? thrown.code : String(thrown)),
  )

t.test('garbage, endless lines and a thousand connections harm nobody', async (t) => {
  const here = await infra(t)
  const running = here.child(['run'])
  await running.said('is held by process')
  const stateDir = join(here.workspace, '.prov')
  const path = join(stateDir, 'run/socket')
  const rss = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${running.pid}/status`, 'utf8'))?.[1])
  const before = rss()

  const lines = [
    '\n',
    'GET / HTTP/1.1\r\n\r\n',
    '[]\n',
    'null\n',
    '{"do":1,"with":{}}\n',
    '{"do":"intent"}\n',
    '{"do":"__proto__","with":{}}\n',
    '{"do":"constructor","with":{}}\n',
    '{"do":"shutdown","with":{}}\n',
    `{"do":"plan","with":${'['.repeat(100_000)}}\n`,
    `{"do":"plan","with":{"proposal":{"type":"restart","target":"x","params":${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}}}}\n`,
    Buffer.from([0xff, 0xfe, 0x00, 0x0a]),
  ]
  for (const line of lines) {
    const heard = await raw(path, (socket) => socket.write(line))
    t.match(heard, '"code":"PROV_SOCKET_REQUEST"', String(line).slice(0, 40))
    t.notMatch(heard, 'PROV_INTERNAL')
  }
  const given: readonly [string, JsonObject][] = [
    ['intent', { token: 'x' }],
    ['vote', { token: 'a.b.c' }],
    ['act', { token: `${'a'.repeat(200_000)}` }],
    ['enrol', { token: 'x', record: { actor: 'eve' } }],
    ['plan', { proposal: { type: 'deploy', target: 'x', params: [1] } }],
    ['follow', { op: 'nobody', with: null }],
  ]
  const holder = await holderOf(stateDir)
  for (const [name, with_] of given.slice(0, 5)) {
    t.match(await codeOf(holder.call(name, with_)), /^PROV_(?!INTERNAL)/, name)
  }

  let sent = 0
  const chunk = Buffer.alloc(1_024 * 1_024, 'x')
  const answer = await raw(path, (socket) => {
    const more = (): void => {
      while (!socket.destroyed && sent < 1_024) {
        sent++
        if (!socket.write(chunk)) return void socket.once('drain', more)
      }
    }
    more()
  })
  t.match(answer, 'PROV_SOCKET_REQUEST')
  t.ok(sent < 1_024, `cut off after ${sent} MiB of a line without an end`)

  const idle = Array.from({ length: 1_000 }, () => connect({ path }))
  for (const socket of idle) socket.on('error', () => {})
  t.match(await holder.call('keeper', {}), { mode: 'hybrid' }, 'an honest one gets through')
  const { code } = await here.prov('op', 'submit', 'restart', 'monitoring/grafana')
  t.equal(code, 0)
  for (const socket of idle) socket.destroy()
  t.ok(rss() - before < 300_000, `${rss() - before} kB more`)

  // Who left in the middle of following leaves nothing behind.
  const left = new AbortController()
  const following = holder.call('follow', { op: 'nobody' }, { signal: left.signal })
  left.abort(new Error('left'))
  await following.catch(() => {})

  running.kill('SIGTERM')
  t.equal((await running).code, 0)
  t.same(await here.faults(), [])
})

t.test('a token counts once, for this writer, from who may sign it', async (t) => {
  const here = await infra(t)
  const first = await here.open({ serve: true })
  const stateDir = first.files.stateDir
  const old = await holderOf(stateDir)
  const clock = systemClock
  const keys = openKeyStore({ home: here.home, clock, passphrase: async () => '' })
  const alice = await keys.signer('alice')
  const mode = async (holder: Holder, to: string, signer = alice) => {
    const request = { act: 'keeper.mode', subject: 'mode', reason: '', with: { mode: to } } as const
    const { kid } = signer.record
    return signToken('act', actClaims({ request, kid, contract: holder.hello, clock }), signer)
  }
  const token = await mode(old, 'manual')
  const unused = await mode(old, 'auto')
  t.equal(await codeOf(old.call('act', { token })), 'taken')
  t.equal(await codeOf(old.call('act', { token })), 'PROV_TOKEN_REPLAYED')
  t.equal(
    await codeOf(old.call('act', { token: `${unused.slice(0, -8)}AAAAAAAA` })),
    'PROV_TOKEN_FORGED',
  )
  t.equal(await codeOf(old.call('act', { token: await mode(old, 'open') })), 'PROV_TOKEN_CLAIM')
  const stranger = await keys.create({ actor: 'eve', kind: 'human', passphrase: '' })
  const eve = await keys.signer('eve')
  t.equal(
    await codeOf(old.call('act', { token: await mode(old, 'auto', eve) })),
    'PROV_TOKEN_UNKNOWN_KEY',
  )
  const vouch = {
    request: { act: 'actor.enrol', subject: 'eve', reason: '', with: stranger as never },
    kid: eve.record.kid,
    contract: old.hello,
    clock,
  } as const
  const own = await signToken('act', actClaims(vouch), eve)
  t.match(
    await codeOf(old.call('enrol', { record: stranger as never, token: own })),
    /PROV_KEY_ENROL_REFUSED|PROV_TOKEN_UNKNOWN_KEY/,
    'nobody vouches for themselves',
  )

  // A signed body that is not what this workspace makes of the type is refused before it is recorded.
  const { body } = (await old.call('plan', {
    proposal: { type: 'restart', target: 'monitoring/grafana' },
  })) as { body: never }
  t.ok(body)

  const held = JSON.parse(
    (await here.prov('op', 'submit', 'restart', 'monitoring/grafana', '--json')).out,
  )
  const bob = await keys.signer('bob')
  const ballot = (await old.call('ballot', { op: held.op })) as never
  const request = { op: held.op, decision: 'reject', reason: 'no' } as const
  const vote = await signToken(
    'vote',
    voteClaims({ request, ballot, kid: bob.record.kid, contract: old.hello, clock }),
    bob,
  )
  t.equal(await codeOf(old.call('vote', { token: vote })), 'taken')
  t.match(await codeOf(old.call('vote', { token: vote })), /^PROV_/)

  await first.close()
  const second = await here.open({ serve: true })
  const now = await holderOf(stateDir)
  for (const one of [token, unused]) {
    t.equal(await codeOf(now.call('act', { token: one })), 'PROV_TOKEN_REPLAYED', 'a later writer')
  }
  t.match(await now.call('keeper', {}), { mode: 'manual' })
  t.equal(await codeOf(old.call('keeper', {})), 'PROV_SOCKET_GONE', 'an earlier writer')
  await second.close()
})

t.test('a holder that dies with a token in its hands: not known, and safe to repeat', async (t) => {
  const here = await infra(t)
  const running = here.child(['run'], { PROV_CRASH_AT: 'submit' })
  await running.said('is held by process')
  const submit = ['op', 'submit', 'restart', 'monitoring/grafana', '--op-id', 'lost'] as const
  const { code, err } = await here.prov(...submit)
  t.equal(code, 8, err)
  t.match(err, 'PROV_SOCKET_LOST')
  t.match(err, '--op-id lost')
  await running
  const again = await here.prov(...submit)
  t.equal(again.code, 0, again.err)
  t.equal(here.marks().filter((mark) => mark === 'start begins').length, 1)
  t.same(await here.faults(), [])
})

t.test(
  'a request that comes drop by drop is cut off, an answer nobody reads as well',
  async (t) => {
    const { dir } = temporaryFolder(t, { 'ws/keep': '' })
    const stateDir = join(dir, 'ws')
    const clock = simulatedClock()
    const hello = { build, pid: process.pid, workspace: 'w', journal: 'j', epoch: 1 }
    let told = 0
    let cut: () => void = () => {}
    const unread = new Promise<void>((resolve) => (cut = resolve))
    const served = await serveSocket({
      stateDir,
      env: {},
      hello,
      clock,
      log: logFor('socket', () => {}),
      limits: { requestMs: 5_000, unreadBytes: 4 * 1_024 * 1_024 },
      answers: {
        async talk(_, { say, signal }) {
          const text = 'x'.repeat(65_536)
          while (!signal.aborted) {
            say(text)
            told++
            await new Promise((resolve) => setImmediate(resolve))
          }
          cut()
        },
      },
    })
    const path = join(stateDir, 'run/socket')
    const slow = connect({ path })
    slow.on('error', () => {})
    slow.resume()
    const closed = new Promise((resolve) => slow.on('close', resolve))
    await new Promise<void>((resolve) =>
      slow.once('data', () => slow.write('{"do"', () => resolve())),
    )
    await clock.advance(5_000)
    await closed
    t.pass('the slow one was cut off')

    const deaf = connect({ path })
    deaf.on('error', () => {})
    deaf.write('{"do":"talk","with":{}}\n')
    deaf.pause()
    await unread
    t.ok(told < 1_000, `${told} answers of 64 KiB were made for nobody`)
    deaf.destroy()
    await served.close()
  },
)

t.test('a holder that was replaced takes nothing from the one that took its place', async (t) => {
  const { dir } = temporaryFolder(t, { 'ws/keep': '' })
  const stateDir = join(dir, 'ws')
  const serve = (epoch: number) =>
    serveSocket({
      stateDir,
      env: {},
      hello: { build, pid: process.pid, workspace: 'w', journal: 'j', epoch },
      clock: systemClock,
      log: logFor('socket', () => {}),
      answers: {},
    })
  // The first one was frozen: it wakes, and ends, when the second one is at work.
  const first = await serve(1)
  const second = await serve(2)
  await first.close()
  t.match(await holderOf(stateDir), { hello: { epoch: 2 } })
  await second.close()
  t.equal(placeOf(stateDir), undefined, 'and its own it takes along')
})
