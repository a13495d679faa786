/**
 * What an actor runtime in JavaScript could be at best: a ring per actor, a ready list, one microtask
 * that drains it, a switch instead of a statechart. No ids in envelopes, no supervision, no bounds.
 *
 * @module
 */
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, write } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { burst, mustBe, targets } from '../cell.ts'
import type { Arm, Cell, Place } from '../cell.ts'

interface Message {
  readonly type: 'flip' | 'get' | 'ball' | 'kept'
  readonly left?: number
  readonly done?: (count: number) => void
}

interface State {
  readonly value: 'a' | 'b'
  readonly count: number
}

const start: State = { value: 'a', count: 0 }

class Actor {
  readonly id: string
  state: State = start
  next: Actor | undefined
  ring: (Message | undefined)[] | undefined
  head = 0
  size = 0
  queued = false

  constructor(id: string) {
    this.id = id
  }
}

let ready: Actor[] = []
let running = false
let rested: (() => void) | undefined

function send(actor: Actor, message: Message): void {
  let ring = (actor.ring ??= [undefined, undefined, undefined, undefined])
  if (actor.size === ring.length) {
    const wider: (Message | undefined)[] = [...ring, ...ring]
    for (let at = 0; at < actor.size; at++) wider[at] = ring[(actor.head + at) & (ring.length - 1)]
    actor.head = 0
    actor.ring = ring = wider
  }
  ring[(actor.head + actor.size++) & (ring.length - 1)] = message
  if (actor.queued) return
  actor.queued = true
  ready.push(actor)
  if (running) return
  running = true
  queueMicrotask(drain)
}

function drain(): void {
  while (ready.length > 0) {
    const round = ready
    ready = []
    for (const actor of round) {
      actor.queued = false
      while (actor.size > 0) {
        const ring = actor.ring as (Message | undefined)[]
        const message = ring[actor.head] as Message
        ring[actor.head] = undefined
        actor.head = (actor.head + 1) & (ring.length - 1)
        actor.size--
        step(actor, message)
      }
      // What is large stays with those who use it all the time.
      if (actor.ring && actor.ring.length <= 4) actor.ring = undefined
    }
  }
  running = false
  rested?.()
}

function step(actor: Actor, message: Message): void {
  const { value, count } = actor.state
  switch (message.type) {
    case 'flip':
      actor.state = { value: value === 'a' ? 'b' : 'a', count: count + 1 }
      return
    case 'get':
      actor.state = { value, count: count + 1 }
      message.done?.(count)
      return
    case 'kept':
      actor.state = { value: value === 'a' ? 'b' : 'a', count: count + 1 }
      note(actor, { type: 'flip' })
      return
    case 'ball': {
      actor.state = { value, count: count + 1 }
      const left = message.left ?? 0
      if (left > 0) send(actor.next as Actor, { ...message, left: left - 1 })
      else message.done?.(count)
    }
  }
}

/** Steps on their way to a record of 64, as the kernel writes them; what was written is counted and dropped. */
const kept = { steps: [] as string[], bytes: 0 }

function note({ id, state: { value, count } }: Actor, event: object): void {
  kept.steps.push(JSON.stringify({ event, change: { value, set: { count } } }))
  if (kept.steps.length < 64) return
  const head = JSON.stringify({ address: id, version: 1, sequence: count - 63, atMs: Date.now() })
  const body = `${head.slice(0, -1)},"steps":[${kept.steps.join(',')}]}`
  kept.bytes += Buffer.byteLength(`[${Date.now()},"kernel","actor.turned",${body}]\n`)
  kept.steps = []
}

const quiet = (): Promise<void> =>
  new Promise((resolve) => {
    rested = resolve
  })

/** Variant `encode`: each step is written as the kernel writes it, by hand. */
function one({ variant }: Place): Cell {
  const actor = new Actor('bench/one')
  const type = variant === 'encode' ? 'kept' : 'flip'
  return {
    async run(times) {
      for (let done = 0; done < times;) {
        const until = Math.min(times, done + burst)
        for (; done < until; done++) send(actor, { type })
        await quiet()
      }
    },
    check: (total) => mustBe('flips', actor.state.count, total),
    figures: (total) => ({ bytesPerEvent: kept.bytes / total }),
  }
}

