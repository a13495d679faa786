/**
 * The peers are no dependencies of Prov: they are installed into `bench/peers` when somebody measures
 * against them, and an arm whose package is not there is left out by name.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Those that measure actors, and those that measure durable jobs. */
export const actorPeers = ['nact', 'comedy', 'effect', 'moleculer'] as const
export const jobPeers = ['bullmq', 'graphile-worker'] as const

/** Two levels above the compiled `bench`. */
const folder = join(dirname(fileURLToPath(import.meta.url)), '../../bench/peers')

/** By name why a peer is missing; empty when all are there. Installs what the lock file says. */
export function havePeers(
  names: readonly string[],
  note: (text: string) => void,
): Map<string, string> {
  const missing = () => names.filter((name) => !existsSync(join(folder, 'node_modules', name)))
  const reasons = new Map<string, string>()
  if (missing().length === 0) return reasons
  note('installing the peers into bench/peers (once; nothing of Prov depends on them)')
  let reason = 'not installed'
  try {
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    execFileSync('npm', args, { cwd: folder, stdio: 'pipe', timeout: 120_000 })
  } catch (thrown) {
    reason = `npm could not install it: ${String(thrown).split('\n')[0] ?? ''}`
  }
  for (const name of missing()) reasons.set(name, reason)
  return reasons
}

/** Resolved from `bench/peers`, where it is installed; the bench itself cannot see it. */
export async function loadPeer(name: string): Promise<unknown> {
  const { load } = (await import(pathToFileURL(join(folder, 'load.mjs')).href)) as {
    load(name: string): Promise<unknown>
  }
  return load(name)
}
