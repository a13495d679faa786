/**
 * Which processes belong to the machines under a folder, found without asking the provider: by that
 * folder in their arguments or environment, or by the marks of the machines that lie there.
 *
 * @module
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { machineMark } from '../../extensions/provider-local/folder.ts'
import { processesOf } from '../../extensions/provider-local/liveness.ts'

export async function processesIn(dir: string): Promise<readonly number[]> {
  const found = new Set<number>()
  for (const name of await readdir(dir).catch(() => [])) {
    const mark = await machineMark(join(dir, name)).catch(() => undefined)
    if (mark !== undefined) for (const pid of await processesOf(mark)) found.add(pid)
  }
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    const read = (file: string) => readFile(join('/proc', name, file), 'latin1').catch(() => '')
    const text = (await read('cmdline')) + (await read('environ'))
    // The machine's own process, bubblewrap, and plain commands, whose home is there.
    if (text.includes(`${dir}/local-`)) found.add(Number(name))
  }
  return [...found]
}

/** Kills all of them without warning. Some are gone by then: they end with the one before. */
export async function killProcessesIn(dir: string): Promise<void> {
  for (const pid of await processesIn(dir)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (thrown) {
      if ((thrown as { code?: unknown }).code !== 'ESRCH') throw thrown
    }
  }
}
