import t from 'tap'
import { stat } from 'node:fs/promises'
import { openJournal } from '../../core/journal/file.ts'
import { diskFiles } from '../../core/journal/files.ts'
import type { JournalFiles } from '../../core/journal/files.ts'
import { ProvError } from '../../core/errors.ts'
import { codeOf } from '../../core/kit.ts'
import { diskPlace, tempDir } from '../support/place.ts'

const entry = (body: string) => ({ partition: 'p', type: 'x', body })

const trouble = (code: string) => Object.assign(new Error(`${code}: the disk said so`), { code })

/** What the disk says, the code that comes of it, and what its remedy must speak of. */
const answers = [
  ['ENOSPC', 'PROV_JOURNAL_NO_SPACE', /`df /],
  ['EDQUOT', 'PROV_JOURNAL_QUOTA', /quota/],
  ['EROFS', 'PROV_JOURNAL_READ_ONLY', /read-only|mount/],
  ['EIO', 'PROV_JOURNAL_POISONED', /`dmesg`/],
] as const

for (const [errno, code, remedy] of answers) {
  for (const at of ['write', 'sync'] as const) {
    t.test(
      `${errno} at a ${at}: nothing is acknowledged after it, and a restart is clean`,
      async (t) => {
        const place = await diskPlace(t)
        const journal = await place.open()
        await journal.append([entry('safe')])
        place.trouble[at] = () => {
          throw trouble(errno)
        }
        const refused = await journal.append([entry('lost')]).catch((thrown: unknown) => thrown)
        if (!ProvError.is(refused)) return t.fail('it was acknowledged')
        t.equal(refused.code, code)
        t.match(refused.remedy, remedy)
        t.equal(refused.exitCode, 8, 'whoever asked does not know')
        place.trouble[at] = undefined
        t.equal(
          await codeOf(journal.append([entry('later')])),
          code,
          'a sound disk changes nothing',
        )
        await journal.close()
        const next = await place.open()
        t.teardown(() => next.close())
        const found: unknown[] = []
        for await (const record of next.read()) found.push(record.body)
        t.equal(found[0], 'safe')
        t.ok(found.length <= 2)
        t.equal(await next.append([entry('after')]), found.length + 1)
      },
    )
  }
}

t.test('an opening that the disk refuses names the remedy that fits', async (t) => {
  for (const [errno, remedy] of [
    ['ENOSPC', /make room/],
    ['EDQUOT', /quota/],
    ['EROFS', /mount/],
    ['EIO', /dmesg/],
    ['EACCES', /read and write/],
  ] as const) {
    const dir = await tempDir(t)
    const files: JournalFiles = {
      ...diskFiles,
      open() {
        throw trouble(errno)
      },
    }
    const refused = await openJournal({ dir: `${dir}/journal`, files }).catch((e: unknown) => e)
    if (!ProvError.is(refused)) return t.fail('it was opened')
    t.equal(refused.code, 'PROV_JOURNAL_UNUSABLE')
    t.match(refused.remedy, remedy, errno)
  }
})

/** A disk that holds so many bytes and not one more. Lengths count, as blocks would. */
function smallDisk(bytes: number) {
  const sizes = new Map<string, number>()
  /** Names whose blocks have another one. */
  const linked = new Set<string>()
  let room = bytes
  const claim = (path: string, size: number): void => {
    const more = size - (sizes.get(path) ?? 0)
    if (more > room) throw trouble('ENOSPC')
    room -= more
    sizes.set(path, size)
  }
  const forget = (path: string): void => {
    room += sizes.get(path) ?? 0
    sizes.delete(path)
  }
  const files: JournalFiles = {
    ...diskFiles,
    open(path, options) {
      const file = diskFiles.open(path, options)
      return {
        ...file,
        write(content, offset) {
          claim(path, Math.max(sizes.get(path) ?? 0, offset + content.byteLength))
          return file.write(content, offset)
        },
        async truncate(length) {
          await file.truncate(length)
          room += (sizes.get(path) ?? 0) - length
          sizes.set(path, length)
        },
      }
    },
    async rename(from, to) {
      await diskFiles.rename(from, to)
      const size = sizes.get(from) ?? 0
      sizes.delete(from)
      sizes.set(to, size)
    },
    async link(from, to) {
      await diskFiles.link(from, to)
      // A second name for the same blocks.
      sizes.set(to, sizes.get(from) ?? 0)
      linked.add(from)
    },
    async remove(path) {
      await diskFiles.remove(path)
      if (linked.delete(path)) sizes.delete(path)
      else forget(path)
    },
  }
  return { files, free: () => room, add: (more: number) => (room += more) }
}

t.test('a disk that fills up refuses new work first; results still find room', async (t) => {
  const disk = smallDisk(6_000_000)
  const dir = `${await tempDir(t)}/journal`
  const journal = await openJournal({ dir, files: disk.files, segmentBytes: 4_194_304 })
  journal.assertRoom()
  const isLow = () => {
    try {
      journal.assertRoom()
      return false
    } catch (thrown) {
      if (!ProvError.is(thrown) || thrown.code !== 'PROV_JOURNAL_LOW') throw thrown
      t.equal(thrown.exitCode, 7)
      return true
    }
  }
  let before = 0
  while (!isLow()) {
    await journal.append([entry('x'.repeat(100_000))])
    t.ok(++before < 60, 'it fills up')
  }
  for (let n = 0; n < 10; n++) await journal.append([entry('r'.repeat(100_000))])
  t.ok(isLow(), 'a megabyte of results later new work is still refused')
  let code = 'none'
  while (code === 'none') code = await codeOf(journal.append([entry('x'.repeat(100_000))]))
  t.equal(code, 'PROV_JOURNAL_NO_SPACE', 'in the end the reserve is used up')
  disk.add(-disk.free())
  await journal.close()

  disk.add(8_000_000)
  const again = await openJournal({ dir, files: disk.files, segmentBytes: 4_194_304 })
  t.teardown(() => again.close())
  again.assertRoom()
  t.ok((await again.head()).position >= before + 10, 'nothing acknowledged is lost')
})

t.test('with room again new work is taken again, without a restart', async (t) => {
  const disk = smallDisk(6_000_000)
  const dir = `${await tempDir(t)}/journal`
  const journal = await openJournal({ dir, files: disk.files, segmentBytes: 4_194_304 })
  t.teardown(() => journal.close())
  const isLow = () => {
    try {
      journal.assertRoom()
      return false
    } catch {
      return true
    }
  }
  while (!isLow()) await journal.append([entry('x'.repeat(100_000))])
  disk.add(8_000_000)
  while (isLow()) await new Promise((resolve) => setImmediate(resolve))
  t.equal((await stat(`${dir}/reserve`)).size, 2_097_152)
})

t.test(
  'a full disk can still be opened once, on its reserve, to write what came of things',
  async (t) => {
    const disk = smallDisk(3_500_000)
    const dir = `${await tempDir(t)}/journal`
    const first = await openJournal({ dir, files: disk.files })
    await first.append([entry('claim')])
    await first.close()
    disk.add(-disk.free())
    const second = await openJournal({ dir, files: disk.files })
    t.teardown(() => second.close())
    t.equal(await second.append([entry('result')]), 2)
    t.throws(() => second.assertRoom(), { code: 'PROV_JOURNAL_LOW' })
  },
)