function random({ actors }: Place): Cell {
  const all = new Map<string, Actor>()
  const ids = Array.from({ length: actors }, (_, at) => `dimension/gitops-${at}`)
  for (const id of ids) all.set(id, new Actor(id))
  const order = targets(1 << 18, actors)
  let at = 0
  return {
    async run(times) {
      for (let done = 0; done < times;) {
        const until = Math.min(times, done + burst)
        for (; done < until; done++) {
          const id = ids[order[at++ & (order.length - 1)] as number] as string
          send(all.get(id) as Actor, { type: 'flip' })
        }
        await quiet()
      }
    },
    check(total) {
      let sum = 0
      for (const actor of all.values()) sum += actor.state.count
      mustBe('flips', sum, total)
    },
  }
}

function ask(): Cell {
  const actor = new Actor('one')
  return {
    async run(times) {
      for (let done = 0; done < times; done++) {
        await new Promise<number>((resolve) => send(actor, { type: 'get', done: resolve }))
      }
    },
    check: (total) => mustBe('answers', actor.state.count, total),
  }
}

/** A ring of actors that pass a ball on. */
function ring(length: number): { readonly all: readonly Actor[]; readonly count: () => number } {
  const all = Array.from({ length }, (_, at) => new Actor(`p${at}`))
  for (const [at, actor] of all.entries()) actor.next = all[(at + 1) % length]
  return { all, count: () => all.reduce((sum, { state }) => sum + state.count, 0) }
}

function passing(length: number, throws: number): Cell {
  const { all, count } = ring(length)
  let runs = 0
  return {
    async run(times) {
      runs++
      await new Promise<number>((done) =>
        send(all[0] as Actor, { type: 'ball', left: times * throws, done }),
      )
    },
    check: (total) => mustBe('balls', count(), total * throws + runs),
  }
}

function spawn(): Cell {
  const all = new Map<string, Actor>()
  return {
    run(times) {
      for (let at = 0; at < times; at++) {
        const id = `dimension/gitops-${at}`
        all.set(id, new Actor(id))
      }
    },
    check: (total) => mustBe('actors', all.size, total),
  }
}

/** One write and one sync for what 128 writers have to say at a time. */
function durable(): Cell {
  const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
  const file = openSync(join(dir, 'floor'), 'a')
  const sync = promisify(fdatasync)
  const put = promisify(write) as (fd: number, data: Buffer) => Promise<unknown>
  const line = Buffer.from(`${'x'.repeat(159)}\n`)
  const group = Buffer.concat(Array.from({ length: 128 }, () => line))
  let written = 0
  return {
    async run(times) {
      for (let done = 0; done < times; done += 128) {
        const lines = Math.min(128, times - done)
        await put(file, group.subarray(0, lines * line.length))
        await sync(file)
        written += lines
      }
    },
    check: (total) => mustBe('lines', written, total),
    close() {
      closeSync(file)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Node's own timers. */
function timers({ actors }: Place): Cell {
  const nothing = (): void => {}
  const pending = Array.from({ length: actors }, (_, at) => setTimeout(nothing, 3_600_000 + at))
  let done = 0
  return {
    run(times) {
      for (let at = 0; at < times; at++) clearTimeout(setTimeout(nothing, 3_600_000 + (at % 1_000)))
      done += times
    },
    check: (total) => mustBe('timers', done, total),
    close: () => pending.forEach(clearTimeout),
  }
}

function timersSize(): Cell {
  const pending: NodeJS.Timeout[] = []
  const nothing = (): void => {}
  return {
    run(times) {
      for (let at = 0; at < times; at++) pending.push(setTimeout(nothing, 3_600_000 + (at % 1_000)))
    },
    check: (total) => mustBe('timers', pending.length, total),
    close: () => pending.forEach(clearTimeout),
  }
}

/** Parsing what is kept and putting it into a map. */
function restore(): Cell {
  const lines = Array.from({ length: 100_000 }, (_, at) =>
    JSON.stringify([1e12, 'kernel', 'actor.started', { id: `dimension/gitops-${at}`, ...start }]),
  ).join('\n')
  const all = new Map<string, Actor>()
  return {
    run() {
      for (const line of lines.split('\n')) {
        const [, , , { id, value, count }] = JSON.parse(line) as [
          number,
          string,
          string,
          State & { id: string },
        ]
        const actor = new Actor(id)
        actor.state = { value, count }
        all.set(id, actor)
      }
    },
    check: (total) => mustBe('actors', all.size, total),
  }
}

export const arm: Arm = {
  cells: {
    burst: one,
    random,
    ask,
    pingpong: () => passing(2, 2),
    chain: ({ actors }) => passing(actors, 1),
    spawn,
    durable,
    timers,
    'timers-size': timersSize,
    restore,
  },
}
