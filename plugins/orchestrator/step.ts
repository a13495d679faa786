/**
 * One step on one machine, over connections that may be lost at any time: the same key is asked for
 * again until the machine says how the step ended, or it is certain that nobody will ever say.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { ProvError, sleep } from 'prov'
import type { Clock, Count, Machine, Millis } from 'prov'
import { sshConnection } from './ssh.ts'
import type { SshConnection } from './ssh.ts'
import { isUnderWay, keptOutput, parseAnswer, stepCommand } from './wrapper.ts'
import type { StepAnswer } from './wrapper.ts'

export type StepEnd =
  | Extract<StepAnswer, { kind: 'exit' | 'unable' }>
  /** It was begun, and nobody can say how it ended. */
  | { readonly kind: 'unknown'; readonly why: string }
  /** Certainly not begun, and there is no machine to begin it on. */
  | { readonly kind: 'gone'; readonly why: string }

/** The way to a machine: one connection for all steps, made again when it is lost. */
export interface Link {
  /** Undefined: the machine is gone for certain. Throws PROV_RUN_SSH_* and PROV_RUN_HOST_KEY. */
  connection(): Promise<SshConnection | undefined>
  close(): void
}

export function machineLink(options: {
  readonly find: () => Promise<{ machine: Machine | undefined; authoritative: boolean }>
  readonly signal: AbortSignal
}): Link {
  let current: Promise<SshConnection | undefined> | undefined
  const connect = async (): Promise<SshConnection | undefined> => {
    const { machine, authoritative } = await options.find()
    if (machine) return sshConnection(machine, { signal: options.signal })
    if (authoritative) return undefined
    // Nobody knows yet; found to be unreachable, it is asked again.
    throw Object.assign(new Error('the provider does not know yet'), { again: true })
  }
  return {
    async connection() {
      const known = await current?.catch(() => undefined)
      if (known?.open) return known
      current = connect()
      return current
    },
    close: () => void current?.then((connection) => connection?.close()).catch(() => {}),
  }
}

export interface StepOptions {
  readonly link: Link
  /** Names what is run for ever, see `stepKey`. */
  readonly key: string
  readonly script: string
  readonly timeoutMs: Millis
  /** True when an earlier life may have begun it. */
  readonly begun: boolean
  /** How long an unreachable machine is waited for. Default 60 s. */
  readonly patienceMs?: Millis | undefined
  readonly clock: Clock
  readonly signal: AbortSignal
  /** The machine said that it runs. */
  readonly onUnderWay: () => void
}

/** The key of a step's script: the same for ever, another for each attempt and for its undo. */
export function stepKey(token: string, step: string, what: Count | 'undo' = 1): string {
  // A space is in no step's id.
  const name = what === 1 ? step : `${step} ${what}`
  return createHash('sha256').update(`${token}\n${name}`).digest('hex').slice(0, 40)
}

/** Rejects only with the signal's reason: then what was begun goes on over there. */
export async function runStep(options: StepOptions): Promise<StepEnd> {
  const { link, key, script, timeoutMs, clock, signal, onUnderWay } = options
  const deadline = options.patienceMs ?? 60_000
  const input = Buffer.from(script)
  let begun = options.begun
  let heard = false
  let pauseMs = 100
  let silentSince = clock.monotonic()
  const lost = (why: string): StepEnd => (begun ? { kind: 'unknown', why } : { kind: 'gone', why })

  for (;;) {
    signal.throwIfAborted()
    let why: string
    try {
      const connection = await link.connection()
      if (!connection) return lost('its machine is gone')
      silentSince = clock.monotonic()
      const command = stepCommand({
        key,
        bytes: input.length,
        nonce: randomBytes(8).toString('hex'),
        limitSeconds: Math.max(1, Math.ceil(timeoutMs / 1_000)),
      })
      const sent = begun
      begun = true
      const { said } = await connection.run(command, {
        input,
        limit: 2 * keptOutput + 4_096,
        onData(soFar) {
          if (heard || !isUnderWay(soFar)) return
          heard = true
          onUnderWay()
        },
      })
      const answer = parseAnswer(said)
      if (answer?.kind === 'exit') return answer
      if (answer?.kind === 'dead')
        return { kind: 'unknown', why: 'what ran it died before its end' }
      // Said by a wrapper that holds no key, so this call began nothing.
      if (answer?.kind === 'unable' && !sent) return answer
      if (answer?.kind === 'short') begun = sent
      why = answer?.kind === 'unable' ? answer.why : 'the connection was lost'
    } catch (thrown) {
      if (signal.aborted) throw signal.reason
      const again = ProvError.is(thrown)
        ? thrown.disposition === 'retry'
        : (thrown as { again?: boolean }).again === true
      why = (thrown as Error).message
      if (!again) return lost(why)
    }
    if (clock.monotonic() - silentSince > deadline) return lost(why)
    await sleep(clock, pauseMs, signal)
    pauseMs = Math.min(pauseMs * 2, 3_000)
  }
}
