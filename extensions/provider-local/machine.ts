/**
 * The process of one machine, started with its folder as the only argument:
 *
 *     intent.json ──claim──▶ process.json ──listen──▶ machine.json ──TERM, TTL, folder gone──▶ ∅
 *
 * It is a process of its own so that it outlives Prov: after a kill -9 the same token finds the same
 * machine, with whatever ran on it. And it ends by itself when nobody was connected for its TTL, or
 * when its folder was taken away: no machine stays behind because somebody forgot it.
 *
 * @module
 */
import { mkdir, readFile, stat } from 'node:fs/promises'
import { systemClock } from 'prov'
import type { Millis, Timer } from 'prov'
import {
  claimFile,
  claimWithinMs,
  jsonText,
  machineFolder,
  readState,
  removeFolder,
  replaceFile,
} from './folder.ts'
import type { Intent, Listening } from './folder.ts'
import { enclosureFor } from './isolation.ts'
import { sshKeyPair } from './keys.ts'
import { markOf, processesOf } from './liveness.ts'
import { sshServer } from './server.ts'

const host = '127.0.0.1'
const user = 'prov'
const folderCheckMs: Millis = 2_000

/** Exit code of a process that came second: another one has the folder, all is well. */
const cameSecond = 0

async function main(path: string): Promise<void> {
  const clock = systemClock
  const folder = machineFolder(path)
  const intent = await readState<Intent>(folder.intent)
  // Too late to claim: whoever asked was told by now that there is no machine.
  if (!intent || clock.now() - intent.askedMs > claimWithinMs) process.exit(1)
  const mark = await markOf(process.pid)
  if (!mark) throw new Error('cannot tell its own process')
  if (!(await claimFile(folder.process, jsonText(mark)))) process.exit(cameSecond)

  await mkdir(folder.home, { mode: 0o700, recursive: true })
  await mkdir(folder.tmp, { mode: 0o700, recursive: true })
  const enclosure = await enclosureFor(folder, intent)
  const hostKeys = sshKeyPair()
  const userKeys = sshKeyPair()

  let ending = false
  const end = async (remove: boolean): Promise<void> => {
    if (ending) return
    ending = true
    server.killAll()
    // What left its process group still carries the mark.
    for (const pid of await processesOf(intent.mark)) killQuietly(pid)
    if (remove) await removeFolder(path)
    process.exit(0)
  }

  let idle: Timer | undefined
  const server = await sshServer({
    host,
    user,
    hostKey: hostKeys.private,
    userKey: userKeys.public,
    enclosure,
    onConnections(count) {
      idle?.cancel()
      idle = count > 0 ? undefined : clock.after(intent.ttlMs, () => void end(true))
    },
  })
  idle = clock.after(intent.ttlMs, () => void end(true))
  process.on('SIGTERM', () => void end(false))

  await replaceFile(folder.userKey, userKeys.private)
  const listening: Listening = {
    id: intent.id,
    token: intent.token,
    process: mark,
    host,
    port: server.port,
    user,
    hostKey: hostKeys.public,
    labels: intent.labels,
    isolation: enclosure.text,
  }
  await replaceFile(folder.machine, jsonText(listening))

  const watch = (): void => {
    clock.after(folderCheckMs, () => {
      void stat(folder.machine).then(watch, () => end(false))
    })
  }
  watch()
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Ended in between.
  }
}

const path = process.argv[2]
if (path === undefined) {
  const readme = new URL('./README.md', import.meta.url)
  process.stderr.write(await readFile(readme, 'utf8').catch(() => 'usage: machine <folder>\n'))
  process.exit(64)
}
await main(path).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
