/** From the audit stream into the ledger: every event once, whatever the stream and the disk do. */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import {
  bus,
  canonicalJson,
  contract,
  createRuntime,
  definePlugin,
  eventDigest,
  journal,
  ledger,
  parseAuditEvent,
  streams,
  subjects,
} from 'prov'
import type { AuditEvent, Bus, Contract, JsonObject, Runtime } from 'prov'
import { codeOf, pluginKit } from 'prov/testing'
import { readJournal } from '../../core/journal/reader.ts'
import mirror from '../../plugins/mirror/index.ts'
import type { LedgerState } from '../../plugins/mirror/reads/ledger.ts'
import { runChild } from '../support/child.ts'
import { temporaryFolder } from '../support/folder.ts'

const run = promisify(execFile)
const git = async (dir: string, ...args: string[]): Promise<string> =>
  (await run('git', ['-C', dir, ...args], { maxBuffer: 1e8 })).stdout.trim()

interface Open {
  readonly runtime: Runtime
  readonly contract: Contract
  readonly bus: Bus
  readonly lines: string[]
  emit(count: number): Promise<AuditEvent[]>
}

function place(t: Test) {
  const { dir } = temporaryFolder(t)
  const root = join(dir, 'infra')
  mkdirSync(join(root, '.ontology'), { recursive: true })
  const home = join(dir, 'home')
  const repo = join(root, '.prov', 'infra-state')
  async function open(options: { readonly pump: boolean } = { pump: true }): Promise<Open> {
    let parts: { contract: Contract; bus: Bus } | undefined
    const lines: string[] = []
    const grip = definePlugin({
      name: 'grip',
      api: 1,
      needs: { contract, bus },
      setup({ needs, signal }) {
        parts = needs
        if (options.pump) needs.contract.outbox('keeper', { signal })
      },
    })
    const runtime = await createRuntime({
      workspace: root,
      home,
      discover: false,
      plugins: [mirror, grip],
      log: ({ text, detail }) => lines.push(`${text} ${JSON.stringify(detail ?? {})}`),
    })
    t.teardown(() => runtime.close())
    const needs = parts as unknown as { contract: Contract; bus: Bus }
    return {
      ...needs,
      runtime,
      lines,
      async emit(count) {
        const events: AuditEvent[] = []
        for (let at = 0; at < count; at++) {
          const data = { by: 'alice', reason: `nr ${at}` }
          const draft = { type: 'op.withdrawn', subject: `op_${at}`, data } as const
          events.push((await needs.contract.emit('keeper', draft)) as AuditEvent)
        }
        return events
      },
    }
  }
  return { root, home, repo, open }
}

const numbers = async (repo: string): Promise<string[]> =>
  (
    await git(repo, 'log', '--reverse', '--format=%(trailers:key=Audit-Seq,valueonly,separator=)')
  ).split('\n')

/** Waits for a fact that nobody announces. */
async function until(fact: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await fact())) await new Promise((turn) => setTimeout(turn, 10))
}

const settledStream = (at: Open) =>
  until(async () => {
    const info = await at.bus.streamInfo(streams.audit('infra'))
    return info?.consumers.every((one) => one.pending + one.inFlight === 0) === true
  })

t.test('it keeps the contract of plugins', async (t) => {
  void pluginKit(t, () => mirror, { badConfigs: [{ dir: 'here' }, { path: '/x' }] })
})

t.test('a life that ends while the ledger is far behind leaves it to the next one', async (t) => {
  const { open, repo } = place(t)
  const first = await open({ pump: false })
  await first.emit(700)
  await first.runtime.close()
  rmSync(repo, { recursive: true, force: true })
  const second = await open({ pump: false })
  await until(() => existsSync(join(repo, '.git', 'HEAD')))
  await second.runtime.close()
  const count = async () => Number(await git(repo, 'rev-list', '--count', '--all'))
  const left = await count()
  t.ok(left < 705, `it stopped at ${left}`)
  await new Promise((later) => setTimeout(later, 1_000))
  t.equal(await count(), left, 'nobody writes who does not hold the workspace')
  t.notOk(second.lines.some((line) => line.includes('did not end')))
  const third = await open({ pump: false })
  t.equal((await third.runtime.service(ledger).settled()).commits, 705)
  await git(repo, 'fsck', '--strict', '--no-dangling')
})

t.test('each event becomes one signed commit that plain git verifies', async (t) => {
  const { open, repo } = place(t)
  const at = await open()
  await at.emit(5)
  const { commits } = await at.runtime.service(ledger).settled()
  const enrolled = 5
  t.equal(commits, 5 + enrolled, 'the keys of the planes were enrolled first')
  t.equal(await at.runtime.service(ledger).path(), repo)
  const list = (await git(repo, 'rev-list', '--reverse', 'HEAD')).split('\n')
  t.equal(list.length, commits)
  let prev: string | null = null
  for (const commit of list) {
    await git(repo, 'verify-commit', commit)
    const text = await git(repo, 'cat-file', 'blob', `${commit}:event.json`)
    const event = parseAuditEvent(JSON.parse(text), commit)
    t.equal(event.prev, prev, `event ${event.n} follows the one before it`)
    prev = await git(
      repo,
      'show',
      '-s',
      '--format=%(trailers:key=Audit-Digest,valueonly,separator=)',
      commit,
    )
  }
  t.equal(await git(repo, 'fsck', '--strict', '--no-dangling'), '')
  await settledStream(at)
  t.equal(await git(repo, 'rev-list', '--count', 'HEAD'), String(commits), 'the stream added none')
  const state = (await at.runtime.read('ledger')) as LedgerState
  t.match(state, { path: repo, commits, behind: 0, head: list.at(-1) })
})

