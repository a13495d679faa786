/**
 * The thread of `check-threads.ts`: says which signatures of a batch are not good.
 *
 * @module
 */
import { parentPort } from 'node:worker_threads'
import type { Batch, Verdict } from './check-threads.ts'
import { isGoodSignature } from './key.ts'

parentPort?.on('message', ({ number, checks }: Batch) => {
  const bad = checks.flatMap((check, at) => (isGoodSignature(...check) ? [] : [at]))
  parentPort?.postMessage({ number, bad } satisfies Verdict)
})
