/**
 * A process of its own that takes a lease over a real server, says so, and publishes its claim under
 * the epoch it got, again whenever it is told to: also when it was frozen meanwhile.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { lead } from '../../core/bus/leadership.ts'
import { natsBus } from '../../core/bus/nats.ts'
import { systemClock } from '../../core/clock.ts'
import { ProvError } from '../../core/errors.ts'

interface HolderOptions {
  readonly servers: string
  readonly name: string
  readonly ttlMs: number
}

/** Starts one that ends with its test. */
export function leader(t: { teardown(undo: () => unknown): unknown }, options: HolderOptions) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  let heard = (): void => {}
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    heard()
  })
  t.teardown(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return {
    child,
    /** Resolves when it said a line. */
    async said(line: string): Promise<void> {
      while (!lines.includes(line)) await new Promise<void>((resolve) => (heard = resolve))
    },
  }
}

async function hold({ servers, name: holder, ttlMs }: HolderOptions): Promise<void> {
  const bus = await natsBus({ servers })
  const { signal } = new AbortController()
  const store = await bus.keyValue('leases')
  const lease = await lead({
    store,
    key: 'the-one',
    holder,
    ttlMs,
    clock: systemClock,
    signal,
  })
  let count = 0
  const claim = () =>
    bus.publish('claims', { id: `${holder} ${++count}`, body: { holder, epoch: lease.epoch } })
  lease.lost.addEventListener('abort', () => {
    const { reason } = lease.lost as { reason: unknown }
    process.stdout.write(`lost ${ProvError.is(reason) ? reason.code : String(reason)}\n`)
  })
  await claim()
  process.stdout.write('held\n')
  createInterface({ input: process.stdin }).on('line', () => {
    const again = (): void => void claim().catch(() => setTimeout(again, 100))
    again()
  })
}

const [, script, given] = process.argv
if (script === fileURLToPath(import.meta.url) && given !== undefined) {
  await hold(JSON.parse(given) as HolderOptions)
}
