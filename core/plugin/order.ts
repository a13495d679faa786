/**
 * The order in which plugins start: who provides before who needs; among equals, those that add to
 * extension points first, so that whoever goes on with old work at its start finds all of them
 * running; then as they were found. Pure, so that a dry run and a test can ask without starting anything.
 *
 * @module
 */
export interface Wants {
  readonly name: string
  readonly needs: readonly string[]
  readonly provides: readonly string[]
  /** What of it is asked for here: whether it adds to extension points. */
  readonly plugin?: { readonly contributes?: readonly unknown[] }
}

export interface StartOrder<T extends Wants> {
  readonly order: readonly T[]
  /** Those that cannot start because a service will not be there, with the first such service. */
  readonly missing: readonly {
    readonly plugin: T
    readonly service: string
    readonly reason: string
  }[]
  /** Those that need each other in a circle; each lists the circle it stands in. */
  readonly cycles: readonly { readonly plugin: T; readonly cycle: readonly string[] }[]
}

/** `given` are services that are there already; `gone` says why a former provider is not. */
export function startOrder<T extends Wants>(
  plugins: readonly T[],
  given: ReadonlySet<string>,
  gone: ReadonlyMap<string, string> = new Map(),
): StartOrder<T> {
  const missing: { plugin: T; service: string; reason: string }[] = []
  const lost = new Map(gone)
  const adds = ({ plugin }: T) => (plugin?.contributes ?? []).length > 0
  let left = [...plugins.filter(adds), ...plugins.filter((plugin) => !adds(plugin))]
  // Refusing one takes its services away from others, so this repeats until nothing more falls.
  for (let fell = true; fell;) {
    fell = false
    const offered = new Set([...given, ...left.flatMap((plugin) => plugin.provides)])
    left = left.filter((plugin) => {
      const service = plugin.needs.find((need) => !offered.has(need))
      if (service === undefined) return true
      const reason = lost.get(service) ?? 'no plugin provides it'
      missing.push({ plugin, service, reason })
      for (const own of plugin.provides) lost.set(own, `${plugin.name} was refused`)
      fell = true
      return false
    })
  }

  const order: T[] = []
  const ready = new Set(given)
  for (let moved = true; moved;) {
    moved = false
    for (const plugin of left) {
      if (order.includes(plugin) || !plugin.needs.every((need) => ready.has(need))) continue
      order.push(plugin)
      for (const service of plugin.provides) ready.add(service)
      moved = true
      break
    }
  }
  const stuck = left.filter((plugin) => !order.includes(plugin))
  const cycles: { plugin: T; cycle: readonly string[] }[] = []
  for (const plugin of stuck) {
    const cycle = cycleFrom(plugin, stuck)
    if (cycle) cycles.push({ plugin, cycle })
    else {
      const service = plugin.needs.find((need) => !ready.has(need)) as string
      missing.push({ plugin, service, reason: 'its provider stands in a circle of needs' })
    }
  }
  return { order, missing, cycles }
}

/** The circle through a plugin, first name repeated at the end; undefined when it only waits for one. */
function cycleFrom(start: Wants, among: readonly Wants[]): readonly string[] | undefined {
  const seen = new Set<Wants>()
  const walk = (at: Wants, path: readonly string[]): readonly string[] | undefined => {
    for (const need of at.needs) {
      const next = among.find((plugin) => plugin.provides.includes(need))
      if (next === start) return [...path, start.name]
      if (!next || seen.has(next)) continue
      seen.add(next)
      const found = walk(next, [...path, next.name])
      if (found) return found
    }
    return undefined
  }
  return walk(start, [start.name])
}
