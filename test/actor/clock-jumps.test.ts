/**
 * Clocks that are set, machines that sleep, processes that stand still: what each means for timers,
 * questions, pauses and circuits, within a life and between two.
 */
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import t from 'tap'
import { setup } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { Durability } from '../../core/actor/define.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import type { TimerPolicy } from '../../core/actor/timers.ts'
import { codeOf } from '../../core/kit.ts'
import { repoRoot } from '../support/root.ts'
import { counter, House, settle } from './counter.ts'

const hour = 3_600_000
const day = 24 * hour
const jumps = { '+1 h': hour, '-1 h': -hour, '+1 day': day, '-1 day': -day } as const
const policies = ['fire', 'skip', 'restart'] as const
const durabilities: readonly Durability[] = ['journal', 'snapshot', 'volatile']

const sleeper = setup({ delays: { nap: 10_000 } }).createMachine({
  id: 'sleeper',
  initial: 'awake',
  states: { awake: { on: { sleep: 'asleep' } }, asleep: { after: { nap: 'awake' } } },
})

const napping = (policy: TimerPolicy, durability: Durability = 'journal') =>
  defineActor({
    type: `test.${policy}`,
    version: 1,
    machine: sleeper,
    durability,
    timers: { nap: policy },
  })

const values = (system: ActorSystem) =>
  Object.fromEntries(system.list().map(({ type, value }) => [type.slice(5), value]))

/** One sleeper of each policy; asleep since the simulated start. */
async function asleep(house: House, durability: Durability = 'journal') {
  const system = await house.start()
  for (const policy of policies) {
    const def = napping(policy, durability)
    system.register(def)
    if (system.ref(`${def.type}/a` as never)) continue
    await (await system.spawn(def, 'a')).apply({ type: 'sleep' })
  }
  await settle()
  return system
}

const all = (value: string) => ({ fire: value, skip: value, restart: value })

for (const [name, ms] of Object.entries(jumps)) {
  for (const durability of durabilities) {
    t.test(`${name} in a running process moves no timer (${durability})`, async (t) => {
      const house = new House()
      const system = await asleep(house, durability)
      t.teardown(() => system.close())
      await house.clock.advance(4_000)
      house.clock.jump(ms)
      await house.clock.advance(5_999)
      t.same(values(system), all('asleep'))
      await house.clock.advance(1)
      t.same(values(system), all('awake'))
      for (const policy of policies) {
        await system.ref(`test.${policy}/a` as never)?.apply({ type: 'sleep' })
      }
      await house.clock.advance(9_999)
      t.same(values(system), all('asleep'), 'nor one that is set by the new clock')
      await house.clock.advance(1)
      t.same(values(system), all('awake'))
    })
  }

  t.test(`${name} while a step waits for the disk moves no timer of that step`, async (t) => {
    const house = new House()
    const system = await house.start()
    t.teardown(() => system.close())
    const def = napping('fire')
    system.register(def)
    const ref = await system.spawn(def, 'a')
    let written = (): void => {}
    house.disk.beforeSync = () => new Promise((resolve) => (written = resolve))
    const applied = ref.apply({ type: 'sleep' })
    await settle()
    house.clock.jump(ms)
    await house.clock.advance(1_000)
    written()
    await applied
    house.disk.beforeSync = undefined
    await house.clock.advance(8_999)
    t.equal(ref.snapshot().value, 'asleep')
    await house.clock.advance(1)
    t.equal(ref.snapshot().value, 'awake')
  })
}

for (const ended of ['killed', 'closed'] as const) {
  const between = async (house: House, ms: number) => {
    const first = await asleep(house)
    await house.clock.advance(4_000)
    await first.ref('test.fire/a' as never)?.apply({ type: 'unknown' })
    if (ended === 'closed') await first.close()
    house.crash()
    house.clock.jump(ms)
    return asleep(house)
  }

  for (const ms of [hour, day]) {
    t.test(`${ended}, then ahead by ${ms / hour} h: as if it had been off that long`, async (t) => {
      const house = new House()
      const system = await between(house, ms)
      t.teardown(() => system.close())
      await house.clock.advance(0)
      t.same(values(system), { fire: 'awake', skip: 'asleep', restart: 'asleep' })
      await house.clock.advance(9_999)
      t.same(values(system), { fire: 'awake', skip: 'asleep', restart: 'asleep' })
      await house.clock.advance(1)
      t.same(values(system), { fire: 'awake', skip: 'asleep', restart: 'awake' })
    })

    t.test(`${ended}, then back by ${ms / hour} h: what was left is waited for`, async (t) => {
      const house = new House()
      const system = await between(house, -ms)
      t.teardown(() => system.close())
      await house.clock.advance(5_999)
      t.same(values(system), all('asleep'))
      house.crash()
      // Moved once, and kept as moved: the next life does not wait for the old time either.
      const third = await asleep(house)
      t.teardown(() => third.close())
      t.same(values(third), all('asleep'))
      await house.clock.advance(1)
      t.same(values(third), all('awake'))
    })
  }
}

t.test(
  'back while it runs, and then a restart: a wait is never longer than its delay',
  async (t) => {
    const house = new House()
    const def = counter()
    const open = async () => {
      const system = await house.start()
      system.register(def)
      await settle()
      return system
    }
    const first = await open()
    await (await first.spawn(def, 'a')).apply({ type: 'sleep' })
    house.clock.jump(-day)
    // By the new clock: from here on the journal does not know the old one any more.
    await (await first.spawn(def, 'b')).apply({ type: 'add' })
    house.crash()
    const second = await open()
    t.teardown(() => second.close())
    await house.clock.advance(999)
    t.match(second.list(), [{ value: 'asleep' }, { value: 'awake' }])
    await house.clock.advance(1)
    t.match(second.list(), [{ value: 'awake' }, { value: 'awake' }])
  },
)

