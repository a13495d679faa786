/**
 * Walks over small directed graphs: cycles with their members, and ways from one node to another.
 *
 * @module
 */

export interface Arc {
  readonly from: string
  readonly to: string
}

function arcsFrom<A extends Arc>(arcs: readonly A[]): ReadonlyMap<string, readonly A[]> {
  const map = new Map<string, A[]>()
  for (const arc of arcs) {
    const list = map.get(arc.from)
    if (list) list.push(arc)
    else map.set(arc.from, [arc])
  }
  return map
}

/**
 * One cycle as `[a, b, a]`, or undefined. Which one is the same for the same arcs in the same order.
 * Does not recurse: a chain of 100,000 nodes is fine.
 */
export function cycleIn(arcs: readonly Arc[]): readonly string[] | undefined {
  const next = arcsFrom(arcs)
  const done = new Set<string>()
  for (const start of next.keys()) {
    if (done.has(start)) continue
    const path: string[] = [start]
    const onPath = new Set(path)
    const todo: (readonly Arc[])[] = [next.get(start) ?? []]
    const at: number[] = [0]
    while (path.length > 0) {
      const top = path.length - 1
      const arc = todo[top]?.[at[top] as number]
      if (!arc) {
        const left = path.pop() as string
        onPath.delete(left)
        done.add(left)
        todo.pop()
        at.pop()
        continue
      }
      at[top] = (at[top] as number) + 1
      if (onPath.has(arc.to)) return [...path.slice(path.indexOf(arc.to)), arc.to]
      if (done.has(arc.to)) continue
      path.push(arc.to)
      onPath.add(arc.to)
      todo.push(next.get(arc.to) ?? [])
      at.push(0)
    }
  }
  return undefined
}

/** The arcs of a shortest way from one node to another; empty when they are the same. */
export function wayBetween<A extends Arc>(
  arcs: readonly A[],
  from: string,
  to: string,
): readonly A[] | undefined {
  if (from === to) return []
  const next = arcsFrom(arcs)
  const cameBy = new Map<string, A>()
  const queue = [from]
  for (let index = 0; index < queue.length; index++) {
    for (const arc of next.get(queue[index] as string) ?? []) {
      if (arc.to === from || cameBy.has(arc.to)) continue
      cameBy.set(arc.to, arc)
      if (arc.to === to) {
        const way: A[] = []
        for (let node = to; node !== from;) {
          const by = cameBy.get(node) as A
          way.unshift(by)
          node = by.from
        }
        return way
      }
      queue.push(arc.to)
    }
  }
  return undefined
}
