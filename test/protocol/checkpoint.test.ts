/** A contract from its checkpoint is the contract from its journal, at every position. */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { embeddedBus } from '../../core/bus/embedded.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { canonicalJson, digestOfText } from '../../core/json.ts'
import type { JournalRecord } from '../../core/journal/journal.ts'
import { openJournal } from '../../core/journal/file.ts'
import { memoryJournal } from '../../core/journal/memory.ts'
import { codeOf } from '../../core/kit.ts'
import {
  bodyIn,
  checkpointName,
  ContractFold,
  shelvesIn,
  signedBody,
} from '../../core/protocol/checkpoint.ts'
import { openContract } from '../../core/protocol/contract.ts'
import type { Contract } from '../../core/protocol/contract.ts'
import { keepEvery } from '../../core/protocol/keeping.ts'
import { numbersKept } from '../../core/protocol/numbers.ts'
import { outboxItem } from '../../core/protocol/outbox.ts'
import { contract } from '../../core/protocol/services.ts'
import { writeShelf } from '../../core/protocol/shelf.ts'
import { createRuntime } from '../../core/runtime.ts'
import { seeded } from '../support/power.ts'
import { repoRoot } from '../support/root.ts'
import { sampleCopy } from '../support/workspace.ts'
import { ground, silent } from './world.ts'
import type { Ground } from './world.ts'

// Everything here counts steps, nothing time: a busy machine only takes longer.
t.setTimeout(300_000)

const digest = `sha256:${'0'.repeat(64)}`
const emitters = ['submitter', 'keeper', 'controller'] as const
type Random = () => number

/** Records of planes as they come: operations of all ends, interleaved, with messages and notes. */
class Story {
  readonly records: JournalRecord[] = []
  readonly #ends = new Map<string, number>()
  readonly #random: Random
  #seq = 0
  #ops = 0
  readonly #open: { id: string; phase: string; seq: number }[] = []

  constructor(random: Random) {
    this.#random = random
    const positions = { cluster: 'boot', gitops: 'off' }
    this.#say('controller', 'state.genesis', 'w', { positions, capabilities: ['dns'] })
  }

  step(): void {
    const draw = this.#random()
    if (draw < 0.05) return this.#note()
    if (draw < 0.08) {
      const policy = { version: 1 + Math.floor(draw * 1_000), digest, by: 'ann', policy: {} }
      return this.#say('keeper', 'policy.activated', 'policy', policy)
    }
    if (draw < 0.11) {
      const refused = { kind: 'intent', code: 'X', message: 'm', remedy: 'r', token: digest }
      return this.#say('keeper', 'token.refused', 'op_x', { ...refused, count: 1 })
    }
    const one = this.#open[Math.floor(this.#random() * this.#open.length)]
    if (!one || draw < 0.3) return this.#submit()
    this.#advance(one)
  }

