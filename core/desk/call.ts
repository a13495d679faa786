/**
 * Asking the desks of a project from another machine. A request is signed with a key of one's own; an
 * answer counts when it is signed with the plane's key as it is known here and names this very request.
 * Whatever else comes is passed over: a server that lies can keep one waiting, and no more.
 *
 *     hello ──▶ life of the plane ──▶ request ──▶ answer ──▶ known key? ──▶ the end, or the error
 *                                                             └─ no ──▶ trail ──▶ does it lead there?
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { ask } from '../bus/exchange.ts'
import type { NatsBus } from '../bus/nats.ts'
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { errorFrom, ProvError } from '../errors.ts'
import type { ErrorReport } from '../errors.ts'
import { digestOfText } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { isTerminal } from '../protocol/fold.ts'
import { verifySignature } from '../protocol/key.ts'
import type { KeyRecord, Signer } from '../protocol/key.ts'
import type { PlaneName } from '../protocol/planes.ts'
import type { PhaseChange } from '../protocol/services.ts'
import { subjects } from '../protocol/subjects.ts'
import type { Answerer, CallOptions } from '../socket/client.ts'
import type { Count, Millis } from '../units.ts'
import { deskErrors } from './errors.ts'
import { followed, knownFile, knownIn, readKnown, writeKnown } from './known.ts'
import type { Known } from './known.ts'
import { planesFor } from './requests.ts'
import { answeredIn, deskVersion, read, sign, speakers, unpack } from './wire.ts'
import type { Answered, Asked, Heads, Life } from './wire.ts'

export interface DeskCallOptions {
  readonly bus: NatsBus
  /** Name of the project: that of its workspace. */
  readonly project: string
  /** Signs requests. */
  readonly signer: Signer
  readonly home: string
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Talk for people: which keys were taken for true at the first look. */
  readonly progress: (line: string) => void
  /** How long an answer is waited for. */
  readonly patienceMs?: Millis | undefined
}

const usualPatienceMs: Millis = 10_000
/** What is handed in may wait for another plane there: so many times as long. */
const handInTimes: Count = 4
const longPollMs: Millis = 30_000
const againMs: Millis = 500

/** Finds a plane that is there, and its journal. Throws PROV_DESK_*. */
export async function openDesk(options: DeskCallOptions): Promise<Answerer> {
  const caller = new Caller(options)
  return caller.open()
}

type Reply =
  | { readonly kind: 'answer'; readonly answered: Answered }
  | { readonly kind: 'none'; readonly none: 'nobody' | 'silent'; readonly passed: number }

/** An answer to the request by its form. */
interface Heard {
  readonly kid: string
  readonly answered: Answered
  /** True when it is signed with that key. */
  readonly holds: (key: KeyRecord) => boolean
}

class Caller {
  readonly #options: DeskCallOptions
  readonly #file: string
  readonly #lives = new Map<PlaneName, Life>()
  #known: Known | undefined
  #knows: Heads = {}

  constructor(options: DeskCallOptions) {
    this.#options = options
    this.#file = knownFile(options.home, options.project)
    this.#known = readKnown(this.#file)
  }

  async open(): Promise<Answerer> {
    const { project } = this.#options
    const { journal } = await this.#first(planesFor('hello', {}), (plane) => this.#hello(plane))
    return {
      hello: { workspace: project, journal },
      epoch: async () => (await this.#life('keeper')).epoch,
      call: (name, given, more = {}) =>
        name === 'follow' ? this.#follow(given, more) : this.#call(name, given, more),
    }
  }

  async #call(name: string, given: JsonObject, more: CallOptions): Promise<JsonValue> {
    const planes = planesFor(name, given)
    if (planes.length === 0) {
      const { project } = this.#options
      throw deskErrors.PROV_DESK_ELSEWHERE({ project, what: `\`${name}\`` })
    }
    return this.#first(planes, (plane) => this.#ask(plane, name, given, more))
  }

