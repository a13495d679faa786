/**
 * Module hooks for plugins that are not ours, installed the first time one is imported. They do two
 * things: `prov`, `xstate` and `rxjs` lead to the running copies (a workspace needs no install of
 * its own to hold a one-file plugin), and the types of `.ts` files are stripped where Node does not
 * do it. Runs in the loader's thread: nothing of the house is imported here.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import * as nodeModule from 'node:module'

interface ResolveContext {
  readonly parentURL?: string | undefined
}
interface Resolved {
  readonly url: string
  readonly format?: string | null | undefined
}
type NextResolve = (specifier: string, context: ResolveContext) => Promise<Resolved>
type NextLoad = (url: string, context: object) => Promise<unknown>

/** Package that strips types where Node has no stripper of its own; loaded only then. */
const stripper = '@swc/wasm-typescript'

let prov = ''

/** Receives the URL of a module of the running Prov. */
export function initialize(data: { readonly prov: string }): void {
  prov = data.prov
}

export async function resolve(specifier: string, context: ResolveContext, next: NextResolve) {
  // Always ours: two copies of the face would mean two error tables and two journals' worth of code.
  if (specifier === 'prov' || specifier.startsWith('prov/')) {
    return next(specifier, { ...context, parentURL: prov })
  }
  try {
    return asModule(await next(specifier, context))
  } catch (thrown) {
    if (!/^(xstate|rxjs)(\/|$)/.test(specifier)) throw thrown
    return next(specifier, { ...context, parentURL: prov })
  }
}

/**
 * Plugins are ES modules. A workspace whose package.json does not say so would make Node guess, with
 * a warning at each start. Packages keep what they declare.
 */
function asModule(found: Resolved): Resolved {
  const guessed = (found.format ?? undefined) === undefined
  const own = found.url.startsWith('file:') && !found.url.includes('/node_modules/')
  return guessed && own && /\.js(\?|$)/.test(found.url) ? { ...found, format: 'module' } : found
}

export async function load(url: string, context: object, next: NextLoad) {
  if (!url.startsWith('file:') || !/\.m?ts(\?|$)/.test(url)) return next(url, context)
  const text = await readFile(new URL(url), 'utf8')
  return { format: 'module', source: await stripTypes(text), shortCircuit: true }
}

type Strip = (text: string, options: { mode: string }) => string | { code: string }

async function stripTypes(text: string): Promise<string> {
  const own = (nodeModule as unknown as { stripTypeScriptTypes?: Strip }).stripTypeScriptTypes
  if (own) return own(text, { mode: 'strip' }) as string
  const found = (await import(stripper)) as {
    transformSync?: Strip
    default?: { transformSync: Strip }
  }
  const strip = (found.transformSync ?? found.default?.transformSync) as Strip
  try {
    return (strip(text, { mode: 'strip-only' }) as { code: string }).code
  } catch (thrown) {
    // It throws a record of its own, which would be told as [object Object].
    const { message, startLine } = thrown as { message?: unknown; startLine?: unknown }
    throw new SyntaxError(
      `${String(message ?? thrown)}${startLine === undefined ? '' : ` (line ${String(startLine)})`}`,
      { cause: thrown },
    )
  }
}
