import { execFile, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promises } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { canonicalJson, digestOfText } from 'prov'
import type { AuditEvent, JsonObject } from 'prov'
import { codeOf } from 'prov/testing'
import { commitMessage, parseTrailers } from '../../plugins/mirror/message.ts'
import type { LedgerEntry } from '../../plugins/mirror/message.ts'
import { sshPublicKey, sshSignature, verifySshSignature } from '../../plugins/mirror/sshsig.ts'
import { openLedger } from '../../plugins/mirror/writer.ts'
import { repoRoot } from '../support/root.ts'

const run = promisify(execFile)
const { privateKey: key } = generateKeyPairSync('ed25519')

async function folder(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'prov-ledger-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

const git = async (dir: string, ...args: string[]): Promise<string> =>
  (await run('git', ['-C', dir, ...args], { maxBuffer: 1e8 })).stdout

/** An event as a plane would sign it; the ledger's writer does not look at the signature. */
function entry(emitter: AuditEvent['emitter'], n: number, over: object = {}): LedgerEntry {
  const event = {
    specversion: '1.0',
    id: `${emitter}:1:${n}`,
    source: `prov/w/${emitter}`,
    type: 'prov.op.matched',
    subject: `op_${n}`,
    time: new Date(1_767_225_600_000 + n * 1_000).toISOString(),
    datacontenttype: 'application/json',
    workspace: 'w',
    correlationid: `op_${n}`,
    emitter,
    epoch: 1,
    n,
    prev: null,
    kid: 'k',
    data: { note: 'grüße ✓ "quoted" \\ \n line' },
    signature: 's',
    ...over,
  } as unknown as AuditEvent
  const text = canonicalJson(event as unknown as JsonObject)
  return { event, text, digest: digestOfText(text), streamSequence: 100 + n }
}

const open = (dir: string, signer: KeyObject = key) =>
  openLedger({ dir, workspace: 'w', key: signer })

t.test('plain git accepts every commit with the allowed signers that were written', async (t) => {
  const dir = await folder(t)
  const ledger = await open(dir)
  const odd = [
    'op\nAudit-Seq: 99\n\nAudit-Emitter: keeper',
    '   ',
    'ünïcödé ✓ 🚀',
    '# a comment to git',
    'x'.repeat(500),
    '-----BEGIN SSH SIGNATURE-----',
    'trailing\r\n\r\n',
  ]
  const events = odd.map((subject, at) => entry('keeper', at + 1, { subject }))
  await ledger.append(events.slice(0, 3))
  await ledger.append(events.slice(3))
  const commits = (await git(dir, 'rev-list', '--reverse', 'HEAD')).trim().split('\n')
  t.equal(commits.length, odd.length)
  for (const [at, commit] of commits.entries()) {
    await t.resolves(git(dir, 'verify-commit', commit), `commit ${at + 1}`)
    const message = await git(dir, 'show', '-s', '--format=%B', commit)
    t.same(parseTrailers(message), { emitter: 'keeper', n: at + 1, digest: events[at]?.digest })
    t.equal(
      digestOfText(await git(dir, 'cat-file', 'blob', `${commit}:event.json`)),
      events[at]?.digest,
      'the file is the text that its digest is over',
    )
    t.equal((await git(dir, 'ls-tree', '--name-only', commit)).trim(), 'event.json')
  }
  const trailers = await git(
    dir,
    'show',
    '-s',
    '--format=%(trailers:key=Audit-Seq,valueonly)',
    'HEAD',
  )
  t.equal(trailers.trim(), String(odd.length), "git's own trailer parser reads them too")
  t.equal((await git(dir, 'fsck', '--strict', '--no-dangling')).trim(), '')
  t.equal((await git(dir, 'status', '--porcelain')).trim(), '')
  const shown = await git(dir, 'log', '-1', '--format=%G? %GS %an')
  t.equal(shown.trim(), 'G ledger@w keeper')
})

t.test('a commit of another key is not accepted', async (t) => {
  const dir = await folder(t)
  const ledger = await open(dir)
  await ledger.append([entry('keeper', 1)])
  const other = generateKeyPairSync('ed25519').privateKey
  await writeFile(
    join(dir, '.git', 'allowed_signers'),
    `x namespaces="git" ${sshPublicKey(other)}\n`,
  )
  await t.rejects(git(dir, 'verify-commit', 'HEAD'))
})

t.test('after a change of keys old and new commits are both accepted', async (t) => {
  const dir = await folder(t)
  await (await open(dir)).append([entry('keeper', 1)])
  await (await open(dir, generateKeyPairSync('ed25519').privateKey)).append([entry('keeper', 2)])
  await t.resolves(git(dir, 'verify-commit', 'HEAD'))
  await t.resolves(git(dir, 'verify-commit', 'HEAD~1'))
})

t.test('the same events give the same commits wherever they are written', async (t) => {
  const events = [entry('keeper', 1), entry('controller', 1), entry('keeper', 2)]
  const one = await (await open(await folder(t))).append(events)
  const ledger = await open(await folder(t))
  const two = [
    ...(await ledger.append(events.slice(0, 1))),
    ...(await ledger.append(events.slice(1))),
  ]
  t.same(one, two)
})

t.test('what is held is found again, with the index, without it and behind it', async (t) => {
  const dir = await folder(t)
  const events = [
    entry('keeper', 1),
    entry('controller', 1),
    entry('keeper', 2),
    entry('keeper', 3),
  ]
  await (await open(dir)).append(events)
  const index = join(dir, '.git', 'prov', 'index')
  const whole = await readFile(index, 'utf8')
  const lines = whole.split('\n')
  const broken: [string, string][] = [
    ['whole', whole],
    ['missing', ''],
    ['behind', `${lines.slice(0, 2).join('\n')}\n`],
    ['torn', whole.slice(0, -10)],
    ['damaged', whole.replace(/ keeper /, ' ')],
    // From the middle of one digest to the middle of another one: still a line of four words.
    [
      'with a sector of zeros',
      `${whole.slice(0, 80)}${'\0'.repeat(whole.indexOf(' keeper 2 ') - 40)}${whole.slice(whole.indexOf(' keeper 2 ') + 40)}`,
    ],
    ['of another history', whole.replace(/^[0-9a-f]{40}/gm, 'f'.repeat(40))],
  ]
  for (const [what, text] of broken) {
    await writeFile(index, text)
    const { seen } = await open(dir)
    t.same([seen.last('keeper'), seen.last('controller'), seen.total], [3, 1, 4], what)
    t.equal(seen.judge({ emitter: 'keeper', n: 2, digest: events[2]?.digest as string }), 'known')
    t.equal(seen.judge({ emitter: 'keeper', n: 2, digest: 'sha256:other' }), 'forked')
    t.equal(seen.judge({ emitter: 'keeper', n: 4, digest: 'd' }), 'next')
    t.equal(seen.judge({ emitter: 'keeper', n: 5, digest: 'd' }), 'gap')
    t.equal(seen.judge({ emitter: 'submitter', n: 1, digest: 'd' }), 'next')
    t.equal(await readFile(index, 'utf8'), whole, `${what}: and the index is whole again`)
  }
  await git(dir, 'gc', '-q')
  await git(dir, 'pack-refs', '--all')
  const packed = await open(dir)
  t.equal(packed.seen.total, 4, 'also after git packed everything')
  await packed.append([entry('submitter', 1)])
  t.equal((await git(dir, 'fsck', '--strict', '--no-dangling')).trim(), '')
})

t.test('an object whose name outlived its content in a power cut is written again', async (t) => {
  const events = [entry('keeper', 1), entry('keeper', 2)]
  const elsewhere = await folder(t)
  const commits = await (await open(elsewhere)).append(events)
  const listed = await git(elsewhere, 'rev-list', '--objects', 'main')
  const objects = listed.match(/^[0-9a-f]{40}/gm) ?? []
  t.equal(objects.length, 6)
  const contents: [string, (whole: Buffer) => Buffer][] = [
    ['empty', () => Buffer.alloc(0)],
    ['torn', (whole) => whole.subarray(0, whole.length / 2)],
    ['zeros', (whole) => Buffer.alloc(whole.length)],
  ]
  for (const [what, spoilt] of contents) {
    const dir = await folder(t)
    const ledger = await open(dir)
    for (const oid of objects) {
      const path = join('.git', 'objects', oid.slice(0, 2), oid.slice(2))
      await mkdir(join(dir, path, '..'), { recursive: true })
      await writeFile(join(dir, path), spoilt(await readFile(join(elsewhere, path))))
    }
    t.same(await ledger.append(events), commits, what)
    t.equal((await git(dir, 'fsck', '--strict', '--no-dangling')).trim(), '', `${what}: all whole`)
  }
})

t.test(
  'a repository that a power cut left half made is made whole at the next start',
  async (t) => {
    for (const file of ['HEAD', 'config'] as const) {
      const spoil: [string, (path: string) => Promise<void>][] = [
        ['missing', (path) => rm(path)],
        ['empty', (path) => writeFile(path, '')],
        ['zeros', (path) => writeFile(path, Buffer.alloc(64))],
      ]
      for (const [what, act] of spoil) {
        const dir = await folder(t)
        await open(dir)
        await act(join(dir, '.git', file))
        const [commit] = await (await open(dir)).append([entry('keeper', 1)])
        t.equal((await git(dir, 'rev-parse', 'HEAD')).trim(), commit, `${file} ${what}`)
        await git(dir, 'verify-commit', 'HEAD')
        t.equal((await git(dir, 'fsck', '--strict', '--no-dangling')).trim(), '')
      }
    }
  },
)

t.test('the folder of a new repository is an entry that is synced', async (t) => {
  const outside = await folder(t)
  const plain = promises.open
  t.teardown(() => (promises.open = plain))
  const synced: string[] = []
  promises.open = async (path, ...rest) => {
    const handle = await plain(path, ...rest)
    const sync = handle.sync.bind(handle)
    handle.sync = async () => {
      synced.push(String(path))
      await sync()
    }
    return handle
  }
  await open(join(outside, 'deep', 'ledger'))
  for (const path of [outside, join(outside, 'deep')]) t.ok(synced.includes(path), path)
  synced.length = 0
  await open(join(outside, 'deep', 'ledger'))
  t.ok(
    synced.includes(join(outside, 'deep')),
    'and once more, since nobody knows of the first time',
  )
})

t.test("git's own index, spoilt by a power cut, is made again and keeps nothing out", async (t) => {
  const dir = await folder(t)
  await (await open(dir)).append([entry('keeper', 1), entry('keeper', 2)])
  const index = join(dir, '.git', 'index')
  const whole = await readFile(index)
  const contents: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['torn', whole.subarray(0, whole.length / 2)],
    ['zeros', Buffer.alloc(whole.length)],
    ['a sector of zeros', Buffer.concat([whole.subarray(0, 40), Buffer.alloc(whole.length - 40)])],
  ]
  let n = 2
  for (const [what, spoilt] of contents) {
    await writeFile(index, spoilt)
    await writeFile(join(dir, 'event.json'), '')
    const ledger = await open(dir)
    t.equal(await git(dir, 'status', '--porcelain'), '', `${what}: clean as soon as it is open`)
    await ledger.append([entry('keeper', ++n)])
    t.equal(await git(dir, 'status', '--porcelain'), '', what)
  }
})

