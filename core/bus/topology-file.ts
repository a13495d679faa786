/**
 * The topology that settings name: a file of the project, the user's own, or the bundled one.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import type { NatsSettings } from '../config/nats.ts'
import { busErrors } from './errors.ts'
import { ecosystemTopology, parseTopology } from './topology.ts'
import type { Topology } from './topology.ts'

/** The file that the settings name, or the bundled one. Throws PROV_BUS_TOPOLOGY_INVALID. */
export function topologyOf({ streamsConfig: file }: NatsSettings): Topology {
  if (file === undefined) return ecosystemTopology
  const wrong = (what: string) => busErrors.PROV_BUS_TOPOLOGY_INVALID({ file, where: 'it', what })
  if (!existsSync(file)) throw wrong('does not exist')
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (thrown) {
    throw wrong(`is not JSON: ${(thrown as Error).message}`)
  }
  return parseTopology(value, file)
}
