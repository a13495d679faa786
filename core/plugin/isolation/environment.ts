/**
 * What a plugin elsewhere sees of the environment. A thread gets a copy of its own: what it writes
 * there stays there. A process gets what a program needs to run at all, and the names that its
 * manifest lists: nothing is inherited by accident.
 *
 * @module
 */
import type { Isolation } from './tier.ts'

const needed = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|TERM|NO_COLOR)$/

/** Tools around Prov hook into every Node process by these; a plugin's thread is none of theirs. */
const hooks = /^(NODE_OPTIONS|NODE_V8_COVERAGE|NODE_CHANNEL_FD|PROV_PASSPHRASE_FILE|PROV_CRASH_AT)$/

export function environmentOf(
  tier: Isolation,
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const may = (name: string): boolean =>
    tier === 'worker' ? !hooks.test(name) : needed.test(name) || names.includes(name)
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && may(entry[0]),
    ),
  )
}
