/**
 * Importing one found plugin: the moment its code runs for the first time. Trust was asked before.
 *
 * @module
 */
import * as nodeModule from 'node:module'
import { pathToFileURL } from 'node:url'
import { ProvError } from '../errors.ts'
import { isPlugin } from './define.ts'
import type { Plugin } from './define.ts'
import type { FoundPlugin } from './discover.ts'
import { pluginErrors } from './errors.ts'

let hooked = false

/**
 * Imports the entry and checks the brand. Throws PROV_PLUGIN_TS_UNSUPPORTED,
 * PROV_PLUGIN_IMPORT_FAILED, PROV_PLUGIN_NOT_A_PLUGIN.
 */
export async function importPlugin(found: FoundPlugin): Promise<Plugin> {
  const { default: plugin } = (await importModule(found, found.entry)) as { default?: unknown }
  if (isPlugin(plugin)) return plugin
  throw pluginErrors.PROV_PLUGIN_NOT_A_PLUGIN(
    { id: found.id, found: plugin === undefined ? 'missing' : describe(plugin) },
    { place: { file: found.entry } },
  )
}

/** Imports a module that belongs to a found plugin. */
export async function importModule(found: FoundPlugin, file: string): Promise<unknown> {
  if (found.source !== 'first-party') {
    if (/\.m?ts$/.test(file) && !canStripTypes()) {
      throw pluginErrors.PROV_PLUGIN_TS_UNSUPPORTED({ entry: file, node: process.versions.node })
    }
    installHooks()
  }
  try {
    return await import(pathToFileURL(file).href)
  } catch (cause) {
    if (ProvError.is(cause)) throw cause
    throw pluginErrors.PROV_PLUGIN_IMPORT_FAILED(
      { id: found.id, reason: cause instanceof Error ? cause.message : String(cause) },
      { cause, place: { file } },
    )
  }
}

/** True when Node, or an installed stripper, can turn a `.ts` file into JavaScript. */
export function canStripTypes(): boolean {
  if ('stripTypeScriptTypes' in nodeModule) return true
  try {
    nodeModule.createRequire(import.meta.url).resolve('@swc/wasm-typescript')
    return true
  } catch {
    return false
  }
}

function installHooks(): void {
  if (hooked) return
  hooked = true
  const twin = import.meta.url.endsWith('.ts') ? './hooks.ts' : './hooks.js'
  nodeModule.register(twin, import.meta.url, { data: { prov: import.meta.url } })
}

function describe(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object without the brand' : typeof value
}
