/**
 * The desk of the planes that live in this process: it answers people on other machines, over plain
 * subjects of the server. It adds nothing to what anybody may do: tokens that are handed in are judged as
 * if they had come any other way, and only who is enrolled may ask what stands.
 *
 * D1  A request counts once: it bears a nonce, the life of the plane, and a time.
 * D2  It is for this workspace and this plane, and signed by an enrolled key that was not revoked.
 * D3  Every answer names the request by digest and is signed with the key of the plane.
 * D4  All is bounded: what is being checked, what is under way in all and for each key, what a stranger
 *     is told. Beyond that a stranger's message is dropped, and whoever is known is told so.
 * D5  Nothing that comes in can throw out of here.
 * D6  Nobody is told less than they were told at another desk before: it waits for what it has to hear.
 *
 * @module
 */
import type { NatsBus } from '../bus/nats.ts'
import { largest, serve } from '../bus/exchange.ts'
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { asProvError } from '../errors.ts'
import type { ProvError } from '../errors.ts'
import { digestOfText } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Log } from '../log.ts'
import { clockSkewMs } from '../protocol/claims.ts'
import type { Contract } from '../protocol/contract.ts'
import { verifySignatureLater } from '../protocol/key.ts'
import type { PlaneName } from '../protocol/planes.ts'
import { inboxOf } from '../protocol/roles.ts'
import { subjects } from '../protocol/subjects.ts'
import { requestLimitBytes } from '../socket/wire.ts'
import type { Answering } from '../socket/server.ts'
import type { Count, Millis } from '../units.ts'
import { deskAnswers } from './answers.ts'
import { deskErrors } from './errors.ts'
import { Nonces } from './nonces.ts'
import { planesFor } from './requests.ts'
import { askedIn, deskVersion, pack, read, sign, speakers } from './wire.ts'
import type { Answered, Asked } from './wire.ts'

export interface DeskParts {
  /** The connection of a plane; undefined where it answers nobody. */
  readonly bus: (plane: PlaneName) => NatsBus | undefined
  readonly contract: Contract
  /** What may be asked, by name: see `holderAnswers`. */
  readonly answers: Answering
  /** A new look at what stands. */
  readonly look: (name: string, args: JsonObject) => Promise<unknown>
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<DeskLimits> | undefined
}

export interface DeskLimits {
  /** Requests whose signature is being checked. */
  readonly checks: Count
  /** Requests under way, of all and of one key. */
  readonly all: Count
  readonly each: Count
  /** Refusals that strangers are told, in a minute. */
  readonly strangers: Count
  /** How long one may be under way. */
  readonly longestMs: Millis
  /** How long a close waits for what is being handed in. */
  readonly closeMs: Millis
  /** How long a start and a close wait for the server. */
  readonly flushMs: Millis
}

const usual: DeskLimits = {
  checks: 64,
  all: 256,
  each: 16,
  strangers: 30,
  longestMs: 60_000,
  closeMs: 5_000,
  flushMs: 1_000,
}
const minuteMs: Millis = 60_000

/** Sits down at the desk of each plane that lives here; resolves when the server knows it. */
export async function serveDesk(parts: DeskParts): Promise<{ close(): Promise<void> }> {
  const desk = new Desk(parts)
  await desk.heardOf()
  return { close: () => desk.close() }
}

type Answer = (data: Uint8Array) => void

class Desk {
  readonly #parts: DeskParts
  readonly #limits: DeskLimits
  readonly #nonces: Nonces
  readonly #end = new AbortController()
  /** Keys of what is under way. */
  readonly #working: string[] = []
  readonly #under = new Set<Promise<void>>()
  readonly #answering: Answering
  readonly #stops: readonly (() => void)[]
  #checking: Count = 0
  #told: Count = 0
  #dropped: Count = 0

