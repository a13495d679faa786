/**
 * Live = restored from a snapshot = folded from the journal = run again from its events, over random
 * machines on compiled programs. PROV_MACHINES sets how many (default 300), PROV_SEED where the
 * generator starts.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { ActorDef, ActorEvent } from '../../core/actor/define.ts'
import { programFor } from '../../core/actor/program/choose.ts'
import type { Standing } from '../../core/actor/program/program.ts'
import type { Ledger } from '../../core/actor/ledger.ts'
import { openLedger } from '../../core/actor/restore.ts'
import { persisted } from '../../core/actor/state.ts'
import type { ActorSnapshot } from '../../core/actor/system.ts'
import { randomFrom, randomMachine } from '../support/random-machine.ts'
import { House, settle } from './counter.ts'
import { typed } from './random-actor.ts'

const machines = Number(process.env['PROV_MACHINES'] ?? 300)
// A long run takes its time.
if (machines > 300) t.setTimeout(0)
const firstSeed = Number(process.env['PROV_SEED'] ?? 1)

function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}

/** Machines that answer themselves faster and faster are cut off after so many steps. */
const flood = 300

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** What must be the same, as text-like data: order of keys does not count. */
function essence(snapshot: ActorSnapshot): unknown {
  const { value, context, status, sequence, tags } = snapshot
  return plain({ value, context, status, sequence, tags: [...tags].sort() })
}

/** Runs the records of an actor through its machine again, the way it once happened. */
function runAgain(def: ActorDef, records: readonly { type: string; body: unknown }[]): unknown {
  const program = programFor(def)
  let live: Standing | undefined
  for (const { type, body } of records) {
    const record = body as { event: ActorEvent; atMs: number; timer?: string; state: never }
    if (type === 'actor.started') live = program.restore(record.state)
    if (type === 'actor.stepped' && live) {
      live = program.step(live, record.event, record.atMs, record.timer)
    }
  }
  return live && plain(persisted(live))
}

t.test(`${machines} random machines choose alike live and restored, at every step`, (t) => {
  let steps = 0
  let compiled = 0
  for (let seed = firstSeed; seed < firstSeed + machines; seed++) {
    const random = randomFrom(seed)
    const { machine, events } = randomMachine(random)
    const program = programFor(typed(machine))
    if (program.mode === 'compiled') compiled++
    let nowMs = 0
    let threw = 0
    let live = attempt<Standing>(() => program.start(undefined, nowMs))
    const problems: unknown[] = []
    for (let at = 0; at < 40 && live; at++) {
      const before = live
      const due = before.timers.find((timer) => timer.dueMs <= nowMs && !timer.to)
      const event = due?.event ?? { type: events[random(events.length)] as string }
      const after = attempt(() => program.step(before, event, nowMs, due?.id))
      const twin = program.restore(plain(persisted(before)) as never)
      const other = attempt(() => program.step(twin, event, nowMs, due?.id))
      const [a, b] = [after && persisted(after), other && persisted(other)]
      if (!isDeepStrictEqual(plain(a ?? null), plain(b ?? null))) problems.push({ seed, at, a, b })
      if (after) steps++
      else if (++threw === 4) break
      if (after?.config.status === 'done') break
      live = after ?? before
      nowMs += random(60)
    }
    if (problems.length > 0) t.same(problems, [])
  }
  t.ok(steps > machines * 8, `${steps} steps`)
  // Where XState loses a state by its own history, the proof may prefer XState to the plans.
  t.ok(compiled >= machines * 0.95, `${compiled} of ${machines} are compiled`)
  t.end()
})