t.test('whatever rests keeps its timers, whatever the clock is set to meanwhile', async (t) => {
  const house = new House()
  const system = await house.start({ memory: { hot: 1 } })
  t.teardown(() => system.close())
  const def = napping('fire')
  system.register(def)
  for (let at = 0; at < 50; at++) {
    await (await system.spawn(def, `n${at}`)).apply({ type: 'sleep' })
  }
  await settle(10)
  for (const ms of [day, -2 * day, hour]) {
    house.clock.jump(ms)
    await house.clock.advance(3_000)
  }
  t.ok(system.list().every(({ value }) => value === 'asleep'))
  await house.clock.advance(1_000)
  t.ok(system.list().every(({ value }) => value === 'awake'))
})

for (const [name, ms] of Object.entries(jumps)) {
  t.test(`${name}: questions, pauses and circuits go by what really passed`, async (t) => {
    const house = new House()
    const system = await house.start()
    t.teardown(() => system.close())
    const def = counter([], {
      supervision: {
        poison: { after: 1 },
        backoff: { firstMs: 100, maxMs: 100 },
        circuit: { after: 2, openMs: 60_000 },
      },
    })
    system.register(def)
    const ref = await system.spawn(def, 'a')
    // Asleep, it never answers.
    await ref.apply({ type: 'sleep' })
    let code: string | undefined
    const question = (replyTo: string) => ({ type: 'question', replyTo })
    const asked = codeOf(system.ask(ref.address, question, { timeoutMs: 500 }))
    void asked.then((it) => (code = it))
    house.clock.jump(ms)
    await house.clock.advance(499)
    t.equal(code, undefined)
    await house.clock.advance(1)
    t.equal(await asked, 'PROV_ACTOR_TIMEOUT')
    await house.clock.advance(1_000)

    const stands = () => system.list()[0]
    ref.send({ type: 'break' })
    await settle()
    house.clock.jump(ms)
    await house.clock.advance(99)
    t.match(stands(), { status: 'restarting' })
    await house.clock.advance(1)
    t.match(stands(), { status: 'active' })
    // Within the period of the first failure, though the wall says that it is long ago.
    ref.send({ type: 'break' })
    await settle()
    house.clock.jump(ms)
    await house.clock.advance(59_999)
    t.match(stands(), { status: 'restarting' })
    await house.clock.advance(1)
    t.match(stands(), { status: 'active' }, 'the circuit was open for a minute')
  })
}

t.test('frozen and let go: what came due meanwhile comes once, in order of its time', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const heard: string[] = []
  for (const policy of policies) {
    const def = napping(policy)
    system.register(def)
    const ref = await system.spawn(def, 'a')
    await ref.apply({ type: 'sleep' })
    ref.changes(({ value }) => value === 'awake' && heard.push(policy))
    await house.clock.advance(100)
  }
  const late = codeOf(
    system.ask('test.fire/a' as never, (replyTo) => ({ type: 'question', replyTo })),
  )
  house.clock.freeze(day)
  await house.clock.advance(0)
  t.same(heard, policies)
  t.equal(await late, 'PROV_ACTOR_TIMEOUT', 'its deadline is over, as the clock on the wall says')
  await system.ref('test.fire/a' as never)?.apply({ type: 'sleep' })
  await house.clock.advance(9_999)
  t.equal(values(system)['fire'], 'asleep', 'and time goes on as ever')
  await house.clock.advance(1)
  t.equal(values(system)['fire'], 'awake')
})

t.test('a real process: set ahead, set back, frozen, killed and begun again', async (t) => {
  const dir = join(t.testdir(), 'journal')
  const run = (offMs = 0) => {
    const program = join(repoRoot, 'dist/test/actor/clock-jumper.js')
    const child = spawn(process.execPath, [program, dir, String(offMs)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const line = async () => String((await lines.next()).value)
    const say = (text: string) => void child.stdin.write(`${text}\n`)
    return { child, line, say }
  }
  /** `left` is what the process itself measured, monotonic, from its setting to its ringing. */
  const rang = (line: string) => Number(/^rang after (\d+)$/.exec(line)?.[1])

  const first = run()
  t.equal(await first.line(), 'ready')
  for (const ms of [hour, -2 * hour, day, -day]) {
    first.say('sleep')
    t.equal(await first.line(), 'asleep')
    first.say(`set ${ms}`)
    const tookMs = rang(await first.line())
    t.ok(tookMs >= 400 && tookMs < hour / 6, `${ms}: rang after ${tookMs} ms`)
  }
  first.say('sleep')
  t.equal(await first.line(), 'asleep')
  first.child.kill('SIGSTOP')
  await new Promise((resolve) => setTimeout(resolve, 600))
  first.child.kill('SIGCONT')
  t.ok(rang(await first.line()) >= 400, 'a stop delays, and loses nothing')

  first.say('sleep')
  t.equal(await first.line(), 'asleep')
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  // A day before anything in the journal: that much it would wait if the wall were believed.
  const second = run(-day)
  t.equal(await second.line(), 'ready')
  t.match(await second.line(), /^rang/, 'it rings though its day is not come')
  second.child.kill('SIGKILL')
})