  #submit(): void {
    const id = `op_${++this.#ops}`
    const moves = this.#random() < 0.5
    const op = {
      type: 'deploy',
      target: 'app/x',
      scope: [],
      destructive: false,
      achieves: moves ? [{ dimension: 'cluster', from: 'boot', to: 'up' }] : [],
      gains: moves ? [`cap${this.#ops % 3}`] : [],
      loses: this.#random() < 0.3 ? ['dns'] : [],
      requires: [],
    }
    this.#say('submitter', 'op.submitted', id, {
      op,
      op_digest: digest,
      by: 'ann',
      kid: 'k',
      expected_state_version: { cluster: 0 },
      expires: 9,
      intent: id,
    })
    this.#send('submitter', `intent:${id}`)
    this.#open.push({ id, phase: 'submitted', seq: 0 })
  }

  #advance(one: { id: string; phase: string; seq: number }): void {
    const { id, phase } = one
    const draw = this.#random()
    const detail = {}
    if (phase === 'submitted' || phase === 'held') {
      if (draw < 0.4) {
        one.phase = 'approved'
        one.seq = ++this.#seq
        const given = { seq: one.seq, keeper_epoch: 1, policy_digest: digest, approval: digest }
        this.#say('keeper', 'op.approved', id, { ...given, approvals: [], auto: true })
        return this.#send('keeper', `command:1:${one.seq}`)
      }
      if (draw < 0.6) {
        one.phase = 'held'
        const held = { why: 'w', plan_digest: digest, policy_digest: digest, needs: 'one' }
        return this.#say('keeper', 'op.held', id, held)
      }
      if (draw < 0.75) {
        const vote = { decision: 'approve', actor: `p${Math.floor(draw * 100)}`, kid: 'k' }
        const how = { custody: 'shared', reason: 'r', vote: digest, token: 't' }
        return this.#say('keeper', 'op.vote', id, { ...vote, ...how })
      }
      this.#end(one)
      if (draw < 0.85) return this.#say('keeper', 'op.withdrawn', id, { by: 'ann', reason: 'r' })
      const refused = { code: 'PROV_OP_DENIED', message: 'm', remedy: 'r' }
      return this.#say('keeper', 'op.refused', id, refused)
    }
    if (phase === 'approved') {
      one.phase = 'claimed'
      const claim = { seq: one.seq, keeper_epoch: 1, epoch: 1, provider_token: digest }
      return this.#say('controller', 'op.claimed', id, { ...claim, writes: ['cluster'] })
    }
    if (draw < 0.2) {
      one.phase = 'in_doubt'
      return this.#say('controller', 'op.in_doubt', id, { code: 'C', message: 'm', detail })
    }
    this.#end(one)
    if (draw < 0.5) {
      return this.#say('controller', 'op.failed', id, { code: 'C', message: 'm', detail })
    }
    const moves = [{ dimension: 'cluster', from: 'boot', to: 'up', version: this.#ops }]
    const applied = { moves, gained: [`cap${this.#ops % 3}`], lost: draw < 0.6 ? ['dns'] : [] }
    this.#say('controller', 'op.applied', id, { ...applied, detail })
  }

  #end(one: { id: string; phase: string; seq: number }): void {
    this.#open.splice(this.#open.indexOf(one), 1)
  }

  #say(emitter: string, type: string, subject: string, data: object): void {
    const n = (this.#ends.get(emitter) ?? 0) + 1
    this.#ends.set(emitter, n)
    this.#record(emitter, 'audit', {
      specversion: '1.0',
      id: `${emitter}:1:${n}`,
      source: 's',
      type: `prov.${type}`,
      subject,
      time: new Date(1_767_225_600_000 + this.records.length).toISOString(),
      datacontenttype: 'application/json',
      workspace: 'w',
      correlationid: subject,
      emitter,
      epoch: 1,
      n,
      prev: null,
      kid: 'k',
      data: data as JsonObject,
      signature: 's',
    })
  }

  #send(role: string, id: string): void {
    this.#record(role, 'outbox', { subject: 'ops.x', id, body: { id } })
  }

  #note(): void {
    const role = emitters[Math.floor(this.#random() * 3)] as string
    const position = Math.floor(this.#random() * (this.records.length + 1))
    this.#record(role, 'outbox.sent', { position })
  }

  #record(partition: string, type: string, body: JsonValue): void {
    const position = this.records.length + 1
    this.records.push({ position, epoch: 1, timeMs: 0, partition, type, body })
  }
}

const foldOf = (records: readonly JournalRecord[], fold = new ContractFold('w')): ContractFold => {
  for (const record of records) fold.enter(record)
  return fold
}

/** Everything that a fold says, in one text: rows by id, wherever they stand. */
function told(fold: ContractFold): string {
  const { rows: _rows, shelves: _shelves, ...rest } = fold.body()
  const rows = [...fold.model.ops.values()].sort((one, two) => (one.id < two.id ? -1 : 1))
  const open = [...fold.model.open.values()]
  return JSON.stringify({ rest, rows, open, size: fold.model.ops.size, ended: 0 })
}

