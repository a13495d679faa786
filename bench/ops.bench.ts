/**
 * Measures: a signed operation and an unsigned durable job of ours beside queues that sign nothing, each
 * with its store's every commit on disk, in one process and in the same rounds; and the floors. Not:
 * the ledger, which follows in its own time; starts.
 */
import { bench } from './harness.ts'
import { bullmqArm } from './ops/bullmq.ts'
import { graphileArm } from './ops/graphile.ts'
import { jetstreamArm } from './ops/jetstream.ts'
import { jobArm } from './ops/job.ts'
import { signatureArms, signedArms, syncArm } from './ops/signed.ts'
import { havePeers, jobPeers } from './peers.ts'

const say = (text: string): void => void process.stderr.write(`ops: ${text}\n`)
const body = 'x'.repeat(200)
const missing = havePeers(jobPeers, say)
for (const [name, reason] of missing) say(`${name} is left out: ${reason}`)

const peers = [
  ...(missing.has('bullmq') ? [] : [bullmqArm(body)]),
  ...(missing.has('graphile-worker') ? [] : [graphileArm(body)]),
  jetstreamArm(body, 'always'),
  jetstreamArm(body, 'default'),
].flatMap((arm) => {
  if (typeof arm !== 'string') return [arm]
  say(`an arm is left out, ${arm}`)
  return []
})

export default bench(
  'ops',
  [...signatureArms, syncArm(), ...signedArms(body), jobArm(body), ...peers],
  { sampleMs: 300 },
)
