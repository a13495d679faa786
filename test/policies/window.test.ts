import t from 'tap'
import type { Window } from '../../policies/window.ts'
import { windowOpen, windowProblems } from '../../policies/window.ts'

const open = (window: Window, instant: string) => windowOpen(window, Date.parse(instant))

t.test('office hours follow the zone, also over the change of the clocks', async (t) => {
  const office: Window = {
    zone: 'Europe/Madrid',
    days: ['mon', 'tue', 'wed', 'thu', 'fri'],
    from: '09:00',
    to: '17:00',
  }
  t.ok(open(office, '2026-01-14T08:00:00Z'), 'winter: 09:00 is 08:00 UTC')
  t.notOk(open(office, '2026-01-14T07:59:59Z'))
  t.ok(open(office, '2026-07-15T07:00:00Z'), 'summer: 09:00 is 07:00 UTC')
  t.notOk(open(office, '2026-07-15T15:00:00Z'), 'the end is outside')
  t.notOk(open(office, '2026-07-18T10:00:00Z'), 'a Saturday')
})

t.test('a holiday keeps the window shut', async (t) => {
  const window: Window = { zone: 'UTC', holidays: ['2026-12-25'] }
  t.notOk(open(window, '2026-12-25T00:00:00Z'))
  t.notOk(open(window, '2026-12-25T23:59:59Z'))
  t.ok(open(window, '2026-12-26T00:00:00Z'))
})

t.test('a window over midnight belongs to the day on which it opens', async (t) => {
  const night: Window = {
    zone: 'UTC',
    days: ['fri'],
    from: '22:00',
    to: '06:00',
    holidays: ['2026-01-09'],
  }
  t.ok(open(night, '2026-01-02T23:00:00Z'), 'Friday night')
  t.ok(open(night, '2026-01-03T05:00:00Z'), 'Saturday morning')
  t.notOk(open(night, '2026-01-02T05:00:00Z'), 'Friday morning belongs to Thursday')
  t.notOk(open(night, '2026-01-03T23:00:00Z'), 'Saturday night')
  t.notOk(open(night, '2026-01-10T05:00:00Z'), 'the night of a holiday Friday')
})

t.test('what could never be meant is named', async (t) => {
  const problems = (window: unknown) => windowProblems(window).map(({ path }) => path)
  t.same(problems({ zone: 'UTC' }), [])
  t.same(problems({ zone: 'Mars/Olympus' }), ['zone'])
  t.same(problems({}), ['zone'])
  t.same(problems({ zone: 'UTC', from: '9:00' }), ['from'])
  t.same(problems({ zone: 'UTC', from: '09:00', to: '09:00' }), ['to'])
  t.same(problems({ zone: 'UTC', to: '24:30' }), ['to'])
  t.same(problems({ zone: 'UTC', days: ['monday'] }), ['days'])
  t.same(problems({ zone: 'UTC', days: [] }), ['days'])
  t.same(problems({ zone: 'UTC', holidays: ['2026-02-30'] }), ['holidays'])
  t.same(problems({ zone: 'UTC', until: '10:00' }), ['until'])
  t.notOk(windowOpen({ zone: 'Mars/Olympus' }, 0), 'and a window like that is never open')
})