const written = (body: JsonValue) => JSON.parse(JSON.stringify(body)) as JsonObject
const none = (): undefined => undefined

t.test('fold(all) = fold(checkpoint, then the rest), at every position', async (t) => {
  for (let seed = 1; seed <= 8; seed++) {
    const story = new Story(seeded(seed))
    for (let n = 0; n < 90; n++) story.step()
    const { records } = story
    const all = told(foldOf(records))
    const walking = new ContractFold('w')
    for (let at = 0; at <= records.length; at++) {
      if (at > 0) walking.enter(records[at - 1] as JournalRecord)
      const fold = new ContractFold('w')
      if (!fold.load(at, written(walking.body()), none)) return t.fail(`seed ${seed} at ${at}`)
      if (told(foldOf(records.slice(at), fold)) === all) continue
      return t.equal(told(fold), all, `seed ${seed}, checkpoint at ${at}`)
    }
  }
  t.pass('every position of every story')
})

t.test('operations that ended answer from disk as they did from memory', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'prov-shelf-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  for (let seed = 100; seed < 106; seed++) {
    const random = seeded(seed)
    const story = new Story(random)
    for (let n = 0; n < 300; n++) story.step()
    const { records } = story
    let fold = new ContractFold('w')
    for (const [at, record] of records.entries()) {
      fold.enter(record)
      if (random() > 0.03) continue
      const rows = fold.endedRows()
      const name = `rows-${seed}${at}.ops`
      const state = written(fold.body(new Set(rows.map(({ id }) => id))))
      const shelf = await writeShelf(dir, name, 'j', rows)
      const shelves = [...(state['shelves'] as JsonValue[]), { name, sha256: shelf.sha256 }]
      fold = new ContractFold('w')
      t.ok(fold.load(at + 1, { ...state, shelves }, shelvesIn(dir, 'j')), `seed ${seed} at ${at}`)
    }
    t.equal(told(fold), told(foldOf(records)), `seed ${seed}`)
    for (const id of ['op_', 'op_none', 'op_zzz']) t.equal(fold.model.ops.get(id), undefined)
    t.ok(fold.model.ops.nearSize < fold.model.ops.size, 'some are on disk')
  }
})

t.test('a shelf that is cut, changed, of another journal or gone does not count', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'prov-shelf-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const story = new Story(seeded(7))
  for (let n = 0; n < 200; n++) story.step()
  const rows = foldOf(story.records).endedRows()
  const shelf = await writeShelf(dir, 'rows-1.ops', 'j', rows)
  const file = join(dir, 'rows-1.ops')
  const good = readFileSync(file)
  const found = shelvesIn(dir, 'j')
  t.equal(found('rows-1.ops')?.sha256, shelf.sha256)
  t.equal(found('rows-2.ops'), undefined)
  t.equal(found('../rows-1.ops'), undefined)
  t.equal(shelvesIn(dir, 'other')('rows-1.ops'), undefined)
  const [first] = rows
  for (let cut = 1; cut < good.length; cut += 997) {
    truncateSync(file, good.length - cut)
    if (found('rows-1.ops')) t.fail(`${cut} bytes less`)
  }
  // Of a row it is told when somebody asks for it, of everything else at once.
  let refused = 0
  for (let at = 0; at < good.length; at += 487) {
    const bad = Buffer.from(good)
    bad[at] = (bad[at] as number) ^ 0x20
    writeFileSync(file, bad)
    const opened = found('rows-1.ops')
    const code = opened && (await codeOf(later(() => rows.map(({ id }) => opened.get(id)))))
    if (!opened || code === 'PROV_OP_SHELF_DAMAGED') refused++
    else t.fail(`a bit at ${at} went unseen`)
  }
  t.ok(refused > 0)
  writeFileSync(file, good)
  t.same(found('rows-1.ops')?.get(first?.id ?? ''), first)
  rmSync(file)
  t.equal(await codeOf(later(() => shelf.get(first?.id ?? ''))), 'PROV_OP_SHELF_DAMAGED')
})

