/**
 * What a command says, and where: data on stdout, talk on stderr. `--json` prints exactly what
 * `run` returned; errors have the same fields as text, as JSON and over HTTP.
 *
 * @module
 */
import type { ProvError } from '../errors.ts'
import type { Count } from '../units.ts'
import type { AnyCommand, Paint } from './command.ts'
import { printableLines } from './printable.ts'

export type Format = 'text' | 'json' | 'md'

/** The two streams of a process, or of a test. */
export interface Streams {
  readonly out: { write(text: string): unknown; isTTY?: boolean; columns?: number }
  readonly err: { write(text: string): unknown; isTTY?: boolean; columns?: number }
}

const plain = (text: string) => text
const widestLine = 100

/** `--color` beats NO_COLOR beats FORCE_COLOR beats TERM=dumb beats whether it is a terminal. */
export function coloursWanted(
  stream: { isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
  flag: boolean | undefined,
): boolean {
  if (flag !== undefined) return flag
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0'
  return env['TERM'] !== 'dumb' && stream.isTTY === true
}

export function makePaint(options: { colours: boolean; columns?: number | undefined }): Paint {
  const columns = Math.min(options.columns ?? widestLine, 160)
  if (!options.colours) {
    return { bold: plain, dim: plain, good: plain, bad: plain, warn: plain, columns }
  }
  const sgr = (on: number, off: number) => (text: string) => `\u001b[${on}m${text}\u001b[${off}m`
  return {
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    good: sgr(32, 39),
    bad: sgr(31, 39),
    warn: sgr(33, 39),
    columns,
  }
}

/** Lines of a result in a format, ready for stdout. */
export function resultText(
  command: AnyCommand,
  data: unknown,
  format: Format,
  paint: Paint,
): string {
  if (format === 'json') return `${JSON.stringify(data ?? null, null, 2)}\n`
  const render = command.render as
    ((data: unknown, paint: Paint, format: 'text' | 'md') => readonly string[]) | undefined
  if (render) {
    const lines = render(data, paint, format)
    return lines.length === 0 ? '' : `${printableLines(lines)}\n`
  }
  return data === undefined ? '' : `${JSON.stringify(data, null, 2)}\n`
}

/** Nobody reads more of a text; what was typed is not said back whole. */
const longestText: Count = 2_000

function cut(text: string): string {
  const more = text.length - longestText
  return more > 0 ? `${text.slice(0, longestText)}… and ${more} characters more` : text
}

/** An error for people, the fix last: the last line is the one that is read. */
export function errorText(error: ProvError, format: Format, paint: Paint): string {
  if (format === 'json') {
    const short = (_: string, value: unknown) => (typeof value === 'string' ? cut(value) : value)
    return `${JSON.stringify(error.toJSON(), short, 2)}\n`
  }
  // Of a message with several lines the others are no heads of ours.
  const [first = '', ...more] = cut(error.message).split('\n')
  const lines = [`${paint.bad(paint.bold(`error[${error.code}]`))}: ${first}`]
  lines.push(...more.map((line) => `  ${line}`))
  if (error.place) {
    const { file, line, column } = error.place
    const at = [file, line, column].filter((part) => part !== undefined).join(':')
    lines.push(`  ${paint.dim('at:')}  ${at}`)
  }
  lines.push(...excerptOf(error.cause))
  const why = error.cause instanceof Error ? error.cause.message : undefined
  if (why !== undefined && !error.message.includes(why) && !hasRender(error.cause)) {
    lines.push(`  ${paint.dim('why:')} ${cut(why.split('\n')[0] ?? '')}`)
  }
  lines.push(`  ${paint.good('fix:')} ${cut(error.remedy)}`)
  return `${printableLines(lines)}\n`
}

/** Errors of the Nickel evaluator know the lines around the mistake. */
function excerptOf(cause: unknown): readonly string[] {
  if (!hasRender(cause)) return []
  // Its own first line repeats the message.
  return cause
    .render()
    .split('\n')
    .slice(1)
    .filter((line) => line.trim() !== '')
    .map((line) => `  ${line}`)
}

function hasRender(cause: unknown): cause is { render(): string } {
  return cause instanceof Error && typeof (cause as { render?: unknown }).render === 'function'
}
