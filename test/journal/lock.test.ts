import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { ProvError } from '../../core/errors.ts'
import { openJournal } from '../../core/journal/file.ts'
import { diskFiles } from '../../core/journal/files.ts'
import type { JournalFiles } from '../../core/journal/files.ts'
import type { Journal } from '../../core/journal/journal.ts'
import { systemProcesses } from '../../core/journal/lock.ts'
import { refuseRemote, remoteFileSystem } from '../../core/journal/place.ts'
import { codeOf } from '../../core/kit.ts'
import { runChild } from '../support/child.ts'
import { diskPlace, tempDir } from '../support/place.ts'

// A slow machine, and more rounds on demand, take as long as they take.
t.setTimeout(1_800_000)

t.test(
  'of several processes that open at once, one writes and the others are told who',
  async (t) => {
    const dir = await tempDir(t)
    const children = Array.from({ length: 4 }, () => runChild('appender', [dir, '0']))
    await Promise.all(children.map((child) => child.atLeast(1)))
    const holders = children.filter((child) => child.lines[0]?.startsWith('open'))
    t.equal(holders.length, 1)
    t.same(children.flatMap((child) => child.lines).sort(), [
      'open 1 0',
      ...Array.from({ length: 3 }, () => 'refused PROV_JOURNAL_LOCKED'),
    ])
    const holder = holders[0]
    const refused = await openJournal({ dir }).catch((thrown: unknown) => thrown)
    if (!ProvError.is(refused)) return t.fail('opened beside a writer')
    t.equal(refused.detail['pid'], holder?.process.pid)
    t.match(refused.message, /since 20\d\d-/)
    t.match(refused.remedy, /`kill \d+`/)
    await holder?.kill()
    const journal = await openJournal({ dir })
    t.equal(journal.epoch, 2, 'kill -9 leaves nothing to clean up')
    await journal.close()
  },
)

t.test(
  'processes that race for the lock hold it one after the other, never together',
  async (t) => {
    const dir = await tempDir(t)
    const rounds = process.env['PROV_SOAK'] ? 250 : 40
    const racers = Array.from({ length: 4 }, () => runChild('racer', [dir, String(rounds)]))
    await Promise.all(racers.map((racer) => racer.line('held')))
    const lines = racers.flatMap((racer) => racer.lines)
    t.same(
      lines.filter((line) => !line.startsWith(`held ${rounds} `)),
      [],
      'nothing but success and a named refusal',
    )
    const refused = lines.map((line) => Number(line.split(' ')[3])).reduce((sum, n) => sum + n, 0)
    t.ok(refused > 0, `${4 * rounds} holds, ${refused} refusals: they did race`)
    const journal = await openJournal({ dir, check: 'whole' })
    t.teardown(() => journal.close())
    let open: unknown
    const epochs = new Set<number>()
    for await (const { type, body, epoch } of journal.read()) {
      if (type === 'held' ? open !== undefined : JSON.stringify(open) !== JSON.stringify(body)) {
        t.fail(`epoch ${epoch}: two held it`)
      }
      open = type === 'held' ? body : undefined
      if (epoch !== (body as { epoch: number }).epoch) t.fail(`epoch ${epoch} is another`)
      epochs.add(epoch)
    }
    t.equal(epochs.size, 4 * rounds, 'each time in an epoch of its own')
  },
)

t.test('a clean end frees the lock for the next process', async (t) => {
  const dir = await tempDir(t)
  const child = runChild('appender', [dir, '0'])
  await child.line('open')
  child.process.stdin?.end()
  await child.atLeast(Infinity)
  const again = await openJournal({ dir })
  t.equal(again.epoch, 2)
  await again.close()
  t.same(await readdir(`${dir}/lock`), ['epoch-2'], 'the lock folder does not grow')
})

t.test('only a dead owner is replaced', async (t) => {
  const self = systemProcesses.self()
  t.equal(systemProcesses.look(self), 'alive')
  if (self.bootId === '') return t.comment('this system tells no boots apart')
  t.equal(systemProcesses.look({ ...self, bootId: 'an earlier boot' }), 'dead')
  t.equal(
    systemProcesses.look({ ...self, startTime: '1' }),
    'dead',
    'the number is ours, the process was another',
  )
  t.equal(systemProcesses.look({ ...self, pid: 4_194_305 }), 'dead', 'no such process')
  t.equal(
    systemProcesses.look({ ...self, pidNamespace: 'pid:[1]' }),
    'elsewhere',
    'a process of another container cannot be judged',
  )
})

t.test('a zombie counts as dead', async (t) => {
  if (process.platform !== 'linux') return
  // The shell becomes a program that never asks after the child it left behind.
  const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'])
  t.teardown(() => parent.kill('SIGKILL'))
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(line.toString())
  const stat = () =>
    readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
  while (stat()[0] !== 'Z') await new Promise((resolve) => setTimeout(resolve, 10))
  const zombie = { ...systemProcesses.self(), pid, startTime: stat()[19] ?? '' }
  t.equal(systemProcesses.look(zombie), 'dead')
})

t.test('a lock held where we cannot look stays, and the message says where', async (t) => {
  const dir = await tempDir(t)
  await (await openJournal({ dir })).close()
  const path = `${dir}/lock/epoch-1`
  const lock = JSON.parse(await readFile(path, 'utf8')) as { owner: object; released: boolean }
  if (systemProcesses.self().bootId === '') return
  const foreign = { ...lock, released: false, owner: { ...lock.owner, pidNamespace: 'pid:[1]' } }
  await writeFile(path, JSON.stringify(foreign))
  const refused = await openJournal({ dir }).catch((thrown: unknown) => thrown)
  if (!ProvError.is(refused)) return t.fail('opened beside a writer in another container')
  t.equal(refused.code, 'PROV_JOURNAL_LOCKED')
  t.match(refused.message, /cannot be seen/)
  t.match(refused.remedy, new RegExp(path))
})

