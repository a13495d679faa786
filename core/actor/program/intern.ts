/**
 * Configurations that exist once: active states plus what history remembers. Whoever stands in one
 * holds it, and at it hang the choices that were worked out for it. Their number is bounded: a machine
 * of many regions has more configurations than fit in memory, so all that was worked out is dropped
 * when there is too much of it, and begins anew with those that actors stand in.
 *
 * @module
 */
import type { AnyStateNode } from 'xstate'
import type { JsonValue } from '../../json.ts'
import type { Count } from '../../units.ts'
import type { History } from '../state.ts'
import type { Config as Shown } from './program.ts'
import type { Choice } from './select.ts'
import { historyOf, valueOf } from './tree.ts'
import type { Remembered } from './tree.ts'

export class Config implements Shown {
  readonly value: JsonValue
  readonly text: string
  readonly tags: ReadonlySet<string>
  readonly status: 'active' | 'done'
  readonly output: JsonValue | undefined
  readonly history: History | undefined
  readonly nodes: readonly AnyStateNode[]
  readonly remembered: Remembered
  /** The table that it is in; undefined for one that was dropped, and for one that is done. */
  table: Configs | undefined = undefined
  /** The choice of the last type of event, before asking the map. */
  lastType = ''
  lastChoice: Choice | undefined = undefined
  choices: Map<string, Choice> | undefined = undefined
  /** Undefined: not worked out yet. `null`: nothing here happens without an event. */
  eventless: Choice | null | undefined = undefined

  constructor(
    nodes: readonly AnyStateNode[],
    remembered: Remembered,
    end?: { readonly output: JsonValue | undefined },
  ) {
    this.nodes = nodes
    this.remembered = remembered
    this.value = frozen(valueOf((nodes[0] as AnyStateNode).machine.root, nodes))
    this.text = JSON.stringify(this.value)
    this.tags = new Set(nodes.flatMap((node) => node.tags))
    this.history = frozen(historyOf(remembered))
    this.status = end ? 'done' : 'active'
    this.output = end?.output
  }

  forget(): void {
    this.table = undefined
    this.lastType = ''
    this.lastChoice = undefined
    this.choices = undefined
    this.eventless = undefined
  }
}

/** The configurations of one program. */
export class Configs {
  /** Configurations and plans at most. */
  readonly #limit: Count
  #known = new Map<string, Config>()
  #plans: Count = 0

  constructor(limit: Count = 20_000) {
    this.#limit = limit
  }

  /** How much is worked out. */
  get size(): Count {
    return this.#known.size + this.#plans
  }

  of(nodes: readonly AnyStateNode[], remembered: Remembered): Config {
    const key = keyOf(nodes, remembered)
    return this.#known.get(key) ?? this.#add(key, new Config(nodes, remembered))
  }

  /** The one that stands for this one now. */
  again(config: Config): Config {
    const key = keyOf(config.nodes, config.remembered)
    return this.#known.get(key) ?? this.#add(key, config)
  }

  planned(): void {
    this.#plans++
  }

  /** Drops everything if there is too much. Between two steps only. */
  bound(): void {
    if (this.size <= this.#limit) return
    for (const config of this.#known.values()) config.forget()
    this.#known = new Map()
    this.#plans = 0
  }

  #add(key: string, config: Config): Config {
    this.#known.set(key, config)
    config.table = this
    return config
  }
}

function keyOf(nodes: readonly AnyStateNode[], remembered: Remembered): string {
  let key = ''
  for (const { order } of nodes) key += `${order},`
  for (const id of Object.keys(remembered).sort()) {
    const orders = (remembered[id] as AnyStateNode[]).map(({ order }) => order)
    key += `|${id}:${orders.sort((a, b) => a - b).join()}`
  }
  return key
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null)
    Object.values(Object.freeze(value)).forEach(frozen)
  return value
}