  /** The first plane at whose desk somebody is. */
  async #first<T>(planes: readonly PlaneName[], act: (plane: PlaneName) => Promise<T>): Promise<T> {
    for (const [at, plane] of planes.entries()) {
      try {
        return await act(plane)
      } catch (thrown) {
        const nobody = ProvError.is(thrown) && thrown.code === 'PROV_DESK_NOBODY'
        if (!nobody || at === planes.length - 1) throw thrown
      }
    }
    throw new Error('no plane to ask')
  }

  async #ask(
    plane: PlaneName,
    name: string,
    given: JsonObject,
    more: CallOptions,
    again = false,
  ): Promise<JsonValue> {
    const life = await this.#life(plane)
    const { patienceMs = usualPatienceMs } = this.#options
    const waitMs =
      name === 'next' ? longPollMs : more.handsIn ? handInTimes * patienceMs : patienceMs
    const reply = await this.#request(plane, { life, do: name, with: given }, waitMs, more.signal)
    if (reply.kind === 'none') throw this.#unanswered(plane, reply, waitMs, more)
    const { end, error } = reply.answered
    if (error === undefined) return end ?? null
    const thrown = errorFrom(error as ErrorReport)
    if (thrown.code !== 'PROV_DESK_MOVED') throw thrown
    this.#lives.delete(plane)
    // Nothing was taken. An act is signed for the life that is over: the whole is to be done anew.
    if (again || name === 'act') throw thrown
    return this.#ask(plane, name, given, more, true)
  }

  #unanswered(
    plane: PlaneName,
    { none, passed }: Extract<Reply, { kind: 'none' }>,
    waitedMs: Millis,
    { handsIn }: CallOptions,
  ): ProvError {
    const { project } = this.#options
    if (none === 'nobody') return deskErrors.PROV_DESK_NOBODY({ project, plane })
    if (handsIn) return deskErrors.PROV_DESK_LOST({ project, plane, ...handsIn })
    if (passed === 0) return deskErrors.PROV_DESK_SILENT({ project, plane, waitedMs })
    return deskErrors.PROV_DESK_FORGED({ project, plane, count: passed, file: this.#file })
  }

  async #life(plane: PlaneName): Promise<Life> {
    return this.#lives.get(plane) ?? this.#hello(plane)
  }

  async #hello(plane: PlaneName): Promise<Life> {
    const { patienceMs = usualPatienceMs } = this.#options
    const reply = await this.#request(plane, { do: 'hello', with: {} }, patienceMs)
    if (reply.kind === 'none') throw this.#unanswered(plane, reply, patienceMs, {})
    const { error, journal, epoch } = reply.answered
    if (error !== undefined) throw errorFrom(error as ErrorReport)
    this.#lives.set(plane, { journal, epoch })
    return { journal, epoch }
  }

  /**
   * Phases until it ended: each question waits there until there is another one. Who is started anew there
   * is waited for; how long is up to whoever listens.
   */
  async #follow({ op = null }: JsonObject, { hear, signal }: CallOptions): Promise<JsonValue> {
    const { clock } = this.#options
    const ends = signal ? AbortSignal.any([signal, this.#options.signal]) : this.#options.signal
    let after: JsonValue = null
    for (;;) {
      const change: JsonValue = await this.#call('next', { op, after }, { signal }).catch(
        async (thrown: unknown) => {
          if (!ProvError.is(thrown) || thrown.disposition !== 'retry') throw thrown
          await sleep(clock, againMs, ends)
          return null
        },
      )
      if (change === null) continue
      after = change
      hear?.(change)
      if (isTerminal((change as unknown as PhaseChange).name)) return null
    }
  }

  async #request(
    plane: PlaneName,
    what: Pick<Asked, 'life' | 'do' | 'with'>,
    waitMs: Millis,
    signal?: AbortSignal,
  ): Promise<Reply> {
    const { bus, project, signer, clock } = this.#options
    const at = clock.now()
    const nonce = randomBytes(16).toString('base64url')
    const head = { prov: 'desk', version: deskVersion, workspace: project, plane } as const
    const asked = { ...head, ...what, knows: this.#knows, nonce, at, until: at + waitMs }
    const text = sign('request', asked, signer)
    const to = digestOfText(text)
    let trail = true
    const found = await ask(bus, {
      subject: subjects.desk(project, plane),
      data: Buffer.from(text),
      timeoutMs: waitMs,
      clock,
      signal: signal ? AbortSignal.any([signal, this.#options.signal]) : this.#options.signal,
      judge: async (data) => {
        const answer = this.#heard(plane, to, data)
        if (!answer) return undefined
        const { kid, holds, answered } = answer
        const role = speakers[plane]
        if (!this.#known) {
          // A refusal before the first look changes nothing, so there is nothing to believe.
          if (answered.error !== undefined) return answered
          this.#meet(plane, answer)
        } else if (what.do === 'trail') {
          // Not believed for its signature: each event in it proves itself, or does not.
          const after = followed(this.#known, answered.end)
          if (after.get(role)?.kid !== kid) return undefined
          this.#keep(after)
        } else if (this.#known.get(role)?.kid !== kid && trail) {
          trail = false
          await this.#followTrail(plane, answered)
        }
        const key = this.#known?.get(role)
        if (key?.kid !== kid || !holds(key)) return undefined
        const { version: there } = answered
        if (there === deskVersion) return answered
        throw deskErrors.PROV_DESK_VERSION({ project, plane, here: deskVersion, there })
      },
    })
    if ('none' in found) return { kind: 'none', ...found }
    this.#learn(found.answer.heads)
    return { kind: 'answer', answered: found.answer }
  }

  /** An answer to this request by its form, and how its signature is checked. */
  #heard(plane: PlaneName, to: string, data: Uint8Array): Heard | undefined {
    const signed = read('answer', unpack(data) ?? '')
    const answered = signed && answeredIn(signed.said)
    if (!signed || !answered) return undefined
    const { workspace, plane: of, to: about } = answered
    if (about !== to || of !== plane || workspace !== this.#options.project) return undefined
    const { kid, text, signature } = signed
    const holds = (key: KeyRecord) => verifySignature(key.publicKey, text, signature)
    return { kid, answered, holds }
  }

  /** The first look: whoever answers says the keys of all planes, and from now on they are known. */
  #meet(plane: PlaneName, { kid, holds, answered }: Heard): void {
    const known = knownIn(answered.end)
    const key = known?.get(speakers[plane])
    if (!known || key?.kid !== kid || !holds(key)) return
    this.#keep(known)
    const { project, progress } = this.#options
    const keeper = known.get('keeper')?.kid
    progress(
      `${project} is met for the first time: its keeper has the key ${keeper}; compare it with \`prov actor list --services\` where its planes live`,
    )
  }

  #learn(heads: Heads): void {
    const far = ([of, n]: readonly [string, number]) => [of, Math.max(n, this.#knows[of] ?? 0)]
    this.#knows = { ...this.#knows, ...Object.fromEntries(Object.entries(heads).map(far)) }
  }

  #keep(known: Known): void {
    writeKnown(this.#file, known)
    this.#known = known
  }

  /** Another key answers: does what the known ones said lead to it? */
  async #followTrail(plane: PlaneName, { journal, epoch }: Answered): Promise<void> {
    const { patienceMs = usualPatienceMs } = this.#options
    const life = { journal, epoch }
    await this.#request(plane, { life, do: 'trail', with: {} }, patienceMs)
  }
}
