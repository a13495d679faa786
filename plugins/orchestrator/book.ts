/**
 * What the orchestrator wrote down about its runs, in its own partition of the journal:
 *
 *     run.started ─▶ machine.asked ─▶ step.started ─▶ step.again ─▶ step.done ─▶ … ─▶ run.ended
 *                                       └─▶ run.failing ─▶ undo.started ─▶ undo.done ─▶ …
 *
 * `step.started` is durable before the machine hears of the step, so a step without `step.done` may
 * have run; the same goes for `undo.started`, and for `machine.asked` and the provider. Outputs never come here: a script may print what is secret.
 *
 * @module
 */
import { digestOf, isComponentRun, isFenced } from 'prov'
import type {
  Count,
  Journal,
  JsonObject,
  LateAnswer,
  Millis,
  OpBody,
  OpRun,
  Position,
  RunOutcome,
  StepRun,
} from 'prov'
import { runErrors } from './errors.ts'
import { keptRuns, runsKept } from './kept-runs.ts'
import { answerIn } from './late.ts'
import type { Answer } from './late.ts'

export interface RunRequest {
  readonly op: string
  readonly token: string
  readonly epoch?: Count | undefined
  readonly run: OpRun
  readonly labels: Readonly<Record<string, string>>
  /** What a component acts on. */
  readonly body?: OpBody | undefined
}

/** A request for steps on a machine. */
export interface StepsRequest extends RunRequest {
  readonly run: StepRun
}

/** A token stands for its graph, or for its component and what that acts on. */
function digestOfWork({ run, body }: RunRequest): string {
  const work = isComponentRun(run) ? { run, body: body ?? null } : run
  return digestOf(work as unknown as JsonObject)
}

/** How a step ended, as far as it is known for certain. */
export interface StepRecord {
  readonly exit: number
  /** It was ended for taking too long. */
  readonly late: boolean
  /** Where its output is, relative to the workspace. */
  readonly log: string
}

export interface RunRecord {
  readonly op: string
  readonly token: string
  /** Digest of what is run: a token has one graph for ever. */
  readonly digest: string
  /** The backend; for a component its name. */
  readonly provider: string
  readonly labels: Readonly<Record<string, string>>
  readonly started: ReadonlySet<string>
  /** The attempt that a step is at; those that are not here are at their first. */
  readonly attempts: ReadonlyMap<string, Count>
  /** How steps ended in the end, in the order in which they did. */
  readonly done: ReadonlyMap<string, StepRecord>
  /** Why no step is begun any more; what was done is being taken back. */
  readonly failing?: RunOutcome
  readonly undoing: ReadonlySet<string>
  readonly undone: ReadonlyMap<string, StepRecord>
  /** The last time that a provider was asked for a machine; kept for those that are not keyed. */
  readonly asked?: Asked
  readonly outcome?: RunOutcome
}

/** A provider was asked for a machine and may have made it, whatever became of the answer. */
export interface Asked {
  readonly attempt: Count
  /** Of the journal: an older one belongs to a life that is over for certain. */
  readonly epoch: Count
  /** By the wall clock. */
  readonly at: Millis
}

/** A record that is still written. */
export interface RunPage extends RunRecord {
  readonly started: Set<string>
  readonly attempts: Map<string, Count>
  readonly done: Map<string, StepRecord>
  failing?: RunOutcome
  readonly undoing: Set<string>
  readonly undone: Map<string, StepRecord>
  asked?: Asked
  outcome?: RunOutcome
}

/** Takes an answer that could not be written. */
type Late = (answer: LateAnswer) => Promise<void>

export const partition = 'orchestrator'

/** Runs that end between two snapshots. */
const keepEvery: Count = 512

export class RunBook {
  readonly #journal: Journal
  readonly #late: Late
  readonly #byOp = new Map<string, Set<string>>()
  /** Of the last record that is folded, and of the last snapshot. */
  #position: Position = 0
  #keptAt: Position = 0
  #endedSince: Count = 0
  readonly #runs = new Map<string, RunPage>()

  private constructor(journal: Journal, late: Late) {
    this.#journal = journal
    this.#late = late
  }

  /**
   * Reads what former lives wrote: what they kept, and what came after it. `late` gets the answers that
   * could not be written since another process has the journal; default: nobody does.
   */
  static async open(journal: Journal, late: Late = async () => {}): Promise<RunBook> {
    const book = new RunBook(journal, late)
    const kept = await journal.snapshot(partition)
    const pages = kept && runsKept(kept.body)
    if (pages) {
      for (const page of pages) book.#put(page)
      book.#keptAt = book.#position = kept.position
    }
    const from = book.#position + 1
    for await (const { type, body, position } of journal.read({ partition, from })) {
      book.#fold(type, body as JsonObject)
      book.#position = position
    }
    return book
  }

