/** Signs and colours of statuses: always with the word, since colour alone tells nobody anything. @module */
import type { Cell, Paint } from 'prov'

type Marked = readonly [text: string, paint: (text: string) => string]

export function gateMark(status: string, paint: Paint): Marked {
  if (status === 'open') return [`✓ ${status}`, paint.good]
  return status === 'partial' ? [`◐ ${status}`, paint.warn] : [`✗ ${status}`, paint.bad]
}

export function stateMark(status: string, paint: Paint): Cell {
  if (status === 'reached') return ['✓', paint.good]
  if (status === 'ready') return ['→', paint.bold]
  return status === 'blocked' ? ['✗', paint.bad] : ['·', paint.warn]
}

export function priorityCell(priority: string, paint: Paint): Cell {
  if (priority === 'High') return [priority, paint.bad]
  return priority === 'Medium' ? [priority, paint.warn] : [priority, paint.dim]
}

export const listed = (items: readonly string[], nothing = '(none)') =>
  items.length === 0 ? nothing : items.join(', ')
