/**
 * Who said yes to which code. Threads contain faults, not malice (D-40): code inside this process
 * can do whatever the process can. So what comes with a workspace runs only after a person pinned
 * its content, in a file that no repository carries: `<home>/trust.json`, by workspace and plugin.
 * Prov's own plugins need none: they are the code that asks.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { replaceFile } from '../small-file.ts'
import { contentDigest } from './digest.ts'
import type { ContentDigest } from './digest.ts'
import type { FoundPlugin } from './discover.ts'
import { pluginErrors } from './errors.ts'
import { isRecord } from './manifest.ts'

export interface TrustPlace {
  /** The user's folder, outside every workspace. */
  readonly home: string
  /** Absolute root of the workspace: trust in one clone says nothing about another. */
  readonly workspace: string
}

interface Pin {
  readonly digest: string
  readonly at: string
  /** Guarded services that this very content may need, by id. */
  readonly grants?: readonly string[]
  /** `none`: a person lets it run inside Prov's own thread. */
  readonly isolation?: 'none'
}

/** How a found plugin stands: `own` needs no trust. */
export type Standing = 'own' | 'trusted' | 'new' | 'changed'

/** Compares what lies there now with what was pinned. */
export function standing(
  plugin: FoundPlugin,
  place: TrustPlace,
): { readonly standing: Standing; readonly digest?: string; readonly pinned?: string } {
  if (plugin.source === 'first-party' || plugin.source === 'given') return { standing: 'own' }
  const pinned = readPins(place.home)[place.workspace]?.[plugin.id]?.digest
  const { digest } = contentDigest(plugin.root)
  if (pinned === undefined) return { standing: 'new', digest }
  return { standing: pinned === digest ? 'trusted' : 'changed', digest, pinned }
}

/** Throws PROV_PLUGIN_UNTRUSTED for code that nobody pinned or that changed since. */
export function demandTrust(plugin: FoundPlugin, place: TrustPlace): void {
  const found = standing(plugin, place)
  if (found.standing === 'own' || found.standing === 'trusted') return
  throw pluginErrors.PROV_PLUGIN_UNTRUSTED({
    id: plugin.id,
    why: found.standing,
    digest: found.digest as string,
    ...(found.pinned !== undefined && { pinned: found.pinned }),
  })
}

/** `none` when a person allowed that for this very content. */
export function grantedIsolation(plugin: FoundPlugin, place: TrustPlace): 'none' | undefined {
  const pin = readPins(place.home)[place.workspace]?.[plugin.id]
  if (pin?.isolation !== 'none') return undefined
  return standing(plugin, place).standing === 'trusted' ? 'none' : undefined
}

/**
 * Which of these guarded services nobody granted to a plugin. Grants are pinned with the content, so
 * changed code loses them; Prov's own plugins and those a script hands in need none.
 */
export function missingGrants(
  plugin: FoundPlugin,
  place: TrustPlace,
  services: readonly string[],
): readonly string[] {
  if (services.length === 0 || standing(plugin, place).standing === 'own') return []
  const granted = readPins(place.home)[place.workspace]?.[plugin.id]?.grants ?? []
  return services.filter((service) => !granted.includes(service))
}

/** Pins what lies there now. With `dryRun` it only says what would be pinned. */
export function trustPlugin(
  plugin: FoundPlugin,
  place: TrustPlace,
  options: {
    readonly clock: Clock
    readonly dryRun?: boolean
    /** Ids of guarded services that it may need. Default none. */
    readonly grants?: readonly string[]
    /** `none` takes the wall away. Default: it stays. */
    readonly isolation?: 'none' | undefined
  },
): ContentDigest & { readonly before: Standing } {
  const before = standing(plugin, place).standing
  const content = contentDigest(plugin.root)
  if (before !== 'own' && !options.dryRun) {
    const pins = readPins(place.home)
    const at = new Date(options.clock.now()).toISOString()
    const pin: Pin = {
      digest: content.digest,
      at,
      grants: options.grants ?? [],
      ...(options.isolation && { isolation: options.isolation }),
    }
    const next = { ...pins, [place.workspace]: { ...pins[place.workspace], [plugin.id]: pin } }
    writePins(place.home, next)
  }
  return { ...content, before }
}

type Pins = Readonly<Record<string, Readonly<Record<string, Pin>>>>

/** A file that cannot be read or parsed trusts nobody: refusing is the safe side. */
function readPins(home: string): Pins {
  try {
    const raw: unknown = JSON.parse(readFileSync(join(home, 'trust.json'), 'utf8'))
    return isRecord(raw) && isRecord(raw['plugins']) ? (raw['plugins'] as Pins) : {}
  } catch {
    return {}
  }
}

function writePins(home: string, plugins: Pins): void {
  const text = JSON.stringify({ version: 1, plugins }, null, 2)
  replaceFile(join(home, 'trust.json'), `${text}\n`)
}
