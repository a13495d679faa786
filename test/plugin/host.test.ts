/** The plugin host: every refusal by name, lives, ends, undo. */
import { NEVER, Observable, Subject, of } from 'rxjs'
import t from 'tap'
import { simulatedClock } from '../../core/clock.ts'
import type { SimulatedClock } from '../../core/clock.ts'
import { defineErrors } from '../../core/errors.ts'
import { codeOf } from '../../core/kit.ts'
import type { LogLine } from '../../core/log.ts'
import { definePlugin } from '../../core/plugin/define.ts'
import type { LostNeed, Plugin } from '../../core/plugin/define.ts'
import { startPlugins } from '../../core/plugin/host.ts'
import type { HostOptions, PluginHost } from '../../core/plugin/host.ts'
import { contribute, extensionPoint, serviceRef } from '../../core/plugin/service.ts'
import { memoryActors } from '../support/actors.ts'

interface Desk {
  hello(): Promise<string>
}
const desk = serviceRef<Desk>('acme.desk')
const board = serviceRef<Desk>('acme.board')
const panels = extensionPoint<number>('acme.panel')

interface Started {
  readonly host: PluginHost
  readonly lines: readonly LogLine[]
  readonly clock: SimulatedClock
}

async function start(
  plugins: readonly unknown[],
  options: Partial<HostOptions> = {},
): Promise<Started> {
  const lines: LogLine[] = []
  const clock = (options.clock as SimulatedClock | undefined) ?? simulatedClock()
  const host = await startPlugins({
    found: [],
    given: plugins as readonly Plugin[],
    actors: await memoryActors(clock),
    clock,
    log: (line) => lines.push(line),
    core: new Map(),
    ...options,
  })
  return { host, lines, clock }
}

const rowOf = (host: PluginHost, name: string) => host.rows().find((row) => row.name === name)
const codes = (host: PluginHost) =>
  Object.fromEntries(host.rows().map((row) => [row.name, row.error?.code ?? row.state]))

const provider = (name = 'desk-maker', hello = 'hello') =>
  definePlugin({
    name,
    api: 1,
    provides: { desk },
    setup: ({ provide }) => provide.desk({ hello: async () => hello }),
  })

t.test('a plugin gets what it needs and hands out what it declares', async (t) => {
  let heard = ''
  const { host } = await start([
    definePlugin({
      name: 'reader',
      api: 1,
      needs: { desk },
      setup: async ({ needs }) => {
        heard = await needs.desk.hello()
      },
    }),
    provider(),
  ])
  t.equal(heard, 'hello')
  t.equal(await host.service(desk).hello(), 'hello')
  t.same(codes(host), { 'desk-maker': 'running', reader: 'running' })
})

