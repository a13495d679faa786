/**
 * Rows as aligned columns: what every command prints that has more than one thing to say. The last
 * column wraps inside the terminal; in markdown the same rows become a table.
 *
 * @module
 */
import type { Paint } from './command.ts'

/** A text, or a text with how it is painted: colour goes on after the width is known. */
export type Cell = string | readonly [text: string, paint: (text: string) => string]

export interface TableOptions {
  readonly paint: Paint
  readonly format: 'text' | 'md'
  /** Names of the columns; absent columns print no head in text. */
  readonly head: readonly string[]
  /** Columns (from 0) whose texts end at the right edge: numbers. Default none. */
  readonly right?: readonly number[] | undefined
}

const gap = 2
const narrowest = 24

/** Lines of the table, without trailing spaces. No rows give no lines at all. */
export function table(
  rows: readonly (readonly Cell[])[],
  options: TableOptions,
): readonly string[] {
  if (rows.length === 0) return []
  return options.format === 'md' ? markdown(rows, options) : aligned(rows, options)
}

function aligned(rows: readonly (readonly Cell[])[], options: TableOptions): readonly string[] {
  const { paint, head } = options
  const width = head.map((name, at) =>
    Math.max(length(name), ...rows.map((row) => length(textOf(row[at])))),
  )
  const last = head.length - 1
  const before = width.slice(0, last).reduce((sum, each) => sum + each + gap, 0)
  const room = Math.max(narrowest, paint.columns - before)
  const lines = [line(head.map((name): Cell => [name, paint.dim]))]
  for (const row of rows) {
    const parts = wrap(textOf(row[last]), room)
    parts.forEach((part, at) => {
      const tail: Cell = [part, paintOf(row[last])]
      lines.push(line(at === 0 ? [...pad(row, last), tail] : [...pad([], last), tail]))
    })
  }
  return lines

  function line(cells: readonly Cell[]): string {
    return cells
      .map((cell, at) => {
        const text = textOf(cell)
        const fill =
          at === last ? '' : ' '.repeat(Math.max(0, (width[at] as number) - length(text)))
        const painted = text === '' ? '' : paintOf(cell)(text)
        return options.right?.includes(at) ? fill + painted : painted + fill
      })
      .join(' '.repeat(gap))
      .trimEnd()
  }
}

const pad = (row: readonly Cell[], columns: number): readonly Cell[] =>
  Array.from({ length: columns }, (_, at) => row[at] ?? '')

function markdown(rows: readonly (readonly Cell[])[], options: TableOptions): readonly string[] {
  const row = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`
  return [
    row(options.head),
    `|${options.head.map((_, at) => (options.right?.includes(at) ? ' --: ' : ' --- ')).join('|')}|`,
    ...rows.map((cells) => row(options.head.map((_, at) => textOf(cells[at])))),
  ]
}

const escaped = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', '<br>')

const textOf = (cell: Cell | undefined): string =>
  cell === undefined ? '' : typeof cell === 'string' ? cell : cell[0]

const paintOf = (cell: Cell | undefined) =>
  cell === undefined || typeof cell === 'string' ? (text: string) => text : cell[1]

/** Columns that a text takes: code points, which is right for everything but East Asian scripts. */
const length = (text: string) => Array.from(text).length

/** Words on lines of at most `room` columns; a longer word stands alone and is not cut. */
export function wrap(text: string, room: number): readonly string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = []
    let line = ''
    for (const word of paragraph.split(' ')) {
      if (line !== '' && length(line) + 1 + length(word) > room) {
        lines.push(line)
        line = word
      } else {
        line = line === '' ? word : `${line} ${word}`
      }
    }
    return [...lines, line]
  })
}

/** Named values under each other: the head of a `show`. Absent values leave their line out. */
export function fields(
  values: readonly (readonly [name: string, value: Cell | undefined])[],
  options: Pick<TableOptions, 'paint' | 'format'>,
): readonly string[] {
  const { paint, format } = options
  const there = values.filter((pair): pair is readonly [string, Cell] => pair[1] !== undefined)
  if (format === 'md') return there.map(([name, value]) => `- **${name}**: ${textOf(value)}`)
  const width = Math.max(0, ...there.map(([name]) => length(name)))
  const room = Math.max(narrowest, paint.columns - width - 2 * gap)
  return there.flatMap(([name, value]) =>
    wrap(textOf(value), room).map((part, at) => {
      const label =
        at === 0 ? paint.dim(name) + ' '.repeat(width - length(name)) : ' '.repeat(width)
      return `  ${label}  ${paintOf(value)(part)}`
    }),
  )
}

/** A titled block with an empty line before it; no lines, no block. */
export function section(
  title: string,
  lines: readonly string[],
  options: Pick<TableOptions, 'paint' | 'format'>,
): readonly string[] {
  if (lines.length === 0) return []
  return options.format === 'md'
    ? ['', `## ${title}`, '', ...lines]
    : ['', options.paint.bold(title), ...lines]
}