  /** Tokens of runs that ended, of these operations. */
  endedRunsOf(ops: Iterable<string>): readonly string[] {
    return Array.from(ops, (op) => [...(this.#byOp.get(op) ?? [])])
      .flat()
      .filter((token) => this.#runs.get(token)?.outcome)
  }

  /** Nobody asks for these runs any more. A token that comes again all the same begins anew. */
  drop(tokens: readonly string[]): void {
    for (const token of tokens) {
      const { op = '' } = this.#runs.get(token) ?? {}
      this.#runs.delete(token)
      const own = this.#byOp.get(op)
      if (own?.delete(token) && own.size === 0) this.#byOp.delete(op)
    }
  }

  /** Operations that have a page. */
  ops(): Iterable<string> {
    return this.#byOp.keys()
  }

  /** Keeps what it holds, so that the next start reads from here. Never rejects: it only shortens. */
  async keep(): Promise<void> {
    const position = this.#position
    if (position === this.#keptAt) return
    this.#keptAt = position
    this.#endedSince = 0
    const body = keptRuns(this.#runs.values())
    await this.#journal.putSnapshot(partition, { position, body }).catch(() => {})
  }

  get(token: string): RunRecord | undefined {
    return this.#runs.get(token)
  }

  /** The page of a token, if there is one. Throws PROV_RUN_TOKEN_REUSED for another graph. */
  find(request: RunRequest): RunRecord | undefined {
    const { token } = request
    const known = this.#runs.get(token)
    if (known && known.digest !== digestOfWork(request)) {
      throw runErrors.PROV_RUN_TOKEN_REUSED({ token })
    }
    return known
  }

  /** Opens the page of a token, or finds it. Throws as `find`. */
  async begin(request: RunRequest): Promise<RunRecord> {
    const known = this.find(request)
    if (known) return known
    const { op, token, run, labels } = request
    const digest = digestOfWork(request)
    const provider = isComponentRun(run) ? run.component : run.provider
    await this.#write('run.started', { op, token, digest, provider, labels })
    return this.#runs.get(token) as RunRecord
  }

  async stepStarted(token: string, step: string): Promise<void> {
    await this.#write('step.started', { token, step })
  }

  async stepDone(token: string, step: string, record: StepRecord): Promise<void> {
    await this.#write('step.done', { token, step, ...record })
  }

  /** It failed, and another attempt is due. */
  async stepAgain(token: string, step: string, attempt: Count): Promise<void> {
    await this.#write('step.again', { token, step, attempt })
  }

  async failing(token: string, outcome: RunOutcome): Promise<void> {
    await this.#write('run.failing', { token, outcome: outcome as unknown as JsonObject })
  }

  async undoStarted(token: string, step: string): Promise<void> {
    await this.#write('undo.started', { token, step })
  }

  async undoDone(token: string, step: string, record: StepRecord): Promise<void> {
    await this.#write('undo.done', { token, step, ...record })
  }

  /** The writer's epoch: greater in every life. */
  get epoch(): Count {
    return this.#journal.epoch
  }

  /** The writer of an earlier epoch is perhaps not dead. */
  mayLive(epoch: Count): boolean {
    return this.#journal.mayLive?.(epoch) === true
  }

  async machineAsked(token: string, asked: Omit<Asked, 'epoch'>): Promise<void> {
    await this.#write('machine.asked', { token, ...asked, epoch: this.epoch })
  }

  /** What a provider said about a machine: a step of its lease, so nothing is written here. */
  async machineAnswered(token: string, answer: Omit<Answer, 'what'>): Promise<void> {
    if (this.#journal.isHeld?.() === false) await this.#leave(token, { what: 'machine', ...answer })
  }

  async ended(token: string, outcome: RunOutcome): Promise<void> {
    await this.#write('run.ended', { token, outcome: outcome as unknown as JsonObject })
  }

  get size(): Count {
    return this.#runs.size
  }

  async #write(type: string, body: JsonObject): Promise<void> {
    const position = await this.#journal
      .append([{ partition, type, body }])
      .catch(async (thrown: unknown) => {
        const answer = isFenced(thrown) ? answerIn(type, body) : undefined
        if (answer) await this.#leave(body['token'] as string, answer)
        throw thrown
      })
    this.#fold(type, body)
    this.#position = position
    if (type === 'run.ended' && ++this.#endedSince >= keepEvery) void this.keep()
  }

  async #leave(token: string, answer: Answer): Promise<void> {
    const op = this.#runs.get(token)?.op
    if (op !== undefined) await this.#late({ op, token, ...answer })
  }

  #put(page: RunPage): void {
    const { op, token } = page
    this.#runs.set(token, page)
    const tokens = this.#byOp.get(op)
    if (tokens) tokens.add(token)
    else this.#byOp.set(op, new Set([token]))
  }

  // Written by this class alone, so the shapes are known; other types here belong to others.
  #fold(type: string, body: JsonObject): void {
    const token = body['token'] as string
    if (type === 'run.started') {
      const { op, digest, provider, labels } = body as unknown as RunRecord
      this.#put({
        op,
        token,
        digest,
        provider,
        labels,
        started: new Set(),
        attempts: new Map(),
        done: new Map(),
        undoing: new Set(),
        undone: new Map(),
      })
      return
    }
    const run = this.#runs.get(token)
    if (!run) return
    const step = body['step'] as string
    if (type === 'step.started') run.started.add(step)
    if (type === 'step.again') run.attempts.set(step, body['attempt'] as Count)
    if (type === 'step.done') run.done.set(step, body as unknown as StepRecord)
    if (type === 'run.failing') run.failing = body['outcome'] as unknown as RunOutcome
    if (type === 'undo.started') run.undoing.add(step)
    if (type === 'undo.done') run.undone.set(step, body as unknown as StepRecord)
    if (type === 'machine.asked') run.asked = body as unknown as Asked
    if (type !== 'run.ended') return
    run.outcome = body['outcome'] as unknown as RunOutcome
    // Nobody asks how it came to its outcome.
    for (const spent of [run.started, run.attempts, run.done, run.undoing, run.undone])
      spent.clear()
  }
}
