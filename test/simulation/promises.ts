/**
 * What must be true of a world when it has come to rest, whatever went wrong before. Each promise is a
 * function that names what broke it.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf } from '../../core/json.ts'
import type { JournalRecord } from '../../core/journal/journal.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { isAudit } from '../../core/protocol/audit.ts'
import { eventDigest } from '../../core/protocol/emitter.ts'
import { isTerminal } from '../../core/protocol/fold.ts'
import type { OpRow } from '../../core/protocol/fold.ts'
import { planeEmitters } from '../../core/protocol/planes.ts'
import { isHop, outboxItem, sentUpTo } from '../../core/protocol/outbox.ts'
import { contract } from '../../core/protocol/services.ts'
import { eventIn, verifyTrail } from '../../core/protocol/trail.ts'
import { checkLedger } from '../../plugins/mirror/ledger-check.ts'
import type { Life } from './life.ts'
import { workspaceName } from './machine.ts'
import type { Machine } from './machine.ts'
import type { Answer } from './people.ts'
import type { Provider } from './provider.ts'
import type { World } from './world.ts'

/** Everything that a machine's journal holds. */
export interface Told {
  readonly machine: Machine
  readonly records: readonly JournalRecord[]
  readonly events: readonly AuditEvent[]
}

export async function toldBy(world: World): Promise<readonly Told[]> {
  const told: Told[] = []
  for (const machine of world.machines) {
    const records: JournalRecord[] = []
    const journal = machine.runs?.journal
    if (!journal) continue
    for await (const record of journal.read()) records.push(record)
    const events = records.flatMap((record) => eventIn(record) ?? [])
    told.push({ machine, records, events })
  }
  return told
}

/** What broke, in words; empty means that everything held. */
export async function broken(
  world: World,
  answers: readonly Answer[],
  /** Digests of commands that were said again after their end. */
  replayed: readonly string[],
): Promise<readonly string[]> {
  const told = await toldBy(world)
  const at = (plane: 'submitter' | 'keeper' | 'controller' | 'mirror'): Told | undefined =>
    told.find(({ machine }) => machine.parts.planes.includes(plane))
  const controller = at('controller')
  const submitter = at('submitter')
  const mirror = at('mirror')
  if (!controller || !submitter || !mirror) {
    return [...world.failures, 'a machine does not run in the end']
  }
  return [
    ...world.failures,
    ...(await sameStory(told, world)),
    ...oneBody(submitter.events, answers),
    ...oneEnd(controller.events),
    ...inOneFrame(controller.records),
    ...effectsOnce(world.provider, controller.events),
    ...versionsInOrder(controller.events),
    ...epochsGrow(controller.events),
    ...nothingTwice(world),
    ...everyOneEnds(submitter, answers),
    ...replaysAudited(controller.events, replayed),
    ...(await inTheLedger(mirror)),
  ]
}

/**
 * What holds at each start already, whatever is still under way: nothing was done twice or before its
 * time. Notes what the journal says went out, so that it is seen when it goes out again.
 */
export async function brokenAtStart(life: Life, { provider }: World): Promise<readonly string[]> {
  const { journal, machine, number } = life
  if (!journal || machine.isSetBack) return []
  const records: JournalRecord[] = []
  for await (const record of journal.read()) records.push(record)
  life.vouchedFor = goneOut(records)
  if (!machine.parts.planes.includes('controller')) return []
  const events = records.flatMap((record) => eventIn(record) ?? [])
  const found = [
    ...oneEnd(events),
    ...inOneFrame(records),
    ...effectsOnce(provider, events),
    ...versionsInOrder(events),
    ...epochsGrow(events),
  ]
  return found.map((what) => `at start ${number} of the controller: ${what}`)
}

/** Messages that a note in the journal vouches for; hops may be lost and go out again. */
function goneOut(records: readonly JournalRecord[]): ReadonlySet<string> {
  const upTo = new Map<string, number>()
  for (const record of records) {
    const { partition } = record
    upTo.set(partition, Math.max(sentUpTo(record), upTo.get(partition) ?? 0))
  }
  const items = records.flatMap((record) => {
    const item = outboxItem(record, workspaceName)
    return item && item.position <= (upTo.get(record.partition) ?? 0) ? [item.id] : []
  })
  return new Set(items.filter((id) => !isHop(id)))
}

/** What a life found to have gone out, it does not send again. */
function nothingTwice({ machines }: World): readonly string[] {
  return machines.flatMap(({ lives, parts }) =>
    lives.flatMap(({ said, vouchedFor, number }) =>
      said
        .filter((id) => vouchedFor.has(id))
        .map((id) => `${parts.name}: ${id} went out again in life ${number}`),
    ),
  )
}

