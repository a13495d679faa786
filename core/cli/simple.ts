/**
 * The short way to parse a command line: most are a few words and well-formed flags, and yargs alone
 * takes longer to load than such a command takes to run. This knows only what can be read in one
 * way; for anything else it answers undefined and yargs decides, which also words every refusal. A
 * test runs both over the same lines and compares.
 *
 * @module
 */
import type { Flag } from './command.ts'

/** What yargs would answer: values by name, before they are judged. Undefined: ask yargs. */
export function parseSimply(
  argv: readonly string[],
  tail: string,
  positionals: readonly string[],
  options: Readonly<Record<string, Flag>>,
): Record<string, unknown> | undefined {
  const raw: Record<string, unknown> = { _: [] }
  const words: string[] = []
  for (let at = 0; at < argv.length; at++) {
    const part = argv[at] as string
    if (!part.startsWith('-')) {
      words.push(part)
      continue
    }
    const match = /^--([a-z][a-z-]*)(?:=(.+))?$/s.exec(part)
    const name = match?.[1] ?? aliasOf(part, options)
    const flag = name === undefined || !Object.hasOwn(options, name) ? undefined : options[name]
    if (name === undefined || !flag) return undefined
    let value: string | true | undefined = match?.[2]
    if (flag.type === 'boolean') {
      if (value !== undefined) return undefined
      // The next word might be its value ("true") or not; only yargs has a rule for that.
      if (/^(true|false)$/.test(argv[at + 1] ?? '')) return undefined
      value = true
    } else {
      value ??= argv[++at]
      if (value === undefined || value === '' || value.startsWith('-')) return undefined
    }
    // Quotes inside the argument are taken off by yargs in some places.
    if (typeof value === 'string' && /["']/.test(value)) return undefined
    if (flag.many) raw[name] = [...((raw[name] as string[] | undefined) ?? []), value]
    else if (raw[name] !== undefined) return undefined
    else raw[name] = value
  }
  return place(words, tail, positionals, raw) ? raw : undefined
}

/** Puts words where the pattern wants them; false when there are too few or too many. */
function place(
  words: string[],
  tail: string,
  positionals: readonly string[],
  raw: Record<string, unknown>,
): boolean {
  const slots = tail.split(/\s+/).filter(Boolean)
  if (slots.length !== positionals.length || words.some((word) => /["']/.test(word))) return false
  const left = [...words]
  for (const [at, slot] of slots.entries()) {
    const name = positionals[at] as string
    if (slot.includes('..')) {
      if (at !== slots.length - 1 || (slot.startsWith('<') && left.length === 0)) return false
      raw[name] = left.splice(0)
    } else {
      const word = left.shift()
      if (word === undefined && slot.startsWith('<')) return false
      if (word !== undefined) raw[name] = word
    }
  }
  return left.length === 0
}

export function aliasOf(part: string, options: Readonly<Record<string, Flag>>): string | undefined {
  if (!/^-[a-zA-Z]$/.test(part)) return undefined
  return Object.keys(options).find((name) => options[name]?.alias === part.slice(1))
}
