/**
 * The thread of `watchdog.ts`. It loads nothing of the house: it must be there before the trouble is.
 *
 * @module
 */
import { renameSync, writeFileSync, writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'

interface Runner {
  readonly owner: string
  readonly doing: string
}

const { running, blockMs, looks, file } = workerData as {
  running: Int32Array
  blockMs: number
  looks: number
  file: string
}
const [beatAt, whoAt, lastAt] = [0, 1, 2]
const names: Runner[] = []
const stderr = 2

parentPort?.on('message', ({ number, runner }: { number: number; runner: Runner }) => {
  names[number] = runner
})
parentPort?.unref()

const nobody: Runner = { owner: 'Prov', doing: 'work of its own' }
let beat = -1
let still = 0
let said: Runner | undefined

/** Looks are counted, not timed: when the whole process was stopped, nobody is to blame. */
setInterval(() => {
  const now = Atomics.load(running, beatAt)
  if (now !== beat) {
    if (said) {
      const forMs = Math.round((still * blockMs) / looks)
      parentPort?.postMessage({ ...said, forMs })
      said = undefined
    }
    beat = now
    still = 0
    return
  }
  // The first look that finds nothing new says only that one beat is due.
  if (++still <= looks || said) return
  said = whoRuns()
  tell(said, Math.round((still * blockMs) / looks))
}, blockMs / looks)

/** What goes on behind a promise is not marked; who ran last is the best that can be said. */
function whoRuns(): Runner {
  const who = Atomics.load(running, whoAt)
  if (who !== 0) return names[who] ?? nobody
  const last = names[Atomics.load(running, lastAt)]
  if (!last || last.owner === nobody.owner) return nobody
  return { owner: last.owner, doing: `something after ${last.doing}` }
}

function tell({ owner, doing }: Runner, forMs: number): void {
  const code = 'PROV_PLUGIN_BLOCKS'
  const text = `${owner} blocks everything for ${forMs} ms now, in ${doing}`
  try {
    writeSync(stderr, `error[${code}]: ${text}\n  fix: end the process, mend ${owner}\n`)
  } catch {
    // Nobody listens there; the file says it.
  }
  try {
    writeFileSync(`${file}.new`, `${JSON.stringify({ code, owner, doing, forMs })}\n`)
    renameSync(`${file}.new`, file)
  } catch {
    // A folder that cannot be written is somebody else's message.
  }
}
