/**
 * Is this object really a plugin of the contract we speak? Every mistake in its shape gets its own
 * name before anything of it runs.
 *
 * @module
 */
import { defineErrors, errorTable } from '../errors.ts'
import { pluginApi } from './define.ts'
import type { Plugin } from './define.ts'
import { pluginErrors } from './errors.ts'
import { kernelNames } from './handles.ts'
import { isRouteName } from './route.ts'

/** Oldest and newest contract that this runtime speaks. */
export const spokenApis: { readonly from: number; readonly to: number } = {
  from: pluginApi,
  to: pluginApi,
}

const namePattern = /^[a-z][a-z0-9-]{0,62}$/

/** Throws PROV_PLUGIN_API_MISMATCH, PROV_PLUGIN_SHAPE_INVALID or PROV_ERROR_CODE_TAKEN. */
export function checkPlugin(plugin: Plugin): void {
  const name = typeof plugin.name === 'string' ? plugin.name : '(without a name)'
  const refuse = (field: string, wanted: string) =>
    pluginErrors.PROV_PLUGIN_SHAPE_INVALID({ plugin: name, field, wanted })
  if (!namePattern.test(name)) throw refuse('name', 'lower case letters, digits and -')
  if (!Number.isInteger(plugin.api)) throw refuse('api', 'a whole number')
  if (plugin.api < spokenApis.from || plugin.api > spokenApis.to) {
    const speaks =
      spokenApis.from === spokenApis.to
        ? `api ${spokenApis.to}`
        : `apis ${spokenApis.from} to ${spokenApis.to}`
    throw pluginErrors.PROV_PLUGIN_API_MISMATCH({ plugin: name, wants: plugin.api, speaks })
  }
  for (const field of ['needs', 'provides'] as const) {
    for (const [key, ref] of Object.entries(plugin[field] ?? {})) {
      // A string here would be an identity by spelling; the reference is the identity.
      if (typeof ref?.id !== 'string') throw refuse(`${field}.${key}`, 'a serviceRef')
    }
  }
  for (const field of ['commands', 'reads', 'routes'] as const) {
    for (const [key, load] of Object.entries(plugin[field] ?? {})) {
      if (typeof load !== 'function') throw refuse(`${field}.${key}`, 'a function that imports it')
    }
  }
  for (const key of Object.keys(plugin.actors ?? {})) {
    if (kernelNames.has(key)) throw refuse(`actors.${key}`, 'a key that the kernel does not have')
  }
  for (const name of Object.keys(plugin.routes ?? {})) {
    if (!isRouteName(name)) throw refuse(`routes.${name}`, 'like `GET /api/<owner>/<path>`')
  }
  for (const addition of plugin.contributes ?? []) {
    if (typeof addition?.point !== 'string') throw refuse('contributes', 'made by contribute()')
  }
  for (const field of ['shapes', 'config', 'preflight', 'setup'] as const) {
    const value = plugin[field]
    if (value !== undefined && typeof value !== 'function') throw refuse(field, 'a function')
  }
  registerRows(plugin, refuse)
}

/** Rows that the plugin made itself with `defineErrors` are in the table already. */
function registerRows(plugin: Plugin, refuse: (field: string, wanted: string) => Error): void {
  for (const [code, row] of Object.entries(plugin.errors ?? {})) {
    if (!/^PROV_[A-Z0-9]+(_[A-Z0-9]+)+$/.test(code)) {
      throw refuse(`errors.${code}`, 'a code like PROV_<AREA>_<WHAT>')
    }
    if (errorTable().get(code) === (row as unknown)) continue
    defineErrors({ [code]: row })
  }
}