t.test('the stream alone is enough: nobody has to ask', async (t) => {
  const { open, repo } = place(t)
  const at = await open()
  await at.runtime.service(ledger).settled()
  await at.emit(5)
  await until(async () => (await numbers(repo)).length === 10)
  t.equal((await numbers(repo)).length, 10)
})

t.test('what comes twice is in the ledger once', async (t) => {
  const { open, repo } = place(t)
  const at = await open()
  const events = await at.emit(3)
  await until(async () => (await numbers(repo).catch(() => [])).length === 8)
  for (const event of [...events, ...events]) {
    const id = `again-${Math.random()}`
    await at.bus.publish(subjects.audit('infra'), { id, body: event as unknown as JsonObject })
  }
  await settledStream(at)
  t.same(await numbers(repo), ['1', '2', '3', '4', '5', '6', '7', '8'])
})

t.test('what the stream left out comes from the journal, in order', async (t) => {
  const { open, repo } = place(t)
  const at = await open({ pump: false })
  const events = await at.emit(6)
  for (const event of [events[5], events[2], events[4]]) {
    const { id } = event as AuditEvent
    await at.bus.publish(subjects.audit('infra'), { id, body: event as unknown as JsonObject })
  }
  await settledStream(at)
  t.same(
    await numbers(repo),
    Array.from({ length: 11 }, (_, n) => String(n + 1)),
  )
})

t.test('a forged event is put aside with its reason and stops nothing', async (t) => {
  const { open, repo } = place(t)
  const at = await open()
  const [event] = await at.emit(1)
  await at.runtime.service(ledger).settled()
  const good = event as unknown as JsonObject
  const bad: [string, JsonObject][] = [
    ['PROV_AUDIT_FORGED', { ...good, n: 7, id: 'keeper:1:7' }],
    ['PROV_AUDIT_FORGED', { ...good, subject: 'other' }],
    ['PROV_AUDIT_UNKNOWN_KEY', { ...good, emitter: 'controller' }],
    ['PROV_AUDIT_UNKNOWN_KEY', { ...good, kid: 'nobody' }],
    ['PROV_AUDIT_UNKNOWN_KEY', { ...good, workspace: 'other' }],
    ['PROV_AUDIT_MALFORMED', { hello: 'world' }],
  ]
  for (const [, body] of bad) {
    await at.bus.publish(subjects.audit('infra'), { id: `bad-${Math.random()}`, body })
  }
  await at.emit(1)
  await until(async () => (await numbers(repo)).length === 7)
  await settledStream(at)
  t.same(await numbers(repo), ['1', '2', '3', '4', '5', '6', '7'])
  const put = at.lines.filter((line) => line.includes('put aside'))
  t.same(
    put.map((line) => /PROV_AUDIT_\w+/.exec(line)?.[0]),
    bad.map(([code]) => code),
  )
})

t.test(
  'an event that nobody signed stops the mirror, also when it stands in the journal',
  async (t) => {
    const { open, repo } = place(t)
    const at = await open()
    const [last] = await at.emit(1)
    await at.runtime.service(ledger).settled()
    const before = await git(repo, 'rev-parse', 'HEAD')
    // Whoever may write files may write this record: next in number and in chain, and not signed.
    const { n, id, ...rest } = last as AuditEvent
    const prev = eventDigest(last as AuditEvent)
    const body = { ...rest, n: n + 1, id: `${id.slice(0, id.lastIndexOf(':'))}:${n + 1}`, prev }
    const record = { partition: 'keeper', type: 'audit', body: body as unknown as JsonObject }
    await at.runtime.service(journal).append([record])
    t.equal(await codeOf(at.runtime.service(ledger).settled()), 'PROV_AUDIT_FORGED')
    t.equal(await git(repo, 'rev-parse', 'HEAD'), before, 'the ledger has nothing of it')
  },
)

t.test('two genuine events with one number stop the mirror; operations go on', async (t) => {
  const { open, repo } = place(t)
  const at = await open()
  const [event] = await at.emit(1)
  await at.runtime.service(ledger).settled()
  const { signature: _, ...unsigned } = { ...(event as AuditEvent), subject: 'another story' }
  const text = canonicalJson(unsigned as unknown as JsonObject)
  const twin = { ...unsigned, signature: at.contract.service('keeper').sign(text) }
  await at.bus.publish(subjects.audit('infra'), { id: 'twin', body: twin as unknown as JsonObject })
  const row = () => at.runtime.plugins().find(({ name }) => name === 'mirror')
  await until(() => row()?.state === 'failed')
  t.ok(
    at.lines.some((line) => line.includes('stands still') && line.includes('PROV_AUDIT_FORKED')),
    'an alarm says why',
  )
  const before = await git(repo, 'rev-parse', 'HEAD')
  t.equal((await at.emit(2)).length, 2, 'planes go on')
  t.equal(await git(repo, 'rev-parse', 'HEAD'), before, 'the ledger does not')
  await at.runtime.close()
  const again = await open()
  t.equal(
    (await again.runtime.service(ledger).settled()).commits,
    8,
    'a start finds the journal good',
  )
})

