/**
 * Checks of thousands of signatures in threads of their own, handed over by the batch: one by one, handing
 * one to Node's pool costs this thread nearly as much as the check itself.
 *
 *     add ─▶ batch ─full─▶ thread with the fewest ─▶ verdict ─▶ `bad` of each that is not good
 *               └─ what a thread left unanswered, and the rest too small for one, is checked here
 *
 * @module
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Count } from '../units.ts'
import { isGoodSignature } from './key.ts'
import type { PublicJwk } from './key.ts'

/** A key, the text and the signature that is to be the key's over it. */
export type Check = readonly [key: PublicJwk, text: string, signature: string]

/** What a thread is told. */
export interface Batch {
  readonly number: Count
  readonly checks: readonly Check[]
}

/** What it answers: the places of those that are not good. */
export interface Verdict {
  readonly number: Count
  readonly bad: readonly Count[]
}

interface Open {
  readonly checks: readonly Check[]
  readonly answer: (bad: readonly Count[]) => void
}

interface Thread {
  readonly worker: Worker
  readonly open: Map<Count, Open>
}

/** So many checks go at once: handing over costs next to nothing each, and no thread waits long. */
const size: Count = 128
/** Batches per thread that wait or are under way: what is read ahead is bounded. */
const ahead: Count = 4

export class CheckThreads {
  readonly #width: Count
  readonly #threads: Thread[] = []
  #checks: Check[] = []
  #bad: (() => void)[] = []
  #number: Count = 0
  readonly #under = new Set<Promise<void>>()

  /** `width`: threads at most. Default: as many as there are processors, three at most. */
  constructor(width: Count = Math.min(3, availableParallelism())) {
    this.#width = width
  }

  /** Takes a check; `bad` is called when the signature is not good. Resolves when there is room for more. */
  async add(check: Check, bad: () => void): Promise<void> {
    this.#checks.push(check)
    this.#bad.push(bad)
    if (this.#checks.length < size) return
    this.#send()
    while (this.#under.size >= this.#width * ahead) await Promise.race(this.#under)
  }

  /** Resolves when everything that was added is checked. */
  async settled(): Promise<void> {
    for (const at of badOf(this.#checks)) this.#bad[at]?.()
    this.#checks = []
    this.#bad = []
    await Promise.all(this.#under)
  }

  /** Ends the threads; what they had not answered is of no interest any more. */
  async close(): Promise<void> {
    for (const { open } of this.#threads) open.clear()
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }

  #send(): void {
    const checks = this.#checks
    const bad = this.#bad
    this.#checks = []
    this.#bad = []
    const number = ++this.#number
    const { worker, open } = this.#thread()
    const checked = new Promise<readonly Count[]>((answer) => {
      open.set(number, { checks, answer })
      worker.postMessage({ number, checks } satisfies Batch)
    }).then((places) => {
      this.#under.delete(checked)
      for (const at of places) bad[at]?.()
    })
    this.#under.add(checked)
  }

  /** Another one while all that there are have something to do. */
  #thread(): Thread {
    const least = this.#threads.toSorted((one, two) => one.open.size - two.open.size)[0]
    if (least && (least.open.size === 0 || this.#threads.length >= this.#width)) return least
    const twin = import.meta.url.endsWith('.ts') ? './check-thread.ts' : './check-thread.js'
    const options = { name: 'prov checks', env: {}, execArgv: [] }
    const thread = { worker: new Worker(new URL(twin, import.meta.url), options), open: new Map() }
    this.#threads.push(thread)
    this.#follow(thread)
    return thread
  }

  #follow(thread: Thread): void {
    const { worker, open } = thread
    worker.on('message', ({ number, bad }: Verdict) => {
      open.get(number)?.answer(bad)
      open.delete(number)
    })
    // It is over, whatever the reason: its checks are made here, and nothing is handed to it any more.
    const over = (): void => {
      const at = this.#threads.indexOf(thread)
      if (at >= 0) this.#threads.splice(at, 1)
      for (const { checks, answer } of open.values()) answer(badOf(checks))
      open.clear()
    }
    worker.on('error', over)
    worker.on('exit', over)
  }
}

const badOf = (checks: readonly Check[]): readonly Count[] =>
  checks.flatMap((check, at) => (isGoodSignature(...check) ? [] : [at]))
