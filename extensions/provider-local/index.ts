/**
 * The local provider: an ephemeral machine per lease on this computer, reached over SSH like any
 * other. See README.md for what it contains and what it does not.
 *
 * @module
 */
import { isAbsolute, join } from 'node:path'
import { defineProvider } from 'prov'
import { localErrors } from './errors.ts'
import type { Isolation, Network } from './isolation.ts'
import { localActs } from './local.ts'

interface LocalConfig {
  readonly stateDir?: string
  readonly isolation: Isolation
  readonly network: Network
}

/** Throws PROV_PROVIDER_LOCAL_CONFIG. */
function parseConfig(raw: unknown): LocalConfig {
  const refuse = (what: string) => localErrors.PROV_PROVIDER_LOCAL_CONFIG({ what })
  if (raw !== undefined && (typeof raw !== 'object' || raw === null || Array.isArray(raw))) {
    throw refuse('it must be an object')
  }
  const {
    stateDir,
    isolation = 'auto',
    network = 'none',
    ...rest
  } = (raw ?? {}) as Record<string, unknown>
  const unknown = Object.keys(rest)[0]
  if (unknown !== undefined) throw refuse(`there is no setting "${unknown}"`)
  if (isolation !== 'auto' && isolation !== 'bubblewrap' && isolation !== 'plain') {
    throw refuse('isolation is auto, bubblewrap or plain')
  }
  if (network !== 'none' && network !== 'host') throw refuse('network is none or host')
  if (stateDir === undefined) return { isolation, network }
  if (typeof stateDir !== 'string' || !isAbsolute(stateDir)) {
    throw refuse('stateDir is an absolute path')
  }
  return { stateDir, isolation, network }
}

export default defineProvider({
  name: 'local',
  class: 'keyed',
  config: parseConfig,
  make: ({ config, stateDir, clock }) =>
    localActs({ ...config, dir: config.stateDir ?? join(stateDir, 'machines'), clock }),
})