t.test('a main that was lost is named, never taken for an empty ledger', async (t) => {
  const dir = await folder(t)
  const [commit] = await (await open(dir)).append([entry('keeper', 1)])
  await git(dir, 'update-ref', '-d', 'refs/heads/main')
  t.equal(await codeOf(open(dir)), 'PROV_LEDGER_HEAD_LOST')
  await git(dir, 'update-ref', 'refs/heads/main', commit as string)
  t.equal((await open(dir)).seen.total, 1)
})

t.test('a commit by anybody else stops the ledger by name', async (t) => {
  const dir = await folder(t)
  const ledger = await open(dir)
  await ledger.append([entry('keeper', 1)])
  const by = ['-c', 'user.name=x', '-c', 'user.email=x@x']
  await git(dir, ...by, 'commit', '-q', '--allow-empty', '-m', 'mine')
  t.equal(await codeOf(ledger.append([entry('keeper', 2)])), 'PROV_LEDGER_MOVED')
  t.equal(await codeOf(open(dir)), 'PROV_LEDGER_FOREIGN')
  await git(dir, 'reset', '-q', '--hard', 'HEAD~1')
  await ledger.append([entry('keeper', 2)])
  t.equal(ledger.seen.total, 2, 'and it goes on once main is set back')
})

t.test('a ledger that cannot be written loses nothing and goes on later', async (t) => {
  const dir = await folder(t)
  const ledger = await open(dir)
  await ledger.append([entry('keeper', 1)])
  const objects = join(dir, '.git', 'objects')
  await run('mv', [objects, `${objects}.away`])
  await writeFile(objects, 'in the way')
  t.equal(await codeOf(ledger.append([entry('keeper', 2)])), 'PROV_LEDGER_WRITE_FAILED')
  t.equal(ledger.seen.total, 1)
  await rm(objects)
  await run('mv', [`${objects}.away`, objects])
  await ledger.append([entry('keeper', 2)])
  t.equal((await git(dir, 'rev-list', '--count', 'HEAD')).trim(), '2')
  t.equal((await git(dir, 'fsck', '--strict', '--no-dangling')).trim(), '')
})

