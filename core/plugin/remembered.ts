/**
 * What the last start knew of the plugins, in `.prov/plugins.json`: who failed last and of what, which
 * actor types there were. A process takes that with it when it ends, and whoever looks afterwards
 * must not start foreign code to hear it again.
 *
 * The file is a convenience: bounded, replaced as a whole, never waited for. One that cannot be read
 * says nothing, one that cannot be written stops nobody.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TypeRow } from '../actor/system.ts'
import type { Clock, Timer } from '../clock.ts'
import { defined } from '../optional.ts'
import { namesSecret } from '../secrets.ts'
import { replaceFile } from '../small-file.ts'
import type { Count, Millis } from '../units.ts'
import type { Isolation } from './isolation/tier.ts'
import { isIsolation } from './isolation/tier.ts'
import { isRecord } from './manifest.ts'

/** The last time that a plugin was refused, failed, or was ended for what it did. */
export interface Fault {
  readonly code: string
  /** What it was, at most 500 characters, without values of secret variables. */
  readonly message: string
  readonly timeMs: Millis
}

export interface RememberedPlugin {
  /** The last time that it came up. */
  readonly startedMs?: Millis
  /** Where it ran. */
  readonly isolation?: Isolation
  readonly fault?: Fault
}

export interface Remembered {
  /** By the id that `prov plugins` shows. */
  readonly plugins: Readonly<Record<string, RememberedPlugin>>
  /** Types of the last start; undefined when there was none. */
  readonly types?: readonly TypeRow[]
}

const largestText: Count = 500
const mostPlugins: Count = 200
const mostTypes: Count = 1_000
/** Between two writes for faults: a flood of them costs one. */
const pauseMs: Millis = 1_000
/** Shorter values are no secrets, and would turn every text into riddles. */
const shortestSecret: Count = 6

const fileIn = (stateDir: string): string => join(stateDir, 'plugins.json')

/** Never throws: whatever is not as it should be is left out. */
export function readRemembered(stateDir: string): Remembered {
  let raw: unknown
  try {
    raw = JSON.parse(readFileSync(fileIn(stateDir), 'utf8'))
  } catch {
    return { plugins: {} }
  }
  if (!isRecord(raw) || raw['version'] !== 1) return { plugins: {} }
  const { plugins, types } = raw
  const known = Object.entries(isRecord(plugins) ? plugins : {}).map(
    ([id, one]) => [id, pluginOf(one)] as const,
  )
  return {
    plugins: Object.fromEntries(known),
    ...(Array.isArray(types) && { types: types.flatMap(typeRowOf) }),
  }
}

/** A fault is past once the plugin came up again after it. */
export const isPast = ({ fault, startedMs = 0 }: RememberedPlugin): boolean =>
  fault !== undefined && startedMs > fault.timeMs

export interface MemoryOptions {
  readonly stateDir: string
  readonly clock: Clock
  /** Values of its variables with a secret's name, and of those handed to plugins, are blotted out. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Names of variables that plugins were handed. */
  readonly handed: readonly string[]
  readonly types: () => readonly TypeRow[]
}

/** How one plugin stood at a start. */
export interface Start {
  readonly id: string
  readonly isolation?: Isolation | undefined
  readonly fault?: { readonly code: string; readonly message: string } | undefined
}

/** The hand that writes it: one per runtime, under its writer lock. */
export class PluginMemory {
  readonly #options: MemoryOptions
  readonly #plugins: Map<string, RememberedPlugin>
  readonly #secrets: readonly string[]
  #written = ''
  #pause: Timer | undefined

  constructor(options: MemoryOptions) {
    this.#options = options
    this.#plugins = new Map(Object.entries(readRemembered(options.stateDir).plugins))
    this.#secrets = secretsOf(options)
  }

  /** All plugins were started, or not. */
  started(starts: readonly Start[]): void {
    const startedMs = this.#options.clock.now()
    for (const { id, isolation, fault } of starts) {
      if (fault) this.#keep(id, { isolation, fault: this.#fault(fault) })
      else this.#keep(id, { isolation, startedMs })
    }
    this.#write()
  }

  /** One of them got into trouble later. */
  troubled(id: string, error: { readonly code: string; readonly message: string }): void {
    this.#keep(id, { fault: this.#fault(error) })
    if (this.#pause) return
    this.#write()
    const { clock } = this.#options
    this.#pause = clock.after(pauseMs, () => this.#again(), { background: true })
  }

  close(): void {
    this.#pause?.cancel()
    this.#write()
  }

  #again(): void {
    this.#pause = undefined
    this.#write()
  }

  /** The newest is the last one, so the bound drops who was not seen for longest. */
  #keep(
    id: string,
    news: { readonly [K in keyof RememberedPlugin]: RememberedPlugin[K] | undefined },
  ) {
    const before = this.#plugins.get(id)
    this.#plugins.delete(id)
    this.#plugins.set(id, { ...before, ...(defined(news) as RememberedPlugin) })
  }

  #fault({ code, message }: { readonly code: string; readonly message: string }): Fault {
    const [line = ''] = message.split('\n', 1)
    const blotted = this.#secrets.reduce((text, secret) => text.replaceAll(secret, '…'), line)
    return { code, message: blotted.slice(0, largestText), timeMs: this.#options.clock.now() }
  }

  #write(): void {
    const { stateDir, types } = this.#options
    const text = JSON.stringify({
      version: 1,
      plugins: Object.fromEntries([...this.#plugins].slice(-mostPlugins)),
      types: types().slice(0, mostTypes),
    })
    if (text === this.#written) return
    try {
      replaceFile(fileIn(stateDir), `${text}\n`)
      this.#written = text
    } catch {
      // What is not remembered is only not shown.
    }
  }
}

function secretsOf({ env, handed }: MemoryOptions): readonly string[] {
  return Object.entries(env).flatMap(([name, value = '']) =>
    value.length >= shortestSecret && (handed.includes(name) || namesSecret(name)) ? [value] : [],
  )
}

function pluginOf(raw: unknown): RememberedPlugin {
  if (!isRecord(raw)) return {}
  const { startedMs, isolation, fault } = raw
  const whole =
    isRecord(fault) &&
    typeof fault['code'] === 'string' &&
    typeof fault['message'] === 'string' &&
    typeof fault['timeMs'] === 'number'
  return {
    ...(typeof startedMs === 'number' && { startedMs }),
    ...(isIsolation(isolation) && { isolation }),
    ...(whole && { fault: fault as unknown as Fault }),
  }
}

function typeRowOf(raw: unknown): readonly TypeRow[] {
  return isRecord(raw) && typeof raw['type'] === 'string' ? [raw as unknown as TypeRow] : []
}
