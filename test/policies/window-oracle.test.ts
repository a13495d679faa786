/**
 * Windows in every zone and many years against an oracle that never counts minutes: it writes down when
 * each day's window opens and shuts, and compares that text with what the clock on the wall shows.
 */
import t from 'tap'
import { seeded, seedFor } from '../../core/seed.ts'
import type { Window } from '../../policies/window.ts'
import { windowOpen, windowProblems } from '../../policies/window.ts'

const rounds = process.env['PROV_SOAK'] ? 40_000 : 1_500
const seed = seedFor('windows')
const next = seeded(seed)
const one = <T>(from: readonly T[]): T => from[next(from.length)] as T

const zones = Intl.supportedValuesOf('timeZone')
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

const walls = new Map<string, Intl.DateTimeFormat>()

/** "2026-03-29 02:30:00", as the people of that zone read it. */
function wall(zone: string, atMs: number): string {
  const known =
    walls.get(zone) ??
    // Swedish writes dates so that they sort.
    new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })
  walls.set(zone, known)
  return known.format(atMs)
}

const datesAround = (date: string): readonly string[] =>
  [-1, 0, 1].map((more) =>
    new Date(Date.parse(`${date}T12:00:00Z`) + more * day).toISOString().slice(0, 10),
  )

/** Is there a day whose window shows this time on the wall? */
function isOpen(window: Window, atMs: number): boolean {
  const now = wall(window.zone, atMs)
  const { from = '00:00', to = '24:00', holidays = [] } = window
  const [yesterday = '', today = ''] = datesAround(now.slice(0, 10))
  return [yesterday, today].some((date) => {
    const weekday = weekdays[new Date(`${date}T12:00:00Z`).getUTCDay()]
    if (holidays.includes(date) || window.days?.includes(weekday ?? 'sun') === false) return false
    const over = from < to ? date : (datesAround(date)[2] ?? '')
    // The day's last second is before what would be read as 24:00.
    return `${date} ${from}` <= now && now < `${over} ${to}`
  })
}

/** When the clocks of a zone are changed in that year, and by how much. */
function changes(zone: string, year: number) {
  const offset = (atMs: number) => Date.parse(`${wall(zone, atMs).replace(' ', 'T')}Z`) - atMs
  const found: { readonly atMs: number; readonly byMs: number }[] = []
  const begin = Date.UTC(year, 0, 1)
  for (let at = begin; at < begin + 365 * day; at += 7 * day) {
    let [low, high] = [at, at + 7 * day]
    if (offset(low) === offset(high)) continue
    while (high - low > minute) {
      const middle = low + Math.floor((high - low) / 2 / minute) * minute
      if (offset(middle) === offset(low)) low = middle
      else high = middle
    }
    found.push({ atMs: high, byMs: offset(high) - offset(low) })
  }
  return found
}

const two = (count: number): string => String(count).padStart(2, '0')
const clock = (text: string, moreMinutes: number): string => {
  const [hours = 0, minutes = 0] = text.slice(11, 16).split(':').map(Number)
  const at = (((hours * 60 + minutes + moreMinutes) % 1440) + 1440) % 1440
  return `${two(Math.floor(at / 60))}:${two(at % 60)}`
}

/** A window whose ends are near what the wall shows then, so that something is decided there. */
function windowNear(zone: string, atMs: number): Window {
  const shown = wall(zone, atMs)
  const from = next(6) === 0 ? undefined : clock(shown, next(300) - 150)
  const to = next(6) === 0 ? undefined : one([clock(shown, next(300) - 150), '24:00'])
  const days = weekdays.filter(() => next(3) > 0)
  const window = {
    zone,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(next(2) === 0 && days.length > 0 && { days }),
    ...(next(2) === 0 && { holidays: datesAround(shown.slice(0, 10)).filter(() => next(3) === 0) }),
  }
  return windowProblems(window).length === 0 ? window : { zone }
}

/** Both answers at one instant; the first one that differs fails the test. */
function differs(window: Window, atMs: number): string | undefined {
  const found = windowOpen(window, atMs)
  if (found === isOpen(window, atMs)) return undefined
  const at = `${new Date(atMs).toISOString()} (${wall(window.zone, atMs)})`
  return `seed ${seed}: ${found ? 'open' : 'shut'} at ${at}: ${JSON.stringify(window)}`
}

t.test('any zone, any time from 1972 to 2038: open when the wall says so', async (t) => {
  const answers = { open: 0, shut: 0 }
  for (let round = 0; round < rounds; round++) {
    const zone = zones[round % zones.length] ?? 'UTC'
    const atMs = Date.UTC(1972 + next(66), next(12), 1 + next(28)) + next(day)
    const window = windowNear(zone, atMs)
    // To the second where a minute, an hour, a day or a week ends.
    for (const at of [atMs, atMs - (atMs % minute), atMs - (atMs % hour), atMs - (atMs % day)]) {
      for (const near of [-1_000, 0, 1_000, minute, hour, -hour]) {
        const wrong = differs(window, at + near)
        if (wrong !== undefined) return t.fail(wrong)
        answers[windowOpen(window, at + near) ? 'open' : 'shut']++
      }
    }
  }
  t.ok(answers.open > rounds && answers.shut > rounds, `both happen: ${JSON.stringify(answers)}`)
})

t.test('clocks go forward and back: an hour that is none, and one that comes twice', async (t) => {
  const seen = { forward: 0, back: 0 }
  for (let round = 0; round < rounds / 10; round++) {
    const zone = one(zones)
    for (const { atMs: change, byMs } of changes(zone, 1972 + next(66))) {
      seen[byMs > 0 ? 'forward' : 'back']++
      const window = windowNear(zone, change)
      for (let at = change - 3 * hour; at < change + 3 * hour; at += 13 * minute) {
        const wrong = differs(window, at)
        if (wrong !== undefined) return t.fail(wrong)
      }
    }
  }
  t.ok(seen.forward > 10 && seen.back > 10, JSON.stringify(seen))
})