t.test('numbers long used up are forgotten, and still count as used', (t) => {
  const story = new Story(seeded(5))
  while (story.records.length < 30_000) story.step()
  const { numbers, highest, ops } = foldOf(story.records).model
  t.ok(highest.seq > 2 * numbersKept, `${highest.seq} numbers`)
  const floor = numbers.floor(1)
  t.ok(floor > 0, `forgotten up to ${floor}`)
  for (let seq = 1; seq <= floor; seq++) {
    if (numbers.get(1, seq)?.used === undefined) return t.fail(`${seq} is free again`)
  }
  t.ok([...ops.values()].every(({ seq = 0, phase }) => phase !== 'approved' || seq > floor))
  t.equal(numbers.get(1, floor)?.used, 'past')
  t.equal(numbers.get(1, highest.seq + 1), undefined)
  t.equal(numbers.get(1, 0), undefined)
  t.end()
})

t.test('a stored checkpoint still loads; one of a newer Prov does not count', (t) => {
  const file = join(repoRoot, 'test/fixtures/contract/checkpoint-1.jsonl')
  const body = JSON.parse(readFileSync(file, 'utf8')) as JsonObject
  const fold = new ContractFold('w')
  t.ok(fold.load(99, body, none))
  const { ops, open, highest, positions } = fold.model
  t.same([ops.size, open.size, highest.seq, fold.hops.size], [15, 2, 5, 1])
  t.match(positions, { cluster: { state: 'up' } })
  t.equal(new ContractFold('w').load(99, { ...body, v: 2 }, none), false)
  t.equal(new ContractFold('other').load(99, body, none), false)
  const shelves = [{ name: 'rows-1.ops', sha256: 'x' }]
  t.equal(new ContractFold('w').load(99, { ...body, shelves }, none), false)
  t.end()
})

/** A contract that keeps itself after every few operations, its shelves on disk. */
async function small(on: Ground, shelves: string) {
  const journal = memoryJournal({ clock: on.clock, disk: on.disk })
  const reads: number[] = []
  const counted = new Proxy(journal, {
    get(target, name) {
      if (name !== 'read') return Reflect.get(target, name) as unknown
      return (options: { from?: number } = {}) => {
        reads.push(options.from ?? 1)
        return target.read(options)
      }
    },
  })
  const carried = (record: JournalRecord) => outboxItem(record, 'my-infra')
  const bus = await embeddedBus({ journal, clock: on.clock, carried })
  const keepEvery = { ended: 5, records: 1_000 }
  const common = { bus, keys: on.keys, clock: on.clock, workspace: 'my-infra', log: silent }
  const deal = await openContract({ journal: counted, ...common, shelves, keepEvery })
  // The first look is at one record only: whose journal it is.
  return { journal, bus, deal, reads, from: reads[1] as number }
}

async function lived({ deal }: { deal: Contract }, first: number, count: number) {
  for (let n = first; n < first + count; n++) {
    const op = `op_${n}`
    const empty = {
      scope: [],
      destructive: false,
      achieves: [],
      gains: [],
      loses: [],
      requires: [],
    }
    await deal.emit('submitter', {
      type: 'op.submitted',
      subject: op,
      data: {
        op: { type: 'deploy', target: 'x', ...empty },
        op_digest: digest,
        by: 'ann',
        kid: 'k',
        expected_state_version: {},
        expires: 9,
        intent: op,
      },
    })
    const reason = { by: 'ann', reason: 'over' }
    await deal.emit('keeper', { type: 'op.withdrawn', subject: op, data: reason })
  }
}

