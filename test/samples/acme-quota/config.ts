/** Limits by region, as somebody wrote them: `{ "eu": 3 }`. @module */

/** Throws what is wrong; the host refuses the plugin with it. */
export function parseConfig(raw: unknown): Readonly<Record<string, number>> {
  const limits: unknown = raw ?? {}
  if (typeof limits !== 'object' || Array.isArray(limits)) throw new Error('it is an object')
  for (const [region, limit] of Object.entries(limits as object)) {
    if (!Number.isInteger(limit) || limit < 1) {
      throw new Error(`the limit of ${region} is a whole number, 1 or more`)
    }
  }
  return limits as Readonly<Record<string, number>>
}