t.test('each way a plugin can be wrong has a name of its own, and the others start', async (t) => {
  const { host } = await start(
    [
      provider(),
      definePlugin({ name: 'from-tomorrow', api: 9 }),
      definePlugin({ name: 'Bad Name', api: 1 }),
      definePlugin({ name: 'desk-maker', api: 1 }),
      provider('desk-thief'),
      definePlugin({ name: 'lonely', api: 1, needs: { board } }),
      definePlugin({ name: 'by-string', api: 1, needs: { desk: 'acme.desk' } } as never),
      definePlugin({ name: 'took-config', api: 1 }),
      definePlugin({
        name: 'picky',
        api: 1,
        config: () => {
          throw new Error('speed must be a number')
        },
      }),
      definePlugin({ name: 'forgetful', api: 1, provides: { board }, setup: () => {} }),
      definePlugin({
        name: 'thrower',
        api: 1,
        setup: () => {
          throw new TypeError('broken on purpose')
        },
      }),
      definePlugin({ name: 'rejecter', api: 1, setup: () => Promise.reject(new Error('later')) }),
      definePlugin({ name: 'odd-life', api: 1, setup: () => 42 } as never),
      definePlugin({ name: 'odd-code', api: 1, errors: { lower_case: {} } } as never),
      definePlugin({ name: 'eager-command', api: 1, commands: { x: {} } } as never),
    ],
    { config: { 'took-config': {}, picky: { speed: 'fast' } } },
  )
  const found = host.rows().map((row) => [row.id, row.error?.code ?? row.state])
  t.same(found.sort(), [
    ['Bad Name', 'PROV_PLUGIN_SHAPE_INVALID'],
    ['by-string', 'PROV_PLUGIN_SHAPE_INVALID'],
    ['desk-maker', 'PROV_PLUGIN_NAME_TAKEN'],
    ['desk-maker', 'running'],
    ['desk-thief', 'PROV_PLUGIN_PROVIDE_TAKEN'],
    ['eager-command', 'PROV_PLUGIN_SHAPE_INVALID'],
    ['forgetful', 'PROV_PLUGIN_SERVICE_NOT_PROVIDED'],
    ['from-tomorrow', 'PROV_PLUGIN_API_MISMATCH'],
    ['lonely', 'PROV_PLUGIN_NEED_MISSING'],
    ['odd-code', 'PROV_PLUGIN_SHAPE_INVALID'],
    ['odd-life', 'PROV_PLUGIN_SHAPE_INVALID'],
    ['picky', 'PROV_PLUGIN_CONFIG_REFUSED'],
    ['rejecter', 'PROV_PLUGIN_SETUP_FAILED'],
    ['thrower', 'PROV_PLUGIN_SETUP_FAILED'],
    ['took-config', 'PROV_PLUGIN_CONFIG_REFUSED'],
  ])
  for (const row of host.rows()) {
    if (row.error) t.match(row.error.remedy, /prov |plugins\/|package\.json|extensions\/|provide/)
  }
  t.match(rowOf(host, 'picky')?.error?.message, /speed must be a number/)
})

t.test('a config is parsed at the door and arrives typed', async (t) => {
  let seen: unknown
  await start(
    [
      definePlugin({
        name: 'paced',
        api: 1,
        config: (raw) => ({ speed: Number((raw as { speed?: string } | undefined)?.speed ?? 1) }),
        setup: ({ config }) => {
          seen = config.speed
        },
      }),
    ],
    { config: { paced: { speed: '7' } } },
  )
  t.equal(seen, 7)
})

t.test('two plugins cannot have one error code or one name at an extension point', async (t) => {
  const row = { disposition: 'fail', text: () => 'x', remedy: 'prov doctor' } as const
  const other = { ...row }
  const made = defineErrors({ PROV_ACME_MINE: row })
  const { host } = await start([
    definePlugin({ name: 'a', api: 1, errors: { PROV_ACME_ONE: row, PROV_ACME_MINE: row } }),
    definePlugin({ name: 'b', api: 1, errors: { PROV_ACME_ONE: other } }),
    definePlugin({ name: 'c', api: 1, contributes: [contribute(panels, 'clock', 1)] }),
    definePlugin({ name: 'd', api: 1, contributes: [contribute(panels, 'clock', 2)] }),
  ])
  t.equal(made.PROV_ACME_MINE?.({}).code, 'PROV_ACME_MINE')
  t.same(codes(host), {
    a: 'running',
    b: 'PROV_ERROR_CODE_TAKEN',
    c: 'running',
    d: 'PROV_PLUGIN_CONTRIBUTION_TAKEN',
  })
})

t.test('an early plugin sees the additions of those that start after it', async (t) => {
  let seen: unknown
  await start([
    definePlugin({
      name: 'shows',
      api: 1,
      setup: ({ contributions }) => {
        seen = contributions(panels)
      },
    }),
    definePlugin({ name: 'adds', api: 1, contributes: [contribute(panels, 'clock', 12)] }),
    definePlugin({ name: 'never', api: 7, contributes: [contribute(panels, 'ghost', 0)] }),
  ])
  t.same(seen, [{ name: 'clock', plugin: 'adds', value: 12 }])
})