t.test('a fenced writer stays fenced when its successor is replaced too', async (t) => {
  const place = await diskPlace(t)
  const first = await place.open()
  place.presumeDead()
  const second = await place.open()
  place.presumeDead()
  const third = await place.open()
  t.teardown(() => third.close())
  const entry = [{ partition: 'p', type: 'x', body: 1 }]
  const path = `${place.dir}/segment-00000001.log`
  const before = await readFile(path)
  t.equal(await codeOf(first.append(entry)), 'PROV_JOURNAL_FENCED')
  t.ok(before.equals(await readFile(path)), 'it does not even leave bytes behind')
  t.equal(await codeOf(second.append(entry)), 'PROV_JOURNAL_FENCED')
  t.equal(await codeOf(second.putSnapshot('s', { position: 1, body: 1 })), 'PROV_JOURNAL_FENCED')
  await first.close()
  await second.close()
  t.equal(await third.append(entry), 1)
})

t.test('a writer fenced while its sync runs does not acknowledge', async (t) => {
  const place = await diskPlace(t)
  const old = await place.open()
  const release = place.holdSyncs()
  const late = old.append([{ partition: 'p', type: 'x', body: 'late' }])
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  const hold = place.trouble.sync
  place.trouble.sync = undefined
  place.presumeDead()
  const fresh = await place.open()
  t.teardown(() => fresh.close())
  t.ok(hold)
  release()
  t.equal(await codeOf(late), 'PROV_JOURNAL_FENCED')
})

t.test('epochs go on when the lock folder was lost', async (t) => {
  const place = await diskPlace(t)
  for (let n = 0; n < 3; n++) await (await place.open()).close()
  await rm(`${place.dir}/lock`, { recursive: true })
  const journal = await place.open()
  t.teardown(() => journal.close())
  t.equal(journal.epoch, 4)
})

t.test('a lock file that is no lock file is not guessed about', async (t) => {
  const dir = await tempDir(t)
  await (await openJournal({ dir })).close()
  await writeFile(`${dir}/lock/epoch-1`, 'noise')
  t.equal(await codeOf(openJournal({ dir })), 'PROV_JOURNAL_UNUSABLE')
})

t.test('network file systems are refused by name', async (t) => {
  if (process.platform !== 'linux') return
  const refused = await refuseRemote('/mnt/share', async () => 0x6969).catch((e: unknown) => e)
  if (!ProvError.is(refused)) return t.fail('nfs was taken')
  t.equal(refused.code, 'PROV_JOURNAL_REMOTE')
  t.match(refused.message, /nfs/)
  // statfs hands some magic numbers out as negative.
  t.equal(remoteFileSystem(0xff534d42 | 0), 'cifs')
  t.equal(remoteFileSystem(0xef53), undefined)
  await refuseRemote('/')
})

t.test('a living writer that somebody else decided against adds nothing more', async (t) => {
  const dir = await tempDir(t)
  const entry = (text: string) => ({ partition: 'p', type: 't', body: { text } })
  const first = await openJournal({ dir })
  await first.append([entry('one')])
  t.equal(await codeOf(openJournal({ dir, supersede: () => false })), 'PROV_JOURNAL_LOCKED')
  const second = await openJournal({ dir, supersede: () => true })
  t.equal(second.mayLive?.(first.epoch), true, 'what it asked of others may be on its way')
  t.equal(await codeOf(first.append([entry('late')])), 'PROV_JOURNAL_FENCED')
  t.equal(await codeOf(first.anchor()), 'PROV_JOURNAL_FENCED', 'nothing may follow from its claims')
  await second.append([entry('two')])
  await first.close()
  await second.close()
  const third = await openJournal({ dir, check: 'whole' })
  const texts: unknown[] = []
  for await (const { body } of third.read()) texts.push((body as { text: string }).text)
  t.same(texts, ['one', 'two'])
  t.equal(third.mayLive?.(1), true, 'it is remembered for as long as its process lives')
  await third.close()
})

t.test(
  'a writer that was replaced while it began a segment does not replace its successor’s',
  async (t) => {
    const dir = await tempDir(t)
    const entry = (text: string) => ({ partition: 'p', type: 't', body: { text } })
    const large = 'x'.repeat(9_000)
    let second: Journal | undefined
    let rolling = false
    const files: JournalFiles = {
      ...diskFiles,
      // Frozen right here: its file is written and has no name yet.
      async link(from, to) {
        if (rolling && to.endsWith('.log') && !second) {
          second = await openJournal({ dir, supersede: () => true })
          await second.append([entry('two')])
        }
        await diskFiles.link(from, to)
      },
      async rename(from, to) {
        if (rolling && to.endsWith('.log') && !second) {
          second = await openJournal({ dir, supersede: () => true })
          await second.append([entry('two')])
        }
        await diskFiles.rename(from, to)
      },
    }
    const first = await openJournal({ dir, files, segmentBytes: 16_384 })
    await first.append([entry(large)])
    rolling = true
    t.equal(await codeOf(first.append([entry(large)])), 'PROV_JOURNAL_FENCED')
    await first.close()
    await second?.append([entry('three')])
    await second?.close()
    const third = await openJournal({ dir, check: 'whole' })
    const texts: string[] = []
    for await (const { body } of third.read()) texts.push((body as { text: string }).text)
    t.same(texts, [large, 'two', 'three'])
    await third.close()
  },
)