t.test(
  'a journal that was set back is told by the ledger where nobody else remembers it',
  async (t) => {
    const { open, root, home } = place(t)
    const first = await open()
    await first.emit(2)
    await first.runtime.service(ledger).settled()
    await first.runtime.close()
    const kept = join(root, 'kept')
    cpSync(join(root, '.prov', 'journal'), kept, { recursive: true })
    const second = await open()
    await second.emit(2)
    await second.runtime.service(ledger).settled()
    await second.runtime.close()
    rmSync(join(root, '.prov', 'journal'), { recursive: true })
    cpSync(kept, join(root, '.prov', 'journal'), { recursive: true })
    rmSync(join(home, 'anchors'), { recursive: true })
    t.equal(await codeOf(open()), 'PROV_LEDGER_AHEAD', 'nothing starts on a journal that forgot')
  },
)

t.test('a ledger that cannot be written is tried again until it can', async (t) => {
  const { open, repo } = place(t)
  const at = await open()
  await at.emit(1)
  await at.runtime.service(ledger).settled()
  const refs = join(repo, '.git', 'refs', 'heads')
  renameSync(refs, `${refs}.away`)
  writeFileSync(refs, 'in the way')
  await at.emit(1)
  await until(() => at.lines.some((line) => line.includes('PROV_LEDGER_')))
  rmSync(refs)
  renameSync(`${refs}.away`, refs)
  const { commits } = await at.runtime.service(ledger).settled()
  t.equal(commits, 7)
  t.equal(await git(repo, 'fsck', '--strict', '--no-dangling'), '')
  t.notOk(existsSync(join(refs, 'main.lock')))
})

t.test('killed between commit and acknowledgement it doubles nothing', async (t) => {
  const { root, home, repo } = place(t)
  let emitted = 0
  for (const point of ['mirrored', 'mirrored:2', 'mirrored', 'mirrored:3', '']) {
    process.env['PROV_CRASH_AT'] = point
    const child = runChild('mirrored', [root, home, '4'])
    delete process.env['PROV_CRASH_AT']
    await child.atLeast(Infinity)
    emitted += child.lines.filter((line) => line.startsWith('emitted')).length
    const said = child.lines.find((line) => line.startsWith('settled'))
    if (point === '') t.match(said, /settled/)
    else t.equal(await git(repo, 'fsck', '--strict', '--no-dangling'), '')
  }
  const found = await numbers(repo)
  t.same(
    found,
    Array.from({ length: found.length }, (_, n) => String(n + 1)),
    'each number once',
  )
  t.ok(found.length >= emitted + 5, `${found.length} in the ledger, ${emitted} were emitted`)
  const verdicts = new Set((await git(repo, 'log', '--format=%G?')).split('\n'))
  t.same([...verdicts], ['G'], 'and git finds every signature good')
})

t.test(
  'a start goes on at the checkpoint, and reads all for a ledger that does not bear it out',
  async (t) => {
    const { open, root, repo } = place(t)
    const first = await open()
    await first.emit(3)
    await first.runtime.service(ledger).settled()
    await first.runtime.close()
    const journal = await readJournal({ dir: join(root, '.prov', 'journal') })
    const snapshot = await journal.snapshot('mirror')
    await journal.close()
    t.match(snapshot?.body, { ends: [['keeper', 8, /./]] })

    const second = await open()
    const [event] = await second.emit(1)
    t.equal((await second.runtime.service(ledger).settled()).commits, 9)
    t.notOk(second.lines.some((line) => line.includes('read whole')))
    await second.runtime.close()
    t.equal(event?.n, 9)

    rmSync(repo, { recursive: true })
    const third = await open()
    t.equal((await third.runtime.service(ledger).settled()).commits, 9)
    t.ok(third.lines.some((line) => line.includes('another one than it was')))
    t.equal((await numbers(repo)).length, 9)
  },
)

t.test('whoever waits for it may leave', async (t) => {
  const { open } = place(t)
  const at = await open()
  const signal = AbortSignal.abort(new Error('gone'))
  t.match(await codeOf(at.runtime.service(ledger).settled({ signal })), /gone/)
})

t.test('config is parsed at the door', (t) => {
  const parse = mirror.config as (raw: unknown) => unknown
  t.same(parse(undefined), {})
  t.same(parse({ dir: '/srv/ledger' }), { dir: '/srv/ledger' })
  for (const bad of [[], 'x', { dir: './here' }, { path: '/x' }]) {
    t.throws(() => parse(bad), { code: 'PROV_LEDGER_CONFIG' }, JSON.stringify(bad))
  }
  t.end()
})