/** Whoever took over claims under a higher number than who led before. */
function epochsGrow(events: readonly AuditEvent[]): readonly string[] {
  const found: string[] = []
  let newest = 0
  for (const event of events) {
    if (!isAudit(event, 'op.claimed')) continue
    const { epoch } = event.data
    if (epoch < newest) found.push(`${event.subject} was claimed in epoch ${epoch} after ${newest}`)
    newest = Math.max(newest, epoch)
  }
  return found
}

/** Trails are whole, signed by the right hands, and the same wherever they are told. */
async function sameStory(told: readonly Told[], world: World): Promise<readonly string[]> {
  const found: string[] = []
  const ends: string[] = []
  for (const { machine, events, records } of told) {
    const { name, planes } = machine.parts
    const where = { journal: world.journal, workspace: workspaceName }
    const report = await verifyTrail(events, where)
    found.push(...report.findings.map(({ message }) => `${name}: ${message}`))
    ends.push(JSON.stringify(Object.entries(report.ends).sort()))
    const own = planeEmitters(planes)
    for (const record of records) {
      const event = eventIn(record)
      if (event && own.has(event.emitter) !== (record.type === 'audit')) {
        const isBeginning = world.shape === 'apart' && event.epoch <= 1
        if (!isBeginning) found.push(`${name}: ${event.id} was said where it is not at home`)
      }
    }
  }
  if (new Set(ends).size > 1) found.push(`machines tell different stories: ${ends.join(' | ')}`)
  return found
}

const ofType = <T extends Parameters<typeof isAudit>[1]>(events: readonly AuditEvent[], type: T) =>
  events.filter((event) => isAudit(event, type))

/** One id has one body, and whoever was told that it was taken finds it. */
function oneBody(events: readonly AuditEvent[], answers: readonly Answer[]): readonly string[] {
  const found: string[] = []
  const bodies = new Map<string, string>()
  for (const event of events) {
    if (!isAudit(event, 'op.submitted')) continue
    if (bodies.has(event.subject)) found.push(`${event.subject} was submitted twice`)
    bodies.set(event.subject, digestOf(event.data.op as never))
  }
  const said = new Map<string, string>()
  for (const { deed, code } of answers) {
    if (deed.does !== 'submit' || code !== 'none') continue
    const { op, type, target, to } = deed
    if (!bodies.has(op)) found.push(`${op} was accepted and is lost`)
    const body = `${type} ${target} ${to}`
    if ((said.get(op) ?? body) !== body) found.push(`${op} was accepted with two bodies`)
    said.set(op, body)
  }
  return found
}

/** One claim at most, one RESULT at most, one end at most, and nothing after it. */
function oneEnd(events: readonly AuditEvent[]): readonly string[] {
  const found: string[] = []
  const byOp = new Map<string, string[]>()
  const used = new Map<string, string>()
  for (const event of events) {
    const kind = event.type.slice('prov.op.'.length)
    if (event.type.startsWith('prov.op.')) {
      byOp.set(event.subject, [...(byOp.get(event.subject) ?? []), kind])
    }
    const { seq, keeper_epoch: epoch } = event.data as { seq?: number; keeper_epoch?: number }
    if (seq === undefined || isAudit(event, 'op.approved')) continue
    const number = `${epoch}:${seq}`
    const before = used.get(number)
    if (before !== undefined) found.push(`number ${number} was used by ${before} and ${event.id}`)
    used.set(number, event.id)
  }
  for (const [op, kinds] of byOp) {
    const count = (...of: readonly string[]) => kinds.filter((kind) => of.includes(kind)).length
    const line = `${op}: ${kinds.join(', ')}`
    if (count('submitted') !== 1) found.push(`not submitted once: ${line}`)
    if (count('claimed') > 1) found.push(`claimed twice: ${line}`)
    if (count('applied', 'failed') > 1) found.push(`two results: ${line}`)
    if (count('in_doubt') > 1) found.push(`twice in doubt: ${line}`)
    if (count('applied', 'failed', 'in_doubt') > 0 && count('claimed') !== 1) {
      found.push(`a result without a claim: ${line}`)
    }
    if (count('applied', 'failed') === 1 && count('refused', 'withdrawn') > 0) {
      found.push(`ended in two ways: ${line}`)
    }
  }
  return found
}

