/**
 * The peers are no dependencies of Prov: they are installed into `bench/peers` when somebody measures
 * against them, and an arm whose package is not there is left out by name.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export const peerNames = ['nact', 'comedy', 'effect', 'moleculer'] as const

/** By name why a peer is missing; empty when all are there. Installs what the lock file says. */
export function havePeers(folder: string, note: (text: string) => void): Map<string, string> {
  const missing = () => peerNames.filter((name) => !existsSync(join(folder, 'node_modules', name)))
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
