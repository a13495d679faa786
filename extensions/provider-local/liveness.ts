/**
 * Whether a process that was once written down still lives. A number alone proves nothing, since
 * numbers are given out again: a process is its number, its start time and the boot it belongs to.
 * Where there is no /proc the number has to do, and the README says so.
 *
 * @module
 */
import { readFile, readdir } from 'node:fs/promises'

/** One process, told apart from every later one with its number. */
export interface ProcessMark {
  readonly pid: number
  /** Ticks since boot; empty where the system does not tell. */
  readonly start: string
  /** Id of the boot; empty where the system does not tell. */
  readonly boot: string
}

/** The mark of a running process; undefined when there is none. A zombie is none. */
export async function markOf(pid: number): Promise<ProcessMark | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold anything, also brackets and blanks: count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    return { pid, start: fields[19] ?? '', boot: await bootId() }
  } catch {
    if ((await bootId()) !== '') return undefined
  }
  try {
    process.kill(pid, 0)
    return { pid, start: '', boot: '' }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
      ? { pid, start: '', boot: '' }
      : undefined
  }
}

/** True while the very process of the mark runs. */
export async function isAlive(mark: ProcessMark): Promise<boolean> {
  const now = await markOf(mark.pid)
  return now !== undefined && now.start === mark.start && now.boot === mark.boot
}

/** Tells a command which machine it runs on. */
export const machineVariable = 'PROV_MACHINE'

/**
 * What every process of a machine carries in its environment, whatever it forks. A random word per
 * machine, not its id: the copy of a workspace gives the same ids, and must not kill the original's.
 */
export const markVariable = 'PROV_MACHINE_MARK'

/** Numbers of all processes that carry a mark. Empty where there is no /proc. */
export async function processesOf(mark: string): Promise<readonly number[]> {
  const wanted = `${markVariable}=${mark}`
  const found: number[] = []
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    // Other users' processes cannot be read, and cannot be ours.
    const text = await readFile(`/proc/${name}/environ`, 'latin1').catch(() => '')
    if (text.split('\0').includes(wanted)) found.push(Number(name))
  }
  return found
}

let boot: string | undefined
async function bootId(): Promise<string> {
  boot ??= (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim()
  return boot
}
