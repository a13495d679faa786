import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { Arena } from '../../core/actor/arena.ts'
import type { Packed } from '../../core/actor/arena.ts'
import { Spill } from '../../core/actor/spill.ts'
import { seedFor, seeded } from '../../core/seed.ts'

const folder = (t: Test): string => mkdtempSync(join(t.testdir(), 'spill-'))

/** What the arena must agree with, and everything that is asked of both. */
function compare(t: Test, arena: Arena, roll: (below: number) => number, acts: number): void {
  const map = new Map<string, Packed>()
  const wrong: string[] = []
  const say = (what: string, a: unknown, b: unknown): void => {
    if (JSON.stringify(a) !== JSON.stringify(b)) wrong.push(`${what}: ${JSON.stringify([a, b])}`)
  }
  for (let act = 0; act < acts && wrong.length < 5; act++) {
    // Waves: it fills up and empties again, so that slabs come, thin out and go.
    const filling = Math.floor(act / 4_000) % 2 === 0
    const key = keyOf(roll)
    const dice = roll(10)
    if (dice < (filling ? 6 : 2)) {
      const text = textOf(roll, act)
      const state = [undefined, '"on"', '"off"', '{"a":"b"}', `"${roll(50)}"`][roll(5)]
      map.set(key, { text, state })
      say('put', arena.put(key, text, state), true)
    } else if (dice < 8) {
      say('take', arena.take(key), map.get(key))
      map.delete(key)
    } else if (dice < 9) say('peek', arena.peek(key), map.get(key))
    else if (roll(2) === 0) say('has', arena.has(key), map.has(key))
    else say('delete', arena.delete(key), map.delete(key))
    if (arena.size !== map.size) say('size', arena.size, map.size)
    if (act % 5_000 === 0) {
      say('keys', [...arena.keys()].sort(), [...map.keys()].sort())
      const entries = [...arena.entries()].map(({ key, text, state }) => [key, text, state])
      const wanted = [...map].map(([key, { text, state }]) => [key, text, state])
      say('entries', entries.sort(byKey), wanted.sort(byKey))
    }
  }
  t.same(wrong, [])
  for (const key of map.keys()) say('drain', arena.take(key), map.get(key))
  t.same(wrong, [])
  t.equal(arena.size, 0)
}

const pointsTo = (link: string, path: string): boolean => {
  try {
    return readlinkSync(link).startsWith(path)
  } catch {
    return false
  }
}

const byKey = (a: readonly unknown[], b: readonly unknown[]): number =>
  String(a[0]) < String(b[0]) ? -1 : 1

function keyOf(roll: (below: number) => number): string {
  const id = roll(1_500)
  const strange = ['zone/a', 'é', '\u{1f600}', '\ud800', 'x'.repeat(500), ' ', '\u0000']
  return `${['acme.vm', 'gate', 'gat'][id % 3]}/${strange[id] ?? `id-${id}`}`
}

function textOf(roll: (below: number) => number, act: number): string {
  const size = roll(20) === 0 ? roll(9_000) : roll(60)
  const filler = ['x', 'é', '\u{1f600}'][roll(3)] as string
  return `${act}:${filler.repeat(size)}`
}

t.test('whatever is put and taken in whatever order, it is as in a map', async (t) => {
  for (const at of [0, 1, 2]) {
    const seed = seedFor('an arena') + at
    compare(t, new Arena({ slabBytes: [64, 2_000, 262_144][at] }), seeded(seed), 30_000)
  }
})

t.test('the same when most of it lies on disk', async (t) => {
  const seed = seedFor('an arena')
  const path = join(folder(t), 'deep', 'passive')
  const failed = (error: Error): void => void t.fail(error.message)
  const spill = new Spill({ path, failed })
  const arena = new Arena({ spill, memoryBytes: 40_000, slabBytes: 4_096 })
  compare(t, arena, seeded(seed), 30_000)
  t.ok(spill.size > 500_000, `${spill.size} bytes went there`)
  t.ok(spill.size < 10_000_000, 'places are used again')
  t.ok(arena.bytes < 60_000, `${arena.bytes} bytes in memory`)
  arena.close()
})

t.test('states beyond the first 65,536 are kept all the same', async (t) => {
  const arena = new Arena()
  for (let at = 0; at < 66_000; at++) arena.put(`a/${at}`, `${at}:é`, `s:${at}`)
  for (const at of [0, 65_535, 65_536, 65_999]) {
    t.same(arena.take(`a/${at}`), { text: `${at}:é`, state: `s:${at}` })
  }
})

