/**
 * The steps of an operation as an acyclic graph, and the walk over it: what may start now, given
 * what ended. Pure; nothing recurses, so a chain of 100,000 steps costs time and no stack.
 *
 * @module
 */
import type { Count, OpStep, StepRun } from 'prov'
import { runErrors } from './errors.ts'
import { priorities } from './slots.ts'

export interface Graph {
  readonly steps: readonly OpStep[]
  /** By index of a step: the indexes of those that wait for it. */
  readonly dependents: readonly (readonly number[])[]
  /** By index: how many it waits for. */
  readonly waits: readonly Count[]
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const longestScript = 262_144

/** Throws PROV_RUN_PRIORITY, PROV_RUN_GRAPH_INVALID for what a step says, PROV_RUN_GRAPH_CYCLE with the circle. */
export function stepGraph({ steps, priority = 0 }: Pick<StepRun, 'steps' | 'priority'>): Graph {
  const refuse = (step: string, what: string) => runErrors.PROV_RUN_GRAPH_INVALID({ step, what })
  if (!Number.isInteger(priority) || priority < 0 || priority > priorities.highest) {
    throw runErrors.PROV_RUN_PRIORITY({ priority, highest: priorities.highest })
  }
  const at = new Map<string, number>()
  for (const [index, step] of steps.entries()) {
    const { id, script, undo, attempts = 1, giveUpOn = [] } = step
    if (!idPattern.test(id)) throw refuse(id, 'its id holds letters, digits, ".", "_" and "-" only')
    if (at.has(id)) throw refuse(id, 'there are two with this id')
    if (script.trim() === '') throw refuse(id, 'it has no script')
    if (Buffer.byteLength(script) > longestScript) throw refuse(id, 'its script is over 256 KiB')
    if (undo !== undefined && undo.trim() === '') throw refuse(id, 'its undo is empty')
    if (Buffer.byteLength(undo ?? '') > longestScript) throw refuse(id, 'its undo is over 256 KiB')
    if (!Number.isInteger(attempts) || attempts < 1 || attempts > 10) {
      throw refuse(id, 'its attempts are a whole number from 1 to 10')
    }
    const codes = giveUpOn.every((code) => Number.isInteger(code) && code >= 1 && code <= 255)
    if (!codes) throw refuse(id, 'it gives up on exit codes, 1 to 255')
    at.set(id, index)
  }
  const dependents: number[][] = steps.map(() => [])
  const waits = steps.map(() => 0)
  for (const [index, { id, dependsOn = [] }] of steps.entries()) {
    for (const name of new Set(dependsOn)) {
      const before = at.get(name)
      if (before === undefined) throw refuse(id, `it waits for "${name}", which is not there`)
      dependents[before]?.push(index)
      waits[index] = (waits[index] ?? 0) + 1
    }
  }
  const graph = { steps, dependents, waits }
  const cycle = findCycle(graph, at)
  if (cycle) throw runErrors.PROV_RUN_GRAPH_CYCLE({ cycle })
  return graph
}

/** A circle as `a → b → a`, where each waits for the next one; undefined when there is none. */
function findCycle(graph: Graph, at: ReadonlyMap<string, number>): readonly string[] | undefined {
  const walk = startWalk(graph)
  for (let step = walk.next(); step; step = walk.next()) walk.ended(step.id)
  // What the walk never reached is a circle or waits for one: following its needs ends in it.
  const stuck = graph.steps.findIndex(({ id }) => !walk.isEnded(id))
  if (stuck < 0) return undefined
  const path: string[] = []
  const seen = new Map<string, number>()
  let id = (graph.steps[stuck] as OpStep).id
  while (!seen.has(id)) {
    seen.set(id, path.length)
    path.push(id)
    const { dependsOn = [] } = graph.steps[at.get(id) as number] as OpStep
    id = dependsOn.find((name) => !walk.isEnded(name)) as string
  }
  return [...path.slice(seen.get(id)), id]
}

export interface Walk {
  /** The next step that may start, in the order they were declared; undefined while none may. */
  next(): OpStep | undefined
  /** This one ended well: those that waited for it alone may start. */
  ended(id: string): void
  isEnded(id: string): boolean
  /** Steps that ended. */
  readonly done: Count
}

export function startWalk({ steps, dependents, waits }: Graph): Walk {
  const left = [...waits]
  const index = new Map(steps.map(({ id }, at) => [id, at]))
  const ended = new Set<string>()
  const ready: number[] = []
  for (const [at, count] of left.entries()) if (count === 0) ready.push(at)
  let taken = 0
  return {
    next: () => (taken < ready.length ? steps[ready[taken++] as number] : undefined),
    ended(id) {
      const at = index.get(id)
      if (at === undefined || ended.has(id)) return
      ended.add(id)
      for (const after of dependents[at] ?? []) {
        left[after] = (left[after] ?? 0) - 1
        if (left[after] === 0) ready.push(after)
      }
    },
    isEnded: (id) => ended.has(id),
    get done() {
      return ended.size
    },
  }
}
