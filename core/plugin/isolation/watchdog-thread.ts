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

interface Said extends Runner {
  /** Its mark was on the thread. */
  readonly sure: boolean
  /** Where a person begins to look. */
  readonly look: string
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

/** Also the name that is given to work that no mark is on. */
const own = 'Prov'
let beat = -1
let still = 0
let said: Said | undefined

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

/**
 * What goes on behind a promise is not marked, nor is a script around Prov: who ran last is somebody to
 * look at, and no more than that.
 */
function whoRuns(): Said {
  const marked = names[Atomics.load(running, whoAt)]
  if (marked && marked.owner !== own) return { ...marked, sure: true, look: marked.owner }
  const last = names[Atomics.load(running, lastAt)]
  const from = last && last.owner !== own ? `; ${last.owner} ran last, in ${last.doing}` : ''
  const doing = `work behind a promise or around ${own}${from}`
  return { owner: 'something unmarked', doing, sure: false, look: last?.owner ?? own }
}

function tell({ owner, doing, sure, look }: Said, forMs: number): void {
  const code = 'PROV_PLUGIN_BLOCKS'
  const text = `${owner} blocks everything for ${forMs} ms now, in ${doing}`
  const fix = `end the process, ${sure ? 'mend' : 'look first at'} ${look}`
  try {
    writeSync(stderr, `error[${code}]: ${text}\n  fix: ${fix}\n`)
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
