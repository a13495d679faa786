import { execFile } from 'node:child_process'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { canonicalJson, digestOfText } from '../../core/json.ts'
import { codeOf } from '../../core/kit.ts'
import type { JsonObject } from '../../core/json.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { checkLedger } from '../../plugins/mirror/ledger-check.ts'
import type { LedgerEntry } from '../../plugins/mirror/message.ts'
import { ledgerDir, pointerText } from '../../plugins/mirror/place.ts'
import { openLedger } from '../../plugins/mirror/writer.ts'

const run = promisify(execFile)
const { privateKey } = generateKeyPairSync('ed25519')
const key = createPublicKey(privateKey)
const mallory = ['-c', 'user.name=m', '-c', 'user.email=m@m', '-c', 'commit.gpgsign=false']

function entry(n: number, note = 'as it was'): LedgerEntry {
  const event = {
    id: `keeper:1:${n}`,
    type: 'prov.op.matched',
    subject: `op_${n}`,
    time: new Date(1_767_225_600_000 + n * 1_000).toISOString(),
    emitter: 'keeper',
    n,
    data: { note },
  } as unknown as AuditEvent
  const text = canonicalJson(event as unknown as JsonObject)
  return { event, text, digest: digestOfText(text) }
}

const events = [1, 2, 3, 4, 5].map((n) => entry(n))
const journal = new Map([['keeper', events.map(({ digest }) => digest)]])

async function written(t: Test) {
  const dir = await mkdtemp(join(tmpdir(), 'prov-ledger-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  await (await openLedger({ dir, workspace: 'w', key: privateKey })).append(events)
  const git = async (...args: string[]) => (await run('git', ['-C', dir, ...args])).stdout.trim()
  const check = async (over: object = {}) => {
    const { findings } = await checkLedger({ dir, key, journal, ...over })
    return findings.map(({ code, detail }) => ({ ...detail, code }) as Record<string, unknown>)
  }
  return { dir, git, check }
}

t.test('a ledger as the mirror wrote it is good, also after git packed it', async (t) => {
  const { dir, git, check } = await written(t)
  t.same(await check(), [])
  await git('gc', '-q')
  t.same(await check(), [])
  const { commits, head } = await checkLedger({ dir, key, journal })
  t.equal(commits, 5)
  t.equal(head, await git('rev-parse', 'HEAD'))
})

t.test('a commit that was amended is told, and nothing is written on top of it', async (t) => {
  const { dir, git, check } = await written(t)
  await writeFile(join(dir, 'event.json'), events[4]?.text.replace('as it was', 'as I like') ?? '')
  const message = await git('log', '-1', '--format=%B')
  await git(...mallory, 'commit', '-q', '--amend', '-am', message)
  const commit = await git('rev-parse', 'HEAD')
  t.match(await check(), [
    { code: 'PROV_LEDGER_FOREIGN', commit, why: /event 5 of keeper: its signature/ },
    { code: 'PROV_LEDGER_MOVED', found: commit },
  ])
  const again = openLedger({ dir, workspace: 'w', key: privateKey })
  t.equal(
    await codeOf(again),
    'PROV_LEDGER_FOREIGN',
    'copied trailers do not stand for a signature',
  )
})

t.test('a commit that was taken out is told by those that came after it', async (t) => {
  const { git, check } = await written(t)
  await git(...mallory, 'rebase', '-q', '--onto', 'HEAD~3', 'HEAD~2', 'main', '-X', 'theirs')
  const found = await check()
  t.match(found[0], { code: 'PROV_LEDGER_FOREIGN', why: /event 4 of keeper: its signature/ })
  t.ok(found.some(({ why }) => /event 4 of keeper after event 2/.test(String(why))))
})

t.test('main that was set back is told, while the index remembers', async (t) => {
  const { dir, git, check } = await written(t)
  const was = await git('rev-parse', 'HEAD')
  await git('reset', '-q', '--hard', 'HEAD~2')
  t.match(await check(), [{ code: 'PROV_LEDGER_MOVED', expected: was }])
  // Without the index it looks like an outage: the number of commits says how far it is behind.
  await rm(join(dir, '.git', 'prov', 'index'))
  t.same(await check(), [])
  t.equal((await checkLedger({ dir, key, journal })).commits, 3)
})

t.test('a history rewritten with a key of its own is not the ledger', async (t) => {
  const { dir, check } = await written(t)
  await rm(dir, { recursive: true })
  const other = generateKeyPairSync('ed25519').privateKey
  await (await openLedger({ dir, workspace: 'w', key: other })).append(events)
  t.same([...new Set((await check()).map(({ code }) => String(code)))], ['PROV_LEDGER_FOREIGN'])
})

t.test('a journal that was set back or forked is told by the ledger', async (t) => {
  const { check } = await written(t)
  const known = journal.get('keeper') ?? []
  t.match(await check({ journal: new Map([['keeper', known.slice(0, 3)]]) }), [
    { code: 'PROV_LEDGER_AHEAD', emitter: 'keeper', ledger: 5, journal: 3 },
  ])
  t.match(await check({ key: undefined, journal: new Map() }), [
    { code: 'PROV_LEDGER_AHEAD', emitter: 'keeper', ledger: 5, journal: 0 },
  ])
  const forked = [...known.slice(0, 4), entry(5, 'another').digest]
  t.match(await check({ journal: new Map([['keeper', forked]]) }), [
    { code: 'PROV_AUDIT_FORKED', emitter: 'keeper', n: 5, ledger: known[4], found: forked[4] },
  ])
})

t.test('a damaged object is told with its commit', async (t) => {
  const { dir, git, check } = await written(t)
  const blob = await git('rev-parse', 'HEAD~2:event.json')
  const file = join(dir, '.git', 'objects', blob.slice(0, 2), blob.slice(2))
  await rm(file)
  await writeFile(file, 'x')
  const commit = await git('rev-parse', 'HEAD~2')
  t.match(await check(), [{ code: 'PROV_LEDGER_FOREIGN', commit }])
})

t.test('a workspace that was copied points to its own ledger', async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'prov-state-'))
  t.teardown(() => rm(state, { recursive: true, force: true }))
  const file = join(state, 'ledger.json')
  await writeFile(file, pointerText('/elsewhere/.prov', '/elsewhere/.prov/w-state'))
  t.equal(await ledgerDir(state, 'w'), join(state, 'w-state'))
  await writeFile(file, pointerText('/elsewhere/.prov', '/var/ledger'))
  t.equal(await ledgerDir(state, 'w'), '/var/ledger')
  t.notMatch(await readFile(file, 'utf8'), /elsewhere/)
})
