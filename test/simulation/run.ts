/**
 * One seed, one run, one trace: the story happens, then all is well again, then everything must be as
 * promised.
 *
 *     begin ─▶ trouble: people ask, things go wrong ─▶ calm: what is left ends ─▶ promises, digest
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { digestOfText } from '../../core/json.ts'
import { bus } from '../../core/plugin/core-services.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { isAudit } from '../../core/protocol/audit.ts'
import { peekToken } from '../../core/protocol/tokens.ts'
import { contract } from '../../core/protocol/services.ts'
import type { Count, Millis } from '../../core/units.ts'
import { lookingOn } from './life.ts'
import { People } from './people.ts'
import { broken, brokenAtStart, isAtRest, ledgerHead, toldBy } from './promises.ts'
import type { Fault, Story } from './story.ts'
import { setBack } from './set-back.ts'
import { keyedPlanes, storyOf, troubleMs } from './story.ts'
import { beginWorld } from './world.ts'
import type { World } from './world.ts'

export interface Outcome {
  /** What was promised and did not hold, in words. */
  readonly broken: readonly string[]
  /** Of everything that anybody said, in order, with the times of the world. */
  readonly digest: string
  readonly counts: {
    readonly ops: Count
    readonly deaths: Count
    readonly events: Count
    /** Events by type, answers by code, and what was asked of the provider. */
    readonly seen: Readonly<Record<string, Count>>
    readonly steps: Count
    readonly worldMs: Millis
  }
}

/** How long the calm may take until everything is at rest. */
const calmMs: Millis = 3_600_000
const lookMs: Millis = 2_000
const refusalSpanMs: Millis = 60_000

export function runSeed(seed: Count): Promise<Outcome> {
  return runStory(storyOf(seed))
}

export async function runStory(story: Story, log?: (line: string) => void): Promise<Outcome> {
  const world = await beginWorld(story.shape, story.seed, log)
  const { time } = world
  const people = new People(world)
  world.atStart = (life) => {
    const look = lookingOn(() => brokenAtStart(life, world))
    look.then((found) => world.failures.push(...found)).catch(() => {})
  }
  for (const fault of story.faults) happen(fault, world)
  for (const deed of story.deeds) time.after(deed.atMs, () => void people.do(deed))
  for (const machine of world.machines) machine.start()
  await time.until(() => false, troubleMs)
  let rested = await calm(world, people, story)
  const replayed = story.faults.some(({ goes }) => goes === 'replay')
    ? await time.during(sayAgain(world), 60_000)
    : []
  // Of many that are alike in a minute the rest is one event, and that comes when it is over.
  if (replayed.length > 0) await time.until(() => false, refusalSpanMs)
  if (rested === undefined && replayed.length > 0) rested = await calm(world, people, story)
  const look = <T>(act: () => Promise<T>): Promise<T> => time.during(lookingOn(act), 60_000)
  const findings = await look(() => broken(world, people.answers, replayed))
  const told = await look(() => toldBy(world))
  const hash = createHash('sha256').update(`${time.nowMs} ${time.steps}`)
  for (const { machine, events } of told) {
    hash.update(machine.parts.name)
    for (const event of events) hash.update(JSON.stringify(event))
  }
  for (const { deed, code, atMs } of people.answers) {
    hash.update(JSON.stringify([deed.does, code, atMs]))
  }
  const strange = people.answers.filter(({ code }) => !/^(none|again|PROV_[A-Z_]+)$/.test(code))
  world.end()
  return {
    broken: [
      ...(rested === undefined ? [] : [rested]),
      ...strange.map(({ deed, code }) => `${deed.does} was answered by ${code}`),
      ...findings,
    ],
    digest: hash.digest('hex'),
    counts: {
      ops: new Set(story.deeds.flatMap((deed) => ('op' in deed ? [deed.op] : []))).size,
      deaths: world.machines.reduce((sum, { deaths }) => sum + deaths, 0),
      events: told[0]?.events.length ?? 0,
      seen: seenIn(world, told[0]?.events ?? [], people),
      steps: time.steps,
      worldMs: time.nowMs,
    },
  }
}

function seenIn(
  { provider, machines }: World,
  events: readonly AuditEvent[],
  { answers }: People,
): Readonly<Record<string, Count>> {
  const seen: Record<string, Count> = {}
  const add = (what: string): void => void (seen[what] = (seen[what] ?? 0) + 1)
  for (const event of events) {
    add(isAudit(event, 'token.refused') ? event.data.code : event.type.slice('prov.'.length))
  }
  for (const { deed, code } of answers) add(`${deed.does} ${code}`)
  for (const { kind } of provider.calls) add(`${kind} call`)
  for (const { turnedAway, lives } of machines) {
    for (const code of turnedAway) add(`set back: ${code}`)
    for (const { journal, machine } of lives) if (machine.seats > 1 && journal) add('led')
  }
  return seen
}

