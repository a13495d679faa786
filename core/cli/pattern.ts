/**
 * How a command's pattern is spelt: words, `<needed>`, `[optional]`, `[several..]`.
 *
 * @module
 */

/** Names of positionals in `<id> [more..]`. */
export function positionalsOf(tail: string): readonly string[] {
  return [...tail.matchAll(/[<[]([a-zA-Z-]+)(?:\.\.)?[>\]]/g)].map(([, name]) =>
    kebab(name as string),
  )
}

/** `opId` is typed `--op-id`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
