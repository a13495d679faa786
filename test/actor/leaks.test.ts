/**
 * Whatever comes and goes leaves nothing behind: heap after = heap before, over every way in and out.
 * PROV_CHURN sets how many rounds of each (default 4,000 of the quick ones;
 * from 20,000 on all of them, 1000000 takes hours).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { graveCap } from '../../core/actor/ledger.ts'
import { repoRoot } from '../support/root.ts'
import { counter, House, settle } from './counter.ts'

const times = Number(process.env['PROV_CHURN'] ?? 4_000)
// Forced collections in a slow place, or a long run.
t.setTimeout(times > 4_000 ? 0 : 300_000)

/** The heap wavers by so much by itself; a reference that stays costs more than this each round. */
const allowed = 524_288 + 16 * times

interface Held {
  readonly name: string
  readonly bytes: number
}

for (const durability of times > 4_000 ? ['journal', 'volatile'] : ['journal']) {
  t.test(`actors that are ${durability}: nothing stays of ${times} rounds`, async (t) => {
    const program = join(repoRoot, 'dist/test/actor/churn.js')
    const child = spawn(process.execPath, ['--expose-gc', program, durability, String(times)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [lines] = await Promise.all([text(child.stdout), once(child, 'exit')])
    const held = lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Held)
    t.equal(child.exitCode, 0)
    t.ok(held.length > 10, `${held.length} ways in and out`)
    for (const { name, bytes } of held) t.ok(bytes < allowed, `${name}: ${bytes} bytes`)
  })
}

t.test(
  'the newest ends are remembered, older ones only so that no effect id comes twice',
  async (t) => {
    const house = new House()
    const begun: string[] = []
    const def = counter([], {
      effects: { charge: (_: unknown, { id }) => void begun.push(id) },
    })
    let system = await house.start()
    system.register(def)
    const oldest = await system.spawn(def, 'oldest')
    await oldest.apply({ type: 'pay', amount: 1 })
    await settle()
    await system.stop(oldest.address)
    t.match(system.send(oldest.address, { type: 'add' }), { reason: 'stopped' })
    for (let at = 0; at < graveCap; at += 100) {
      const some = Array.from({ length: 100 }, (_, one) => system.spawn(def, `x${at + one}`))
      await Promise.all(some.map(async (ref) => system.stop((await ref).address)))
    }
    t.equal(system.list().length, graveCap)
    t.match(system.send(oldest.address, { type: 'add' }), { reason: 'unknown' })
    await system.close()
    for (const snapshot of ['kept', 'lost']) {
      if (snapshot === 'lost') house.disk.snapshots.clear()
      house.crash()
      system = await house.start()
      system.register(def)
      t.equal(system.list().length, graveCap, `snapshot ${snapshot}`)
      const anew = await system.spawn(def, 'oldest')
      await anew.apply({ type: 'pay', amount: 1 })
      await settle()
      await system.stop(anew.address)
    }
    t.equal(begun.length, 3)
    t.equal(new Set(begun).size, 3, begun.join(' '))
  },
)