/** Puts into the world what will go wrong there. */
function happen(fault: Fault, world: World): void {
  const { time, broker, provider } = world
  switch (fault.goes) {
    case 'death': {
      const { life, call, after, power } = fault
      world.at(fault.plane).fate.set(life, { call, after, power })
      return
    }
    case 'message':
      broker?.faults.set(`${fault.kind}${fault.nth}`, fault.what)
      return
    case 'ack':
      broker?.deafTo.add(fault.nth)
      return
    case 'effect':
      provider.faults.set(fault.nth, fault.what)
      return
    case 'wipe':
      time.after(fault.atMs, () => broker?.wipe())
      return
    case 'away':
      time.after(fault.atMs, () => broker?.leave(fault.forMs))
      return
    case 'clock': {
      const machine = world.at(fault.plane)
      time.after(fault.atMs, () => void (machine.skewMs = fault.byMs))
      time.after(fault.atMs + fault.forMs, () => void (machine.skewMs = 0))
      return
    }
    case 'disk': {
      const machine = world.at(fault.plane)
      time.after(fault.atMs, () => void (machine.diskError = fault.errno))
      time.after(fault.atMs + fault.forMs, () => void (machine.diskError = undefined))
      return
    }
    case 'replay':
      return
    case 'standby':
      world.at(fault.plane).seats = 2
      return
    case 'freeze':
      world.at(fault.plane).frost.set(fault.life, fault)
      return
    case 'set back':
      void setBack(world, fault, () => sayAgain(world))
      return
    case 'keeps': {
      const { ended, records, snapshots: snapshotEvery, archives } = fault
      const keeps = { keepEvery: { ended, records }, snapshotEvery, archives }
      for (const machine of world.machines) machine.keeps = keeps
    }
  }
}

/** Says every command that was claimed once more, under a name of its own; answers their digests. */
async function sayAgain(world: World): Promise<readonly string[]> {
  const { time, broker } = world
  const told = await lookingOn(() => toldBy(world))
  const keeper = told.find(({ machine }) => machine.parts.planes.includes('keeper'))
  const runtime = keeper?.machine.runs?.runtime
  if (!keeper || !runtime) return []
  const claimed = new Set(
    keeper.events.filter((event) => isAudit(event, 'op.claimed')).map(({ subject }) => subject),
  )
  const digests: string[] = []
  for (const { type, partition, body } of keeper.records) {
    const { subject, body: message } = body as { subject: string; body: { token?: string } }
    if (type !== 'outbox' || partition !== 'keeper' || message.token === undefined) continue
    if (!subject.startsWith('ops.cmd.') || !claimed.has(peekToken(message.token).sub ?? ''))
      continue
    const again = { id: `again:${time.nowMs}:${digests.length}`, body: message }
    if (broker) await broker.slip(subject, again)
    else await runtime.service(bus).publish(subject, again)
    digests.push(digestOfText(message.token))
  }
  return digests
}

/** Lets everything come to rest; says what did not. */
async function calm(world: World, people: People, story: Story): Promise<string | undefined> {
  const { time, machines } = world
  world.isCalm = true
  for (const machine of machines) machine.calm()
  world.broker?.calm()
  world.provider.faults.clear()
  const end = time.nowMs + calmMs
  let before = ''
  while (time.nowMs < end) {
    await time.until(() => false, lookMs)
    if (!machines.every(({ runs }) => runs) || people.waiting > 0) continue
    if (story.attends) await time.during(people.attend(), 60_000)
    const models = machines.map(({ runs }) => runs?.runtime?.service(contract).store.get())
    const open = models.flatMap((model) => [...(model?.open.values() ?? [])])
    const standing = `${models.map((model) => model?.at).join()} ${ledgerHead(world.at('mirror'))}`
    const isRest = open.every(isAtRest) && standing === before && offeredKeys(world).length === 0
    before = standing
    if (isRest && (await isTold(world))) return undefined
  }
  const open = machines.map(({ runs, parts }) => {
    const rows = [...(runs?.runtime?.service(contract).store.get().open.values() ?? [])]
    return `${parts.name}: ${rows.map(({ id, phase }) => `${id} ${phase}`).join(', ')}`
  })
  const keys = offeredKeys(world).map((plane) => `the ${plane} waits for its next key`)
  const minutes = calmMs / 60_000
  return `not at rest after ${minutes} minutes (${[...open, ...keys].join('; ')})`
}

/** Planes of which somebody knows a next key that has not followed yet. */
function offeredKeys({ machines }: World): readonly string[] {
  return machines.flatMap(({ runs }) => {
    const ring = runs?.runtime?.service(contract).keyring
    return keyedPlanes.filter((plane) => ring?.offered(plane) !== undefined)
  })
}

/** True when everybody heard everything and the ledger has it. */
async function isTold(world: World): Promise<boolean> {
  const told = await world.time.during(
    lookingOn(() => toldBy(world)),
    60_000,
  )
  const counts = new Set(told.map(({ events }) => events.length))
  const [events] = counts
  return counts.size === 1 && ledgerHead(world.at('mirror')) === String((events ?? 0) + 1)
}