t.test(
  'a million passive actors with a context of three fields: at most 96 bytes each',
  { timeout: 900_000 },
  async (t) => {
    const arena = new Arena()
    const count = 1_000_000
    const key = (at: number): string => `acme.dimension/zone-eu-${String(at).padStart(12, '0')}`
    const text = (at: number): string =>
      `12,{"count":${at % 1_000},"owner":"team-${at % 7}","since":1767225600}`
    for (let at = 0; at < count; at++) arena.put(key(at), text(at), '"open"')
    t.equal(arena.size, count)
    t.ok(arena.bytes / count <= 96, `${arena.bytes / count} bytes`)
    let wrong = 0
    for (let at = 0; at < count; at += 3) {
      if (arena.take(key(at))?.text !== text(at)) wrong++
    }
    for (let at = 0; at < count; at++) {
      if (arena.has(key(at)) !== at % 3 > 0) wrong++
    }
    t.equal(wrong, 0)
    for (let at = 1; at < count; at += 3) if (!arena.delete(key(at))) wrong++
    t.equal(arena.size, Math.floor(count / 3))
    t.ok(arena.bytes / arena.size <= 2 * 96, `${arena.bytes / arena.size} bytes after a drain`)
    for (let at = 2; at < count; at += 3) if (arena.take(key(at))?.text !== text(at)) wrong++
    t.equal(wrong, 0)
    t.ok(arena.bytes < 600_000, `${arena.bytes} bytes for nobody`)
  },
)

t.test(
  'actors that wake and rest all the time do not thin out the memory of the others',
  async (t) => {
    const arena = new Arena({ slabBytes: 4_096 })
    for (let at = 0; at < 20_000; at++) {
      arena.put(`a/busy-${at % 10}`, 'x'.repeat(80))
      if (at % 100 === 0) arena.put(`a/idle-${at}`, 'x'.repeat(80))
      arena.take(`a/busy-${at % 10}`)
    }
    const full = 210 * 100
    t.ok(arena.bytes < 4 * full + 16_384, `${arena.bytes} bytes for ${arena.size} entries`)
  },
)

t.test(
  'the spill file belongs to its owner, has no name while in use, and is not there later',
  async (t) => {
    const path = join(folder(t), 'passive')
    writeFileSync(path, 'left behind by a process that was killed')
    const spill = new Spill({ path, failed: (error) => void t.fail(error.message) })
    t.notOk(existsSync(path), 'what an earlier process left is thrown away')
    const old = process.umask(0)
    const at = spill.write(Buffer.from('secret'), 64)
    process.umask(old)
    if (process.platform !== 'win32') t.same(readdirSync(join(path, '..')), [])
    else t.equal(statSync(path).isFile(), true)
    if (process.platform === 'linux') {
      const links = readdirSync('/proc/self/fd').map((fd) => `/proc/self/fd/${fd}`)
      const ours = links.find((link) => pointsTo(link, path))
      t.equal(statSync(ours as string).mode & 0o777, 0o600)
    }
    const back = Buffer.alloc(6)
    spill.read(at as number, back)
    t.equal(back.toString(), 'secret')
    spill.close()
    spill.close()
    t.notOk(existsSync(path))
  },
)

t.test('a disk that takes nothing is reported once, and nothing is lost', async (t) => {
  const path = join(folder(t), 'file', 'passive')
  writeFileSync(join(path, '..'), 'a file where the folder should be')
  const errors: string[] = []
  const spill = new Spill({ path, failed: (error) => void errors.push(error.code) })
  const arena = new Arena({ spill, memoryBytes: 20_000, slabBytes: 4_096 })
  for (let at = 0; at < 1_000; at++) arena.put(`a/${at}`, 'x'.repeat(100))
  t.same(errors, ['PROV_ACTOR_SPILL_REFUSED'])
  t.notOk(spill.willing)
  for (let at = 0; at < 1_000; at++) {
    if (arena.take(`a/${at}`)?.text.length !== 100) t.fail(`${at} is gone`)
  }
})

t.test('what cannot be read back is said, the rest goes on', async (t) => {
  const path = join(folder(t), 'passive')
  const spill = new Spill({ path, failed: (error) => void t.fail(error.message) })
  const arena = new Arena({ spill, memoryBytes: 0, slabBytes: 4_096 })
  for (let at = 0; at < 500; at++) arena.put(`a/${at}`, 'x'.repeat(100))
  const newest = arena.peek('a/499')
  spill.close()
  t.throws(() => arena.take('a/0'), { code: 'PROV_ACTOR_SPILL_UNREADABLE' })
  t.same(arena.take('a/499'), newest)
  t.equal(arena.size, 499)
})
