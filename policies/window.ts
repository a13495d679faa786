/**
 * When a rule holds: days and hours in a named time zone, minus holidays. Pure: the instant comes as
 * an argument, the zone data from the platform.
 *
 * @module
 */

import { fieldText, valueText } from './shown.ts'

export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun'

const weekdays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

/**
 * Hours on days. `from` is inside, `to` is not; `to` may be "24:00". With `from` later than `to` the
 * window crosses midnight and belongs to the day on which it opens.
 */
export interface Window {
  /** IANA name, for example `Europe/Madrid`. Required: hours without a zone mean nothing. */
  readonly zone: string
  /** Default: every day. */
  readonly days?: readonly Weekday[]
  /** "HH:MM" in the zone's wall time. Default "00:00". */
  readonly from?: string
  /** "HH:MM" in the zone's wall time. Default "24:00". */
  readonly to?: string
  /** Dates "YYYY-MM-DD" on which the window does not open. */
  readonly holidays?: readonly string[]
}

const zones = new Map<string, Intl.DateTimeFormat | undefined>()

function zoned(zone: string): Intl.DateTimeFormat | undefined {
  if (zones.has(zone)) return zones.get(zone)
  let format: Intl.DateTimeFormat | undefined
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      weekday: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    })
  } catch {
    format = undefined
  }
  zones.set(zone, format)
  return format
}

/** A day as the people of a zone count it. */
interface LocalMoment {
  readonly date: string
  readonly day: Weekday
  readonly minutes: number
}

function localMoment(format: Intl.DateTimeFormat, atMs: number): LocalMoment {
  const parts = Object.fromEntries(format.formatToParts(atMs).map((p) => [p.type, p.value]))
  return {
    date: `${parts['year']}-${parts['month']}-${parts['day']}`,
    day: (parts['weekday'] as string).toLowerCase().slice(0, 3) as Weekday,
    minutes: Number(parts['hour']) * 60 + Number(parts['minute']),
  }
}

/** The calendar day before a date: the day on which a window that crosses midnight has opened. */
function dayBefore(moment: LocalMoment): Pick<LocalMoment, 'date' | 'day'> {
  const date = new Date(Date.parse(`${moment.date}T00:00:00Z`) - 86_400_000)
  return {
    date: date.toISOString().slice(0, 10),
    day: weekdays[(weekdays.indexOf(moment.day) + 6) % 7] as Weekday,
  }
}

/** Minutes since midnight of "HH:MM", undefined when it is not one. */
function minutesOf(text: string): number | undefined {
  const match = /^(\d\d):(\d\d)$/.exec(text)
  if (!match) return undefined
  const minutes = Number(match[1]) * 60 + Number(match[2])
  return Number(match[2]) < 60 && minutes <= 1440 ? minutes : undefined
}

/** True when the instant lies inside the window. A window with problems is never open. */
export function windowOpen(window: Window, atMs: number): boolean {
  const format = zoned(window.zone)
  const from = minutesOf(window.from ?? '00:00')
  const to = minutesOf(window.to ?? '24:00')
  if (!format || from === undefined || to === undefined) return false
  const now = localMoment(format, atMs)
  const opensOn = (day: Pick<LocalMoment, 'date' | 'day'>) =>
    (window.days ?? weekdays).includes(day.day) && !(window.holidays ?? []).includes(day.date)
  if (from < to) return now.minutes >= from && now.minutes < to && opensOn(now)
  if (now.minutes >= from) return opensOn(now)
  return now.minutes < to && opensOn(dayBefore(now))
}

/** "mon–fri 09:00–17:00 Europe/Madrid": for traces and messages. */
export function windowText(window: Window): string {
  const days = window.days?.join(',') ?? 'every day'
  return `${days} ${window.from ?? '00:00'}–${window.to ?? '24:00'} ${window.zone}`
}

/** Everything wrong with a window; `path` is relative to it. */
export function windowProblems(
  value: unknown,
): readonly { readonly path: string; readonly problem: string }[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ path: '', problem: 'not a record' }]
  }
  const window = value as Record<string, unknown>
  const problems: { path: string; problem: string }[] = []
  const known = ['zone', 'days', 'from', 'to', 'holidays']
  for (const field of Object.keys(window)) {
    if (!known.includes(field)) {
      problems.push({
        path: fieldText(field),
        problem: `no such field; known are ${known.join(', ')}`,
      })
    }
  }
  const { zone, days, from = '00:00', to = '24:00', holidays } = window
  if (typeof zone !== 'string' || !zoned(zone)) {
    problems.push({
      path: 'zone',
      problem: `${valueText(zone)} is not an IANA time zone such as "Europe/Madrid"`,
    })
  }
  const list = (items: unknown, path: string, fits: (item: unknown) => boolean, what: string) => {
    if (items === undefined) return
    if (!Array.isArray(items)) return void problems.push({ path, problem: 'not a list' })
    for (const item of items) {
      if (!fits(item)) problems.push({ path, problem: `${valueText(item)} is not ${what}` })
    }
  }
  if (Array.isArray(days) && days.length === 0) {
    problems.push({ path: 'days', problem: 'no day at all: the window never opens' })
  }
  list(days, 'days', (day) => weekdays.includes(day as Weekday), `one of ${weekdays.join(' ')}`)
  list(holidays, 'holidays', isDate, 'a date such as "2026-12-25"')
  for (const [path, text] of [
    ['from', from],
    ['to', to],
  ] as const) {
    if (typeof text !== 'string' || minutesOf(text) === undefined) {
      problems.push({ path, problem: `${valueText(text)} is not a time such as "09:00"` })
    }
  }
  if (from === to) problems.push({ path: 'to', problem: 'equal to from: the window never opens' })
  return problems
}

function isDate(value: unknown): boolean {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(value)) return false
  const time = Date.parse(`${value}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(value)
}