t.test('who adds to an extension point runs before who may look there', async (t) => {
  const trail: string[] = []
  const named = (name: string, more: object = {}) =>
    definePlugin({ name, api: 1, setup: () => void trail.push(name), ...more })
  await start([
    named('looks'),
    named('adds', { contributes: [contribute(panels, 'a', 1)] }),
    named('adds-and-needs', { contributes: [contribute(panels, 'b', 2)], needs: { desk } }),
    provider(),
  ])
  t.same(trail, ['adds', 'looks', 'adds-and-needs'])
})

t.test(
  'a setup that hangs is refused when its time is over, and what it began is ended',
  async (t) => {
    const clock = simulatedClock()
    const trail: string[] = []
    const starting = start(
      [
        definePlugin({
          name: 'sleepy',
          api: 1,
          setup: ({ signal, defer }) => {
            defer(() => void trail.push('undone'))
            signal.addEventListener('abort', () => trail.push('aborted'))
            return new Promise<undefined>(() => {})
          },
        }),
        definePlugin({ name: 'awake', api: 1 }),
      ],
      { clock, startTimeoutMs: 2_000 },
    )
    for (let step = 0; step < 40 && trail.length === 0; step++) await clock.advance(100)
    const { host } = await starting
    t.same(codes(host), { sleepy: 'PROV_PLUGIN_TIMEOUT', awake: 'running' })
    t.same(trail, ['aborted', 'undone'])
  },
)

t.test('who needs a plugin that failed never starts, and says whom it missed', async (t) => {
  let ran = false
  const { host } = await start([
    definePlugin({
      name: 'maker',
      api: 1,
      provides: { desk },
      setup: ({ provide }) => {
        provide.desk({ hello: async () => 'x' })
        throw new Error('after all')
      },
    }),
    definePlugin({
      name: 'user',
      api: 1,
      needs: { desk },
      setup: () => {
        ran = true
      },
    }),
  ])
  t.notOk(ran)
  t.match(rowOf(host, 'user')?.error, {
    code: 'PROV_PLUGIN_NEED_MISSING',
    message: /maker is failed/,
  })
  t.equal(
    await codeOf(Promise.resolve().then(() => host.service(desk))),
    'PROV_PLUGIN_SERVICE_MISSING',
    'a service handed out before the failure is withdrawn',
  )
})

t.test(
  'a missing service names the trouble at its root, when that is a file and no plugin',
  async (t) => {
    const { PROV_ACME_FILE } = defineErrors<{ PROV_ACME_FILE: object }>({
      PROV_ACME_FILE: {
        disposition: 'usage',
        text: () => 'line 3 is broken',
        remedy: 'mend `x.ncl`',
      },
    })
    const { host } = await start([
      definePlugin({
        name: 'files',
        api: 1,
        provides: { board },
        setup: () => {
          throw PROV_ACME_FILE({}, { place: { file: 'x.ncl', line: 3 } })
        },
      }),
      definePlugin({ ...provider(), needs: { board } }),
    ])
    t.throws(() => host.service(desk), { code: 'PROV_ACME_FILE', place: { line: 3 } })
  },
)

