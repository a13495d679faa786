/**
 * Programs that a plugin's process started and that left its group: whoever is started `detached`
 * leads one of its own. They bear a mark in their environment, as everything does that was not handed
 * another one, and are looked for by it. Only where there is a `/proc`.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { Count } from '../../units.ts'

/** What it is called there. Who starts something without it means it to live on. */
export const markName = 'PROV_PLUGIN_RUN'

/** Who was begun while one look went on is found by the next: so often at most. */
const mostLooks: Count = 20

/** Ends all that bear it but this process. */
export function endMarked(mark: string): void {
  for (let look = 0; look < mostLooks; look++) if (endFound(mark) === 0) return
}

function endFound(mark: string): Count {
  let ended = 0
  for (const name of processes()) {
    const pid = Number(name)
    if (!(pid > 1) || pid === process.pid || !bears(name, mark)) continue
    try {
      process.kill(pid, 'SIGKILL')
      ended++
    } catch {
      // It ended by itself.
    }
  }
  return ended
}

function processes(): readonly string[] {
  try {
    return readdirSync('/proc')
  } catch {
    return []
  }
}

/** One that is ending has no environment any more; those of others nobody may read. */
function bears(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${markName}=${mark}`)
  } catch {
    return false
  }
}
