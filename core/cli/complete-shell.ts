/**
 * `prov __complete <shell> …`, which the scripts of `prov completion` call at a key stroke: answers
 * in the shell's own form. Whatever goes wrong is an empty answer, never a message into somebody's
 * half-typed line; and what does not come in time is not waited for.
 *
 * The first line is `files` or `values`; then a value each, `value<TAB>what it is` for shells that
 * show that. Values come from others: one that holds a control sign, or looks like a flag where none
 * was asked for, is left out.
 *
 * @module
 */
import { sleep, systemClock } from '../clock.ts'
import type { Millis } from '../units.ts'
import type { CliOptions } from './cli.ts'
import type { Candidate, Candidates } from './complete.ts'
import { printable } from './printable.ts'
import { asTyped, lastWord, shellWords } from './shell-words.ts'

/** Longer is no answer to a key stroke. */
const patienceMs: Millis = 3_000
const longestSays = 80

/** `bash <line up to the cursor> <COMP_WORDBREAKS>`; `zsh|fish <words behind prov, the last typed now>`. */
export async function answerShell(
  [shell = '', ...args]: readonly string[],
  options: CliOptions,
): Promise<string> {
  const abort = new AbortController()
  const { signal } = abort
  const typed = shell === 'bash' ? shellWords(args[0] ?? '', args[1] ?? '') : undefined
  const words = typed ? typed.words.slice(1) : dequoted(args)
  const late = sleep(options.clock ?? systemClock, patienceMs, signal).catch(() => undefined)
  const found = import('./complete.ts')
    .then(({ candidatesFor }) => candidatesFor(words, { ...options, signal }))
    .catch((): Candidates => [])
  const all = (await Promise.race([found, late])) ?? []
  abort.abort()
  if (all === 'files') return 'files\n'
  const current = words.at(-1) ?? ''
  const fitting = new Map(
    all.filter((one) => fits(one, current)).map((one) => [one.value, one] as const),
  )
  const lines = [...fitting.values()].map(({ value, says = '' }) => {
    if (typed) return asTyped(value, typed)
    const what = Array.from(printable(says.replace(/\s+/g, ' ').trim()))
      .slice(0, longestSays)
      .join('')
    return what === '' ? value : `${value}\t${what}`
  })
  return ['values', ...lines, ''].join('\n')
}

const fits = ({ value }: Candidate, current: string) =>
  value !== '' &&
  value.startsWith(current) &&
  (current.startsWith('-') || !value.startsWith('-')) &&
  !value.includes('\t') &&
  printable(value) === value

/** fish and zsh take quotes off what is complete; the word being typed may have one open. */
const dequoted = (words: readonly string[]) => [...words.slice(0, -1), lastWord(words.at(-1) ?? '')]
