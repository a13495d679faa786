import { join } from 'node:path'
import t from 'tap'
import { stepsOf } from '../../../core/actor/ledger.ts'
import type { KernelRecords } from '../../../core/actor/ledger.ts'
import { ChildNames } from '../../../core/actor/program/child-names.ts'
import { programFor } from '../../../core/actor/program/choose.ts'
import { Draft } from '../../../core/actor/program/draft.ts'
import type { Asked, Standing } from '../../../core/actor/program/program.ts'
import type { ActorState, TimerState } from '../../../core/actor/state.ts'
import { readJournal } from '../../../core/journal/reader.ts'
import type { JsonObject } from '../../../core/json.ts'
import { repoRoot } from '../../support/root.ts'
import { House, settle } from '../counter.ts'
import { namer } from '../kernel-names.ts'
import { visits } from '../visits.ts'

const seed = Number(process.env['PROV_SEED'] ?? Date.now() % 1e9)
t.comment(`seed ${seed}`)

function chance(from: number): (below: number) => number {
  let state = from
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

t.test(
  'a step gives the names again that an earlier kernel gave, for delays and children',
  async (t) => {
    const journal = await readJournal({ dir: join(repoRoot, 'test/fixtures/kernel-names') })
    t.teardown(() => journal.close())
    const program = programFor(namer)
    let at: Standing | undefined
    let timers = 0
    let children = 0
    for await (const { type, body } of journal.read({ partition: 'kernel' })) {
      if (type === 'actor.started') {
        at = program.restore((body as unknown as { readonly state: ActorState }).state)
      }
      const steps =
        type === 'actor.turned'
          ? stepsOf(body)
          : type === 'actor.stepped'
            ? [body as unknown as KernelRecords['actor.stepped']]
            : []
      for (const { event, atMs, change, effects = [], sequence } of steps) {
        const next = program.step(at as Standing, event, atMs)
        const kept = change.timers ?? (at as Standing).timers
        t.same([...next.timers], [...kept], `timers of step ${sequence}`)
        t.same(next.asked, effects, `children of step ${sequence}`)
        timers += change.timers?.length ?? 0
        children += effects.length
        at = next
      }
    }
    t.ok(timers > 200 && children > 20, `${timers} timers, ${children} children`)
  },
)

/** The rule in its shortest form. */
function plainDelay(timers: readonly TimerState[], id: string | undefined, type: string) {
  let number = timers.length
  while (timers.some((known) => known.id === `${type}#${number}`)) number++
  const name = id ?? `${type}#${number}`
  return [...timers.filter((known) => known.id !== name), { id: name, dueMs: 9, event: { type } }]
}

t.test(
  'names of delays follow one rule, few or many, whatever is cancelled in between',
  async (t) => {
    const random = chance(seed)
    for (let round = 0; round < 60; round++) {
      // A migration may have made two of one id.
      const twice = { id: 'a#21', dueMs: 1, event: { type: 'a' } }
      let plain: readonly TimerState[] =
        random(4) === 0 ? Array.from({ length: 20 }, () => ({ ...twice })) : []
      const draft = new Draft()
      for (let step = 0; step < 6; step++) {
        draft.open({}, { type: 'go' }, plain, 4)
        t.equal(draft.timers, plain)
        for (let act = random(60); act >= 0; act--) {
          const type = ['a', 'b'][random(2)] as string
          const id = `${type}#${random(50)}`
          if (random(3) === 0) {
            draft.cancel(id)
            plain = plain.filter((known) => known.id !== id)
          } else {
            const given = random(4) === 0 ? id : undefined
            draft.delay(given, { type }, 5)
            plain = plainDelay(plain, given, type)
          }
          if (random(20) === 0) t.same(draft.timers.length, plain.length)
        }
        if (JSON.stringify(draft.timers) !== JSON.stringify(plain)) {
          return t.fail(`seed ${seed}, round ${round}, step ${step}`)
        }
        plain = draft.timers
      }
    }
    return t.pass()
  },
)

t.test('ids of children follow one rule, wherever a name is taken already', async (t) => {
  const random = chance(seed)
  const names = new ChildNames()
  const taken = (nowMs: number): string => {
    const name = `${['kid', 'kid"', 'kid-1'][random(3)]}-${nowMs.toString(36)}`
    return random(3) === 0 ? name : `${name}-${['0', '01', '7x', random(6)][random(4)]}`
  }
  for (let step = 0; step < 300; step++) {
    const nowMs = 1e12 + random(2)
    let context: JsonObject = { [taken(nowMs)]: 1, deep: [{ at: taken(nowMs) }, taken(nowMs)] }
    let asked: Asked[] | undefined
    for (let child = random(12); child >= 0; child--) {
      if (random(4) === 0) context = { other: random(2) === 0 ? taken(nowMs) : null }
      const src = ['kid', 'kid"', 'kid-1'][random(3)] as string
      const known = JSON.stringify([context, asked])
      const name = `${src}-${nowMs.toString(36)}`
      let plain = name
      for (let number = 1; known.includes(JSON.stringify(plain)); number++) {
        plain = `${name}-${number}`
      }
      const id = names.next(src, { nowMs, context, asked })
      if (id !== plain) return t.equal(id, plain, `seed ${seed}, step ${step}`)
      // A step may throw before it asks for what it named.
      if (random(5) > 0) (asked ??= []).push({ name: 'xstate.spawn', params: { id, src } })
    }
  }
  return t.pass()
})

/** Reads of `read` while `act` runs. */
function counting<T extends object>(fields: T, read: keyof T & string, count: () => void): T {
  const value = fields[read]
  return Object.defineProperty({ ...fields }, read, {
    enumerable: true,
    get: () => (count(), value),
  })
}

t.test('many delays of one step look at each timer a few times', async (t) => {
  let reads = 0
  const timers = Array.from({ length: 1_000 }, (_, n) =>
    counting({ id: `tick#${n + 500}`, dueMs: 1, event: { type: 'tick' } }, 'id', () => reads++),
  )
  const draft = new Draft()
  draft.open({}, { type: 'go' }, timers, 0)
  for (let n = 0; n < 1_000; n++) draft.delay(undefined, { type: 'tick' }, 1)
  for (let n = 0; n < 400; n++) draft.cancel(`tick#${n + 600}`)
  t.equal(draft.timers.length, 1_600)
  t.ok(reads < 20_000, `${reads} ids read for 1,400 changes to 1,000 timers`)
})

t.test('many children of one step look through its context once', async (t) => {
  let contexts = 0
  let inputs = 0
  const context = counting({ kids: [1, 2, 3] }, 'kids', () => contexts++)
  const asked: Asked[] = []
  const names = new ChildNames()
  for (let n = 0; n < 500; n++) {
    const id = names.next('kid', { nowMs: 5, context, asked })
    t.equal(id, n === 0 ? 'kid-5' : `kid-5-${n}`)
    asked.push({
      name: 'xstate.spawn',
      params: counting({ id, input: 1 }, 'input', () => inputs++),
    })
  }
  t.equal(contexts, 1)
  t.equal(inputs, 499, 'each of them once')
})

t.test('many children of one step begin without a look at each other', async (t) => {
  const counts: number[] = []
  for (const times of [20, 400]) {
    const system = await new House().start()
    t.teardown(() => system.close())
    system.register(namer)
    const ref = await system.spawn(namer, 'n')
    const acted = async (): Promise<void> => {
      await ref.apply({ type: 'act', acts: [{ begin: 'sleeper', times }] })
      await settle()
    }
    counts.push(await visits(acted))
  }
  const [few = 0, many = 0] = counts
  t.ok(many - few < 4_000, `${many} entries walked for 400 children, ${few} for 20`)
})
