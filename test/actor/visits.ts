/**
 * How much is looked at while something happens: every entry of a map or a set that anybody walks is
 * counted. Work that is counted says the same on every machine; time does not.
 *
 * @module
 */
type Walk = { next: () => IteratorResult<unknown> }

const walks: readonly Walk[] = [new Map(), new Set()].map(
  (of) => Object.getPrototypeOf(of.values()) as Walk,
)

/** Entries of maps and sets that were walked until `act` was through. */
export async function visits(act: () => unknown): Promise<number> {
  let seen = 0
  const before = walks.map(({ next }) => next)
  walks.forEach((walk, at) => {
    const next = before[at] as Walk['next']
    walk.next = function (this: Walk) {
      seen++
      return next.call(this)
    }
  })
  try {
    await act()
  } finally {
    walks.forEach((walk, at) => (walk.next = before[at] as Walk['next']))
  }
  return seen
}