t.test(
  `${machines} random machines are the same live, restored, folded and run again`,
  async (t) => {
    let steps = 0
    let refused = 0
    let crashed = 0
    let floods = 0
    for (let seed = firstSeed; seed < firstSeed + machines; seed++) {
      const random = randomFrom(seed)
      const house = new House()
      // Children run outside of the steps; `children.test.ts` is about them.
      const { machine, events } = randomMachine(random, { children: false, everything: false })
      const def = typed(machine)
      let taken = 0
      let cutOff: () => void = () => {}
      const flooded = new Promise<void>((resolve) => (cutOff = resolve))
      const count = (): void => void (++taken === flood && cutOff())
      const system = await house.start({ snapshotEvery: 7, inspect: { transition: count } })
      system.register(def)
      const ref = await system.spawn(def, 'x').catch(() => undefined)
      if (!ref) {
        refused++
        await system.close()
        continue
      }
      const tooMany = crashed + 1
      for (let at = 0; at < 40 && crashed < tooMany && taken < flood; at++) {
        if (ref.snapshot().status !== 'active') break
        if (random(6) === 0) await Promise.race([house.clock.advance(random(60)), flooded])
        else {
          const applied = ref.apply({ type: events[random(events.length)] as string })
          await Promise.race([applied.catch(() => crashed++), flooded])
        }
      }
      if (taken < flood) await settle(4)
      const live = essence(ref.snapshot())
      steps += ref.snapshot().sequence
      // Of one that goes on and on, the disk alone says where it stood.
      if (taken >= flood) floods++
      house.crash()
      const records = await house.records()
      const restored = await house.start()
      restored.register(def)
      const whole = restored.ref(ref.address)?.snapshot() as ActorSnapshot
      house.disk.snapshots.clear()
      house.crash()
      const folded = await house.start()
      folded.register(def)
      const fromJournal = folded.ref(ref.address)?.snapshot() as ActorSnapshot
      house.crash()
      const same = (found: unknown, wanted: unknown, what: string) =>
        t.same(found, wanted, `seed ${seed}: ${what}`)
      const wanted = taken < flood ? live : essence(fromJournal)
      same(essence(whole), wanted, 'restored from snapshot and tail')
      same(essence(fromJournal), wanted, 'folded from the journal')
      const { value, context } = wanted as ActorSnapshot
      t.match(runAgain(def, records), { value, context }, `seed ${seed}: run again`)
      same((runAgain(def, records) as ActorSnapshot).context, context, 'run again from its events')
      const closed = [system.close(), restored.close(), folded.close()]
      await Promise.all(closed)
    }
    t.ok(floods <= Math.ceil(machines / 50), `${floods} machines answered themselves for ever`)
    t.ok(refused < machines / 3, `${refused} machines had no first state`)
    t.ok(steps > machines * 10, `${steps} steps, ${crashed} of them threw`)
  },
)

/** All that is kept, as text-like data. History that holds nothing is none. */
function keptIn({ stored, outbox, letters }: Ledger): unknown {
  const actors = [...stored.values()].map(({ fingerprint: _print, state, ...actor }) => {
    return { ...actor, state: state && { ...state, history: state.history ?? {} } }
  })
  const owed = [...outbox.values()].map(({ id, name, params }) => ({ id, name, params }))
  owed.sort((a, b) => (a.id < b.id ? -1 : 1))
  return plain({ actors, owed, letters: letters.rows, left: letters.left })
}

const failing = Math.ceil(machines / 5)

t.test(
  `${failing} random machines that fail leave the same in a snapshot and in their records`,
  async (t) => {
    let timed = 0
    let failed = 0
    for (let seed = firstSeed; seed < firstSeed + failing; seed++) {
      const random = randomFrom(seed)
      const house = new House()
      const { machine, events } = randomMachine(random, { children: false, everything: false })
      const onFailure = (['restart', 'resume', 'park', 'reset'] as const)[seed % 4] ?? 'park'
      const poison = { after: 1 + (seed % 3) }
      const def = typed(machine, 'journal', { onFailure, intensity: 1_000, poison })
      let taken = 0
      let cutOff: () => void = () => {}
      const flooded = new Promise<void>((resolve) => (cutOff = resolve))
      const count = (): void => void (++taken === flood && cutOff())
      const system = await house.start({ snapshotEvery: 1e9, inspect: { transition: count } })
      system.register(def)
      const ref = await system.spawn(def, 'x').catch(() => undefined)
      for (let at = 0; ref && at < 40 && taken < flood; at++) {
        const skip = random(2) === 0
        if (ref.snapshot().status === 'parked') await system.resume(ref.address, { skip })
        if (random(4) === 0) await Promise.race([house.clock.advance(random(60)), flooded])
        else ref.send({ type: events[random(events.length)] as string })
        await settle(1)
      }
      // One that goes on and on ends only with its disk.
      if (taken >= flood) house.crash()
      await system.close()
      if (taken >= flood) continue
      for (const { body } of await house.records()) {
        const { change, crash } = body as { change?: { timed?: unknown }; crash?: unknown }
        if (change?.timed) timed++
        if (crash) failed++
      }
      house.disk.held = false
      const whole = await openLedger(house.journal, 'kernel')
      house.disk.snapshots.clear()
      const folded = await openLedger(house.journal, 'kernel')
      t.same(keptIn(folded), keptIn(whole), `seed ${seed}`)
    }
    t.ok(timed > failing && failed > failing, `${timed} beside other timers, ${failed} failures`)
  },
)