t.test('killed at any moment it holds a whole prefix, and the rest follows once', async (t) => {
  const dir = await folder(t)
  const keyFile = join(dir, 'key.pem')
  await writeFile(keyFile, key.export({ type: 'pkcs8', format: 'pem' }))
  const repo = join(dir, 'repo')
  const script = `
    import { readFileSync } from 'node:fs'
    import { createPrivateKey } from 'node:crypto'
    const { openLedger } = await import(${JSON.stringify(new URL('../../plugins/mirror/writer.js', import.meta.url).href)})
    const entries = JSON.parse(readFileSync(${JSON.stringify(join(dir, 'entries.json'))}, 'utf8'))
    const ledger = await openLedger({ dir: ${JSON.stringify(repo)}, workspace: 'w', key: createPrivateKey(readFileSync(${JSON.stringify(keyFile)})) })
    process.stdout.write('open\\n')
    for (let at = ledger.seen.total; at < entries.length; at += 3) {
      await ledger.append(entries.slice(at, at + 3))
      process.stdout.write(ledger.seen.total + '\\n')
    }`
  const entries = Array.from({ length: 60 }, (_, at) => entry('keeper', at + 1))
  await writeFile(join(dir, 'entries.json'), JSON.stringify(entries))
  let promised = 0
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: repoRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let lines = 0
    child.stdout.on('data', (bytes: Buffer) => {
      for (const line of bytes.toString().trim().split('\n')) {
        if (line !== 'open') promised = Number(line)
        // Somewhere within a batch: a different place in each round.
        if (++lines === 2 + round) setTimeout(() => child.kill('SIGKILL'), round * 3)
      }
    })
    await new Promise((done) => child.once('close', done))
    const { seen } = await open(repo)
    t.ok(seen.total >= promised, `${seen.total} held, ${promised} were promised`)
    t.equal((await git(repo, 'fsck', '--strict', '--no-dangling')).trim(), '')
  }
  const ledger = await open(repo)
  await ledger.append(entries.slice(ledger.seen.total))
  t.equal((await git(repo, 'rev-list', '--count', 'HEAD')).trim(), '60', 'none lost, none doubled')
})