/** What an operation came to and the audit of it stand in one frame. */
function inOneFrame(records: readonly JournalRecord[]): readonly string[] {
  const found: string[] = []
  records.forEach((record, at) => {
    if (record.type !== 'audit') return
    const event = eventIn(record)
    if (!event || !/^prov\.op\.(claimed|applied|failed|in_doubt|resolved)$/.test(event.type)) return
    const address = `controller/${event.subject}`
    const near = records.slice(Math.max(0, at - 3), at + 4)
    const step = near.find(
      ({ partition, body, timeMs }) =>
        partition === 'kernel' &&
        (body as { address?: string }).address === address &&
        timeMs === record.timeMs,
    )
    if (!step) found.push(`${event.id} (${event.type}) stands alone`)
  })
  return found
}

/** Nothing acts before it was claimed, under another token, or more often than its class allows. */
function effectsOnce(provider: Provider, events: readonly AuditEvent[]): readonly string[] {
  const found: string[] = []
  const tokens = new Map(
    ofType(events, 'op.claimed').map((event) => [
      event.subject,
      (event.data as { provider_token: string }).provider_token,
    ]),
  )
  for (const { op, token, claimed, setBack } of provider.calls) {
    if (setBack) found.push(`${op} was asked for by a journal that was set back`)
    if (!claimed) found.push(`${op} acted before its claim was on disk`)
    if (tokens.get(op) !== token) found.push(`${op} acted under a token that no claim bears`)
  }
  for (const [token, count] of provider.effects) {
    if (count > 1) found.push(`${token} had ${count} effects`)
  }
  for (const event of ofType(events, 'op.applied')) {
    const token = tokens.get(event.subject) ?? ''
    const acts = provider.calls.some(({ op }) => op === event.subject)
    if (acts && provider.effects.get(token) !== 1) {
      found.push(`${event.subject} is applied and had no effect`)
    }
  }
  return found
}

/** Versions of a dimension go up by one, each from where the last one left it. */
function versionsInOrder(events: readonly AuditEvent[]): readonly string[] {
  const found: string[] = []
  const stands = new Map<string, { state: string; version: number }>()
  for (const event of events) {
    if (!isAudit(event, 'op.applied')) continue
    for (const { dimension, from, to, version } of event.data.moves) {
      const before = stands.get(dimension) ?? { state: 'off', version: 0 }
      if (version !== before.version + 1 || from !== before.state) {
        const was = `${before.state} at ${before.version}`
        found.push(`${event.subject} moved ${dimension} to ${to} at ${version}; it was ${was}`)
      }
      stands.set(dimension, { state: to, version })
    }
  }
  return found
}

/** What was accepted has ended, or waits for somebody and says so. */
function everyOneEnds({ machine }: Told, answers: readonly Answer[]): readonly string[] {
  const rows = machine.runs?.runtime?.service(contract).store.get().ops
  const taken = answers.filter(({ deed, code }) => deed.does === 'submit' && code === 'none')
  const ops = new Set(taken.map(({ deed }) => (deed as { op: string }).op))
  return [...ops].flatMap((op) => {
    const row = rows?.get(op)
    return row && isAtRest(row) ? [] : [`${op} is ${row?.phase} and nobody waits for anything`]
  })
}

export function isAtRest({ phase }: OpRow): boolean {
  return isTerminal(phase) || phase === 'held' || phase === 'in_doubt'
}

/** What is said again is turned away, and that stands in the trail: each, or how many more they were. */
function replaysAudited(events: readonly AuditEvent[], replayed: readonly string[]) {
  const refusals = events.flatMap((event) => (isAudit(event, 'token.refused') ? [event.data] : []))
  const named = new Set(refusals.map(({ token }) => token))
  const missed = replayed.filter((digest) => !named.has(digest))
  const counted = refusals.reduce((sum, { count }) => sum + count - 1, 0)
  if (missed.length <= counted) return []
  return missed.map((digest) => `the command ${digest} was said again and nobody took note`)
}

/** The ledger holds every event once, signed, in order. */
async function inTheLedger({ machine, events }: Told): Promise<readonly string[]> {
  const dir = join(machine.parts.dir, 'state', `${workspaceName}-state`)
  const journal = new Map<string, string[]>()
  for (const event of events) {
    journal.set(event.emitter, [...(journal.get(event.emitter) ?? []), eventDigest(event)])
  }
  const key = machine.runs?.runtime?.service(contract).service('ledger').keyObject
  const { commits, findings } = await checkLedger({ dir, key, journal })
  const found = findings.map(({ message }) => `ledger: ${message}`)
  if (commits !== events.length) {
    found.push(`the ledger holds ${commits} events, the journal ${events.length}`)
  }
  return found
}

/** Position of main, for the question whether the ledger has come to rest. */
export function ledgerHead(machine: Machine): string {
  const file = join(machine.parts.dir, 'state', `${workspaceName}-state`, '.git/prov/index')
  try {
    return String(readFileSync(file, 'utf8').split('\n').length)
  } catch {
    return 'none'
  }
}