t.test('a life that errors is that plugin’s end only; who needs it is told', async (t) => {
  const life = new Subject<number>()
  const told: LostNeed[] = []
  const { host, lines } = await start([
    definePlugin({
      name: 'fragile',
      api: 1,
      provides: { desk },
      setup: ({ provide }) => {
        provide.desk({ hello: async () => 'x' })
        return life
      },
    }),
    definePlugin({
      name: 'steady',
      api: 1,
      needs: { desk },
      setup: ({ onLost }) => {
        onLost((lost) => void told.push(lost))
        onLost(() => {
          throw new Error('a listener that throws harms nobody')
        })
        return NEVER
      },
    }),
  ])
  life.next(1)
  life.error(new Error('the world ended'))
  t.same(codes(host), { fragile: 'PROV_PLUGIN_LIFE_FAILED', steady: 'running' })
  t.match(rowOf(host, 'fragile')?.error?.message, /the world ended/)
  t.same(rowOf(host, 'steady')?.lost, ['acme.desk'])
  t.match(told, [{ plugin: 'fragile', services: ['acme.desk'] }])
  t.ok(lines.some(({ from, level }) => from === 'fragile' && level === 'error'))
  await host.stop()
})

t.test('a life that completes is an end, not a failure', async (t) => {
  const { host } = await start([definePlugin({ name: 'brief', api: 1, setup: () => of(1, 2) })])
  t.equal(rowOf(host, 'brief')?.state, 'ended')
  t.equal(rowOf(host, 'brief')?.error, undefined)
})

t.test('a life that throws at once, synchronously, ends only that plugin', async (t) => {
  const { host } = await start([
    definePlugin({
      name: 'instant',
      api: 1,
      setup: () =>
        new Observable(() => {
          throw new Error('at once')
        }),
    }),
    definePlugin({ name: 'other', api: 1 }),
  ])
  t.same(codes(host), { instant: 'PROV_PLUGIN_LIFE_FAILED', other: 'running' })
})

const tracked = (name: string, trail: string[], needs = {}, provides = {}) =>
  definePlugin({
    name,
    api: 1,
    needs,
    provides,
    setup: ({ provide, signal, defer }) => {
      for (const hand of Object.values(provide)) (hand as (x: object) => void)({})
      defer(() => void trail.push(`${name} first in, last out`))
      defer(async () => void trail.push(`${name} last in, first out`))
      signal.addEventListener('abort', () => trail.push(`${name} signal`))
      return new Observable(() => () => void trail.push(`${name} unsubscribed`))
    },
  })

t.test('stop goes right to left, each plugin: signal, stream, clean-ups', async (t) => {
  const trail: string[] = []
  const { host } = await start([
    tracked('right', trail, { desk }),
    tracked('left', trail, {}, { desk }),
  ])
  t.same(trail, [])
  await host.stop()
  await host.stop()
  t.same(
    trail,
    ['right', 'left'].flatMap((name) => [
      `${name} signal`,
      `${name} unsubscribed`,
      `${name} last in, first out`,
      `${name} first in, last out`,
    ]),
  )
  t.same(codes(host), { left: 'stopped', right: 'stopped' })
})

t.test('a strict start undoes everything at the first failure and throws it', async (t) => {
  const trail: string[] = []
  const broken = definePlugin({
    name: 'broken',
    api: 1,
    needs: { desk },
    setup: () => {
      throw new Error('no')
    },
  })
  t.equal(
    await codeOf(start([tracked('left', trail, {}, { desk }), broken], { strict: true })),
    'PROV_PLUGIN_SETUP_FAILED',
  )
  t.match(trail, ['left signal', 'left unsubscribed', /last in/, /first in/])
})

t.test('a clean-up that throws or hangs does not keep others from theirs', async (t) => {
  const clock = simulatedClock()
  const trail: string[] = []
  const { host, lines } = await start(
    [
      definePlugin({
        name: 'messy',
        api: 1,
        setup: ({ defer }) => {
          defer(() => void trail.push('reached'))
          defer(() => new Promise(() => {}))
          defer(() => {
            throw new Error('messy')
          })
        },
      }),
    ],
    { clock, stopTimeoutMs: 1_000 },
  )
  const stopping = host.stop()
  for (let step = 0; step < 30 && trail.length === 0; step++) await clock.advance(100)
  await stopping
  t.same(trail, ['reached'])
  t.equal(lines.filter(({ text }) => text.includes('clean-up')).length, 2)
})