  constructor(parts: DeskParts) {
    this.#parts = parts
    this.#limits = { ...usual, ...parts.limits }
    this.#nonces = new Nonces(parts.clock)
    this.#answering = { ...parts.answers, ...deskAnswers(parts) }
    const { bus, contract, log } = parts
    this.#stops = contract.planes.flatMap((plane) => {
      const line = bus(plane)
      if (!line) return []
      const stop = serve(line, {
        subject: subjects.desk(contract.workspace, plane),
        inboxes: inboxOf('person', contract.workspace),
        heard: (data, answer) => this.#heard(plane, data, answer),
        denied: (error) =>
          log.warn(
            `nobody can ask the ${plane} from elsewhere: ${error.message}; prov nats config prints what the server needs for it`,
          ),
      })
      return [stop]
    })
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop()
    this.#end.abort()
    await this.#atMost(this.#limits.closeMs, Promise.allSettled(this.#under))
    await this.heardOf()
  }

  /** A server that is away just now hears it when it is back. */
  heardOf(): Promise<void> {
    const { bus, contract } = this.#parts
    const lines = contract.planes.flatMap((plane) => bus(plane) ?? [])
    const flushes = lines.map(async (line) => line.client.connection.flush())
    return this.#atMost(this.#limits.flushMs, Promise.all(flushes))
  }

  async #atMost(ms: Millis, work: Promise<unknown>): Promise<void> {
    const patience = new AbortController()
    const late = sleep(this.#parts.clock, ms, patience.signal)
    // What a connection that ends says of a flush is no news.
    await Promise.race([work, late]).catch(() => {})
    patience.abort()
  }

  #heard(plane: PlaneName, data: Uint8Array, answer: Answer): void {
    if (this.#checking >= this.#limits.checks || data.length > requestLimitBytes) {
      return this.#drop()
    }
    this.#checking++
    const text = Buffer.from(data).toString('utf8')
    const to = digestOfText(text)
    const done = this.#whose(text)
      .finally(() => this.#checking--)
      .then(
        (known) => this.#work(plane, { ...known, to }, answer),
        (thrown: unknown) => this.#refuse(plane, { to, error: asProvError(thrown) }, answer),
      )
      .finally(() => this.#under.delete(done))
    this.#under.add(done)
  }

  /** A request and the key that signed it, if that is one of somebody who is enrolled. */
  async #whose(text: string): Promise<{ asked: Asked; kid: string }> {
    const { workspace, keyring } = this.#parts.contract
    const signed = read('request', text)
    const asked = signed && askedIn(signed.said)
    if (!signed || !asked) throw deskErrors.PROV_DESK_REQUEST({ what: 'no signed request' })
    const { kid, signature } = signed
    const stranger = (what: string) => deskErrors.PROV_DESK_STRANGER({ what, project: workspace })
    const record = keyring.key(kid)
    if (!record || record.kind === 'service') {
      throw stranger('its key is not that of an enrolled person or agent')
    }
    if (!(await verifySignatureLater(record.publicKey, signed.text, signature))) {
      throw stranger('it is not signed by the key that it names')
    }
    if (keyring.revocation(kid)) throw stranger('its key was revoked')
    return { asked, kid }
  }

  /** Strangers are told why, but not for ever (D4). */
  async #refuse(
    plane: PlaneName,
    { to, error }: { readonly to: string; readonly error: ProvError },
    answer: Answer,
  ): Promise<void> {
    if (this.#told >= this.#limits.strangers) return this.#drop()
    if (this.#told++ === 0) this.#anew()
    await this.#say(plane, { to, error: error.toJSON() }, answer)
  }

  async #work(
    plane: PlaneName,
    { asked, kid, to }: { asked: Asked; kid: string; to: string },
    answer: Answer,
  ): Promise<void> {
    const own = this.#working.filter((one) => one === kid).length
    if (this.#working.length >= this.#limits.all || own >= this.#limits.each) {
      const error = deskErrors.PROV_DESK_BUSY({ plane }).toJSON()
      return this.#say(plane, { to, error }, answer)
    }
    this.#working.push(kid)
    try {
      this.#take(plane, asked, kid)
      await this.#say(plane, { to, end: await this.#done(asked) }, answer)
    } catch (thrown) {
      const error = asProvError(thrown)
      const { code, message } = error
      if (error.disposition === 'crash') this.#parts.log.error(message, { code })
      await this.#say(plane, { to, error: error.toJSON() }, answer)
    } finally {
      this.#working.splice(this.#working.indexOf(kid), 1)
    }
  }

  /** Takes a request that holds in every other respect, once (D1, D2). */
  #take(plane: PlaneName, asked: Asked, kid: string): void {
    const { contract, clock } = this.#parts
    const { workspace, journal, epoch } = contract
    if (asked.version !== deskVersion) {
      const versions = { here: asked.version, there: deskVersion }
      throw deskErrors.PROV_DESK_VERSION({ project: workspace, plane, ...versions })
    }
    if (asked.workspace !== workspace || asked.plane !== plane) {
      const there = `the ${asked.plane} of ${asked.workspace}`
      throw deskErrors.PROV_DESK_PROJECT({ asked: there, here: `the ${plane} of ${workspace}` })
    }
    if (!planesFor(asked.do, asked.with).includes(plane)) {
      const what = /^[a-z.]{1,40}$/.test(asked.do) ? `\`${asked.do}\`` : 'an unknown name'
      throw deskErrors.PROV_DESK_REQUEST({ what })
    }
    const { at, until, life, nonce } = asked
    if (until <= at || until - at > this.#limits.longestMs) {
      throw deskErrors.PROV_DESK_REQUEST({ what: 'a time that is too long' })
    }
    const nowMs = clock.now()
    const skewMs = Math.max(at - nowMs, nowMs - until)
    if (skewMs > clockSkewMs) throw deskErrors.PROV_DESK_LATE({ skewMs })
    const lives = life?.journal === journal && life.epoch === epoch
    if (asked.do !== 'hello' && !lives) throw deskErrors.PROV_DESK_MOVED({ plane })
    const fresh = this.#nonces.take(kid, nonce, until + clockSkewMs)
    if (fresh === 'full') throw deskErrors.PROV_DESK_BUSY({ plane })
    if (fresh === 'known') throw deskErrors.PROV_DESK_REPLAYED({ nonce })
  }

  async #done(asked: Asked): Promise<JsonValue> {
    const act = this.#answering[asked.do]
    if (!act) throw deskErrors.PROV_DESK_REQUEST({ what: `\`${asked.do}\`` })
    // Whoever waits hears that it took too long, too.
    const forMs = (asked.until - asked.at) * 0.9
    const late = new AbortController()
    const timer = this.#parts.clock.after(forMs, () => late.abort(), { background: true })
    try {
      const signal = AbortSignal.any([late.signal, this.#end.signal])
      await this.#caughtUp(asked, signal)
      return (await act(asked.with, { signal, say: () => {} })) ?? null
    } finally {
      timer.cancel()
    }
  }

  /** Who saw something at one plane must not be told by another one that it did not happen (D6). */
  async #caughtUp({ knows, plane }: Asked, signal: AbortSignal): Promise<void> {
    const { contract } = this.#parts
    const missing = () =>
      Object.entries(knows)
        .map(([of, n]) => ({ of, behind: n - (contract.ends.get(of)?.n ?? 0) }))
        .find(({ behind }) => behind > 0)
    if (!missing()) return
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        const one = missing()
        if (one && !signal.aborted) return
        stop()
        signal.removeEventListener('abort', look)
        if (one) reject(deskErrors.PROV_DESK_BEHIND({ plane, ...one }))
        else resolve()
      }
      const stop = contract.follow(look)
      signal.addEventListener('abort', look)
      look()
    })
  }

  /** Signed with the key that the plane has now (D3). */
  async #say(
    plane: PlaneName,
    { to, ...what }: Pick<Answered, 'to' | 'end' | 'error'>,
    answer: Answer,
  ): Promise<void> {
    const { contract, bus, log } = this.#parts
    const { workspace, journal, epoch } = contract
    const heads = Object.fromEntries([...contract.ends].map(([of, { n }]) => [of, n]))
    const place = { version: deskVersion, workspace, plane, journal, epoch } as const
    const head = { prov: 'desk', ...place, to, heads } as const
    try {
      const signer = contract.service(speakers[plane] as Parameters<Contract['service']>[0])
      const packed = await pack(sign('answer', { ...head, ...what }, signer))
      const limitBytes = largest(bus(plane) as NatsBus)
      if (packed.length <= limitBytes) return answer(packed)
      const error = deskErrors.PROV_DESK_TOO_LARGE({ what: 'the answer', limitBytes }).toJSON()
      answer(await pack(sign('answer', { ...head, error }, signer)))
    } catch (thrown) {
      log.error('an answer of the desk was lost', { reason: asProvError(thrown).message })
    }
  }

  #drop(): void {
    if (this.#dropped++ === 0 && this.#told === 0) this.#anew()
  }

  /** Strangers are told as much again in a minute. */
  #anew(): void {
    const again = (): void => {
      if (this.#dropped > 0) {
        this.#parts.log.warn(`${this.#dropped} requests at the desk were dropped within a minute`)
      }
      this.#told = this.#dropped = 0
    }
    this.#parts.clock.after(minuteMs, again, { background: true })
  }
}