t.test('signatures are those of ssh-keygen', async (t) => {
  const dir = await folder(t)
  const message = 'any bytes ✓\n'
  const signature = sshSignature(message, { key, namespace: 'file' })
  await writeFile(join(dir, 'allowed'), `me ${sshPublicKey(key)}\n`)
  await writeFile(join(dir, 'sig'), signature)
  const check = (input: string) =>
    new Promise<number | null>((done) => {
      const args = ['-Y', 'verify', '-f', 'allowed', '-I', 'me', '-n', 'file', '-s', 'sig']
      const child = spawn('ssh-keygen', args, { cwd: dir, stdio: ['pipe', 'ignore', 'ignore'] })
      child.once('close', done)
      child.stdin.end(input)
    })
  t.equal(await check(message), 0)
  t.not(await check(`${message} `), 0)
  t.ok(verifySshSignature(message, signature, { key, namespace: 'file' }))
  t.notOk(verifySshSignature(`${message} `, signature, { key, namespace: 'file' }))
  t.notOk(verifySshSignature(message, signature, { key, namespace: 'git' }))
  const other = generateKeyPairSync('ed25519').publicKey
  t.notOk(verifySshSignature(message, signature, { key: other, namespace: 'file' }))
  t.notOk(verifySshSignature(message, 'rubbish', { key, namespace: 'file' }))
})

t.test('no event can write a trailer of its own', (t) => {
  const made = commitMessage(
    entry('keeper', 7, { subject: 'a\n\nAudit-Seq: 8', id: 'b\nAudit-Seq: 9' }),
  )
  t.equal(parseTrailers(made)?.n, 7)
  t.equal(made.match(/^Audit-Seq:/gm)?.length, 1)
  t.equal(parseTrailers('no trailers here\n'), undefined)
  t.end()
})
