/**
 * How commands on a machine are kept away from the rest of this computer. With bubblewrap each one
 * sees a read-only system, its machine's own home and tmp, its own process table and no network;
 * without it it is a plain child process with a home of its own, which contains nothing. What holds
 * is found out by trying, and said in `isolation`.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Intent, MachineFolder } from './folder.ts'
import { machineVariable, markVariable } from './liveness.ts'

/** `auto`: bubblewrap when it works, else plain. The others insist. */
export type Isolation = 'auto' | 'bubblewrap' | 'plain'
/** Under bubblewrap only: `none` is the default, `host` shares this computer's network. */
export type Network = 'none' | 'host'

/** How to start a shell command: program and arguments in front of the command text. */
export interface Enclosure {
  /** In words for people. */
  readonly text: string
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

const systemFolders = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/etc']

/** Finds out what works here. Rejects with the reason when `bubblewrap` is insisted on and fails. */
export async function enclosureFor(folder: MachineFolder, intent: Intent): Promise<Enclosure> {
  if (intent.isolation !== 'plain') {
    const inside = bubblewrap(folder, intent)
    const failure = await tries(inside)
    if (failure === undefined) return inside
    if (intent.isolation === 'bubblewrap') throw new Error(failure)
  }
  return {
    text: 'plain child process (not contained)',
    program: '/bin/sh',
    args: ['-c'],
    cwd: folder.home,
    env: environment(intent, folder.home, folder.tmp),
  }
}

function bubblewrap(folder: MachineFolder, intent: Intent): Enclosure {
  const { network, mark } = intent
  const home = '/home/prov'
  const inside = environment(intent, home, '/tmp')
  return {
    text: network === 'none' ? 'bubblewrap, no network' : 'bubblewrap, network of the host',
    program: 'bwrap',
    args: [
      '--unshare-all',
      ...(network === 'host' ? ['--share-net'] : []),
      '--die-with-parent',
      '--new-session',
      '--clearenv',
      ...Object.entries(inside).flatMap(([name, value]) => ['--setenv', name, value]),
      ...systemFolders.flatMap((path) => ['--ro-bind-try', path, path]),
      '--proc',
      '/proc',
      '--dev',
      '/dev',
      '--bind',
      folder.tmp,
      '/tmp',
      '--bind',
      folder.home,
      home,
      '--chdir',
      home,
      '--',
      '/bin/sh',
      '-c',
    ],
    cwd: folder.home,
    // Carried by bwrap itself as well, so that all processes of a machine can be found.
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', [markVariable]: mark },
  }
}

function environment({ id, mark }: Intent, home: string, tmp: string): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: home,
    TMPDIR: tmp,
    USER: 'prov',
    LOGNAME: 'prov',
    SHELL: '/bin/sh',
    LANG: 'C.UTF-8',
    [machineVariable]: id,
    [markVariable]: mark,
  }
}

/** Runs a command that does nothing; the answer is why it failed, or undefined. */
async function tries(enclosure: Enclosure): Promise<string | undefined> {
  const { program, args, cwd, env } = enclosure
  try {
    await promisify(execFile)(program, [...args, 'true'], { cwd, env, timeout: 5_000 })
    return undefined
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string }
    if (code === 'ENOENT') return 'there is no bwrap on the PATH'
    return (stderr ?? '').trim().split('\n').at(-1) || (error as Error).message
  }
}