t.test(
  'a journal that is handed in has its shelves beside it, whoever else lies there',
  async (t) => {
    const on = sampleCopy(t)
    const begun = async (name: string) => {
      const journal = await openJournal({ dir: join(on.home, name) })
      const options = { workspace: on.root, home: on.home, discover: false, plugins: [], journal }
      const prov = await createRuntime({ ...options, log: () => {} })
      const deal = prov.service(contract)
      const end = async () => {
        await prov.close()
        await journal.close()
      }
      return { deal, end }
    }
    const first = await begun('mine')
    const left = new Promise((resolve) => first.deal.onLeft(resolve))
    await lived(first, 1, keepEvery.ended)
    await left
    await first.end()
    const shelves = () => readdirSync(join(on.home, 'mine.ops'))
    t.equal(shelves().length, 1)

    const other = await begun('yours')
    await other.end()
    t.equal(shelves().length, 1, 'another journal of that folder sweeps its own shelves')
    const second = await begun('mine')
    t.equal(second.deal.store.get().ops.nearSize, 0, 'what ended is not in memory')
    t.equal(second.deal.store.get().ops.get('op_7')?.phase, 'withdrawn')
    await second.end()
  },
)

t.test('a contract goes on from its checkpoint, and from nothing when that is gone', async (t) => {
  const on = ground(t)
  const shelves = join(on.home, 'ops')
  const first = await small(on, shelves)
  t.equal(first.from, 1)
  const left: string[] = []
  first.deal.onLeft((ops) => left.push(...ops))
  await lived(first, 1, 23)
  // Keeping goes on beside the events; another one waits for what is under way.
  while ((await first.journal.snapshot(checkpointName)) === undefined) await turn()
  await first.deal.keep()
  t.ok(left.length >= 5, `${left.length} left memory`)
  t.equal(first.deal.store.get().ops.get('op_1')?.phase, 'withdrawn')
  on.disk.held = false

  const second = await small(on, shelves)
  t.ok(second.from > 1, `read from ${second.from}`)
  const { ops } = second.deal.store.get()
  t.equal(ops.size, 23)
  for (let n = 1; n <= 23; n++) t.equal(ops.get(`op_${n}`)?.phase, 'withdrawn')
  await lived(second, 24, 3)
  const keeperEnd = second.deal.emitter('keeper').end
  on.disk.held = false
  const files = readdirSync(shelves)
  t.ok(files.length > 0)

  rmSync(shelves, { recursive: true, force: true })
  const third = await small(on, shelves)
  t.same(third.reads.slice(0, 1), [1], 'no shelves: the journal is read whole')
  t.equal(third.deal.store.get().ops.size, 26)
  t.equal(third.deal.store.get().ops.get('op_7')?.phase, 'withdrawn')
  t.same(third.deal.emitter('keeper').end, keeperEnd)
  t.ok(readdirSync(shelves).length > 0, 'and they are back')
  on.disk.held = false

  const forged = signedBody({ v: 1 }, () => 'A'.repeat(86))
  await third.journal.putSnapshot(checkpointName, { position: 2, body: forged })
  const fourth = await small(on, shelves)
  t.equal(fourth.from, 1, 'what the keeper did not sign does not count')
  t.equal(fourth.deal.store.get().ops.size, 26)
})

t.test('a checkpoint is what its key signed, or nothing', async (t) => {
  const { keys } = ground(t)
  const { record, sign } = await keys.service('j', 'keeper')
  const other = await keys.service('k', 'keeper')
  const body = { v: 1, rows: [] }
  const whole = written(signedBody(body, sign))
  t.same(bodyIn(whole, [record.publicKey]), body)
  t.equal(bodyIn(whole, [other.record.publicKey]), undefined)
  const before = { body, signature: sign(digestOfText(canonicalJson(body))) }
  t.same(bodyIn(before, [record.publicKey]), body, 'also as an older Prov signed it')
  t.equal(bodyIn({ ...whole, body: { v: 1, rows: [1] } }, [record.publicKey]), undefined)
  for (const bad of [null, 1, [], {}, { body }]) t.equal(bodyIn(bad as JsonValue), undefined)
})

const later = async <T>(act: () => T): Promise<T> => act()
const turn = () => new Promise((resolve) => setImmediate(resolve))
