/**
 * Turns a failure into the text a person reads: headline, excerpts with marks, notes.
 *
 *     error: contract broken by the value of `port`
 *       ┌─ site.ncl:3:10
 *       │
 *     3 │   port = "80",
 *       │          ^^^^ applied to this expression
 *       ...
 *       = Did you mean …
 *
 * @module
 */
import type { NickelError, RenderOptions, ReportLabel } from './error.ts'
import type { Place, Source } from './source.ts'

interface Paint {
  readonly bold: (text: string) => string
  readonly red: (text: string) => string
  readonly blue: (text: string) => string
}

const plain: Paint = { bold: (text) => text, red: (text) => text, blue: (text) => text }
const ansi: Paint = {
  bold: (text) => `\u001b[1m${text}\u001b[0m`,
  red: (text) => `\u001b[1;31m${text}\u001b[0m`,
  blue: (text) => `\u001b[34m${text}\u001b[0m`,
}

/** At most this many lines of one label are shown; a record of 500 lines would drown the message. */
const EXCERPT_LINES = 4

/** Renders a failure as lines joined by newlines, ending without one. */
export function renderReport(error: NickelError, options: RenderOptions): string {
  const paint = options.color === true ? ansi : plain
  const { failure } = error
  const lines = [`${paint.red('error')}${paint.bold(`: ${failure.message}`)}`]
  if (failure.detail !== undefined) lines.push(`       ${paint.bold(failure.detail)}`)
  const labels = labelsOf(error)
  const bySource = new Map<Source, ReportLabel[]>()
  for (const label of labels) {
    const known = bySource.get(label.span.source)
    if (known === undefined) bySource.set(label.span.source, [label])
    else known.push(label)
  }
  const gutter = gutterWidth(labels)
  for (const [source, own] of bySource) lines.push(...excerpt(source, own, gutter, paint))
  const notes: string[] = []
  if (error.path.length > 0) notes.push(`in the field \`${error.path.join('.')}\``)
  notes.push(...error.notes)
  if (error.suggestion !== undefined) notes.push(`Did you mean \`${error.suggestion}\`?`)
  for (const place of error.importChain) notes.push(`imported from ${placeText(place)}`)
  const pad = ' '.repeat(gutter)
  for (const note of notes) {
    const [first, ...rest] = note.split('\n')
    lines.push(`${pad} ${paint.blue('=')} ${first ?? ''}`)
    for (const line of rest) lines.push(`${pad}   ${line}`)
  }
  return lines.join('\n')
}

const placeText = (place: Place): string => `${place.file}:${place.line}:${place.col}`

function labelsOf(error: NickelError): ReportLabel[] {
  const { failure } = error
  const labels: ReportLabel[] = []
  if (failure.span !== undefined) {
    labels.push({ span: failure.span, text: failure.spanText ?? '', primary: true })
  }
  if (failure.contractSpan !== undefined) {
    labels.push({ span: failure.contractSpan, text: failure.contractText ?? 'expected type' })
  }
  labels.push(...(failure.labels ?? []))
  return labels
}

function gutterWidth(labels: readonly ReportLabel[]): number {
  let widest = 1
  for (const { span } of labels) {
    widest = Math.max(widest, String(span.source.place(span.end).line).length)
  }
  return widest
}

function excerpt(source: Source, labels: ReportLabel[], gutter: number, paint: Paint): string[] {
  const first = labels.find((label) => label.primary === true) ?? (labels[0] as ReportLabel)
  const pad = ' '.repeat(gutter)
  const bar = paint.blue('│')
  const head = placeText(source.place(first.span.start))
  const lines = [`${pad} ${paint.blue('┌─')} ${head}`, `${pad} ${bar}`]
  const ordered = [...labels].sort((a, b) => a.span.start - b.span.start)
  let lastShown = 0
  for (const label of ordered) {
    const from = source.place(label.span.start)
    const to = source.place(Math.max(label.span.start, label.span.end - 1))
    if (lastShown > 0 && from.line > lastShown + 1) lines.push(`${pad} ${paint.blue('·')}`)
    const stop = Math.min(to.line, from.line + EXCERPT_LINES - 1)
    for (let line = from.line; line <= stop; line++) {
      if (line > lastShown) {
        const number = String(line).padStart(gutter)
        lines.push(`${paint.blue(number)} ${bar} ${source.line(line)}`.trimEnd())
        lastShown = line
      }
      if (line === from.line) lines.push(`${pad} ${bar} ${marks(source, label, paint)}`)
    }
    if (stop < to.line) lines.push(`${pad} ${bar} …`)
  }
  lines.push(`${pad} ${bar}`)
  return lines
}

function marks(source: Source, label: ReportLabel, paint: Paint): string {
  const from = source.place(label.span.start)
  const text = source.line(from.line)
  const length = Math.max(
    1,
    Math.min(label.span.end - label.span.start, text.length - from.col + 1),
  )
  // Tabs are copied so that the marks stay under the text whatever the width of a tab is.
  const lead = text.slice(0, from.col - 1).replace(/[^\t]/g, ' ')
  const line = (label.primary === true ? '^' : '-').repeat(length)
  const colour = label.primary === true ? paint.red : paint.blue
  return `${lead}${colour(label.text === '' ? line : `${line} ${label.text}`)}`
}
