/** createRuntime: everything under one roof, undone right to left. */
import { join } from 'node:path'
import { Observable } from 'rxjs'
import t from 'tap'
import { setup } from 'xstate'
import { createRuntime, defineActor, definePlugin, defineRead, serviceRef } from 'prov'
import type { Plugin, RuntimeOptions, Submissions } from 'prov'
import { bus, home, journal, submissions, workspace } from '../../core/index.ts'
import { codeOf } from '../../core/kit.ts'
import type { OpPhase } from '../../core/protocol/op.ts'
import { readJournal } from '../../core/journal/reader.ts'
import { temporaryFolder } from '../support/folder.ts'

function place(t: Parameters<typeof temporaryFolder>[0]) {
  const folder = temporaryFolder(t, {
    'ws/.ontology/facts.ncl': '{ answer = 42 }',
    'ws/package.json': { prov: { name: 'test-ws', config: { asks: { from: 'workspace' } } } },
  })
  const open = (plugins: readonly Plugin[] = [], more: Partial<RuntimeOptions> = {}) =>
    createRuntime({
      workspace: join(folder.dir, 'ws'),
      home: join(folder.dir, 'home'),
      discover: false,
      log: () => {},
      plugins,
      ...more,
    })
  return { folder, open, root: join(folder.dir, 'ws') }
}

t.test(
  'a plugin reaches journal, bus, files and home by reference, and nothing else',
  async (t) => {
    const { open, root } = place(t)
    let seen: unknown
    const runtime = await open([
      definePlugin({
        name: 'looks',
        api: 1,
        needs: { bus, journal, workspace, home },
        setup: async ({ needs }) => {
          seen = [
            Object.keys(needs).sort(),
            needs.bus.kind,
            needs.workspace.name,
            await needs.workspace.evaluate('.ontology/facts.ncl'),
            needs.journal.epoch,
            needs.home.dir,
          ]
        },
      }),
    ])
    t.same(seen, [
      ['bus', 'home', 'journal', 'workspace'],
      'embedded',
      'test-ws',
      { answer: 42 },
      1,
      join(root, '../home'),
    ])
    t.equal(runtime.service(workspace).root, root)
    t.throws(() => runtime.service(serviceRef('acme.none')), {
      code: 'PROV_PLUGIN_SERVICE_MISSING',
    })
    await runtime.close()
  },
)

t.test('actors of a plugin come back with the next runtime', async (t) => {
  const { open } = place(t)
  const counter = defineActor({
    type: 'acme.counter',
    version: 1,
    machine: setup({}).createMachine({
      initial: 'idle',
      states: { idle: { on: { go: 'busy' } }, busy: {} },
    }),
  })
  const late = defineActor({ type: 'acme.late', version: 1, machine: counter.machine })
  const plugin = definePlugin({
    name: 'counts',
    api: 1,
    actors: { counter },
    setup: ({ actors }) => actors.register(late),
  })
  const first = await open([plugin])
  const ref = await first.actors.spawn(counter, 'eu')
  await ref.apply({ type: 'go' })
  await first.close()
  const second = await open([plugin])
  t.match(second.actors.list(), [
    { address: 'acme.counter/eu', value: 'busy', sequence: 2, owner: 'counts' },
  ])
  await second.actors.spawn(late, 'x')
  t.match(second.actors.list({ type: 'acme.late' }), [{ owner: 'counts' }])
  await second.close()
})

t.test('leaving the scope releases the lock, also after an exception', async (t) => {
  const { open } = place(t)
  const first = await open()
  t.equal(await codeOf(open()), 'PROV_JOURNAL_LOCKED')
  await first.close()
  await first.close()
  await t.rejects(
    (async () => {
      const runtime = await open()
      try {
        throw new Error('in the middle of a script')
      } finally {
        await runtime[Symbol.asyncDispose]()
      }
    })(),
    /in the middle/,
  )
  await (await open()).close()
})

t.test('a start that fails half way leaves no lock behind', async (t) => {
  const { open } = place(t)
  const broken = definePlugin({
    name: 'broken',
    api: 1,
    setup: () => {
      throw new Error('no')
    },
  })
  t.equal(await codeOf(open([broken], { strict: true })), 'PROV_PLUGIN_SETUP_FAILED')
  const bad = () => Promise.reject(new Error('no server'))
  await t.rejects(open([], { bus: bad }), /no server/)
  const runtime = await open([broken])
  t.match(runtime.plugins(), [{ name: 'broken', state: 'failed' }])
  await runtime.close()
})

t.test('close goes right to left: plugins can still write while they end', async (t) => {
  const { open, root } = place(t)
  const runtime = await open([
    definePlugin({
      name: 'notes',
      api: 1,
      needs: { journal },
      setup: ({ needs, defer }) => {
        defer(async () => {
          await needs.journal.append([{ partition: 'notes', type: 'bye', body: null }])
        })
        return new Observable(() => {})
      },
    }),
  ])
  await runtime.close()
  const reader = await readJournal({ dir: join(root, '.prov/journal') })
  const types: string[] = []
  for await (const record of reader.read({ partition: 'notes' })) types.push(record.type)
  await reader.close()
  t.same(types, ['bye'])
})

t.test(
  'read models see files and journal, compute once per look, and refuse by name',
  async (t) => {
    const { open } = place(t)
    let runs = 0
    const count = defineRead({
      name: 'count',
      describe: 'how many notes',
      args: ({ type }) => ({ type: typeof type === 'string' ? type : 'note' }),
      run: async ({ type }, { journal, files }) => {
        runs++
        let found = 0
        for await (const record of journal?.read({ partition: 'notes' }) ?? []) {
          if (record.type === type) found++
        }
        return { workspace: files.name, found }
      },
    })
    const twice = defineRead({
      name: 'twice',
      describe: 'count, asked two times',
      run: async (_args, { read }) => [await read('count'), await read('count')],
    })
    const ring = defineRead({ name: 'ring', describe: '', run: (_args, { read }) => read('ring') })
    const plugin = definePlugin({
      name: 'notes',
      api: 1,
      needs: { journal },
      reads: {
        count: async () => ({ read: count }),
        twice: async () => ({ read: twice }),
        ring: async () => ({ read: ring }),
      },
      setup: async ({ needs }) => {
        await needs.journal.append([{ partition: 'notes', type: 'note', body: 1 }])
      },
    })
    const runtime = await open([plugin])
    t.same(await runtime.read('count'), { workspace: 'test-ws', found: 1 })
    t.same(await runtime.read('count', { type: 'other' }), { workspace: 'test-ws', found: 0 })
    runs = 0
    t.equal(((await runtime.read('twice')) as unknown[]).length, 2)
    t.equal(runs, 1, 'one look computes each model once')
    t.equal(await codeOf(runtime.read('cuont')), 'PROV_READ_UNKNOWN')
    t.equal(await codeOf(runtime.read('twice', { deep: true })), 'PROV_READ_ARGS_UNEXPECTED')
    t.equal(await codeOf(runtime.read('ring')), 'PROV_READ_CIRCLE')
    await runtime.close()
  },
)

t.test('config: the script’s beats the workspace’s', async (t) => {
  const { open } = place(t)
  const seen: unknown[] = []
  const asks = definePlugin({ name: 'asks', api: 1, config: (raw) => void seen.push(raw) })
  await (await open([asks], { discover: true })).close()
  await (await open([asks], { discover: true, config: { asks: { from: 'script' } } })).close()
  t.same(seen, [{ from: 'workspace' }, { from: 'script' }])
})

/** A desk without planes: it moves one operation through the phases that the test names. */
function deskPlugin(phases: readonly OpPhase[]): { plugin: Plugin; next: () => void } {
  let at = 0
  const listeners = new Set<() => void>()
  const now = () => ({ op: 'op-1', name: phases[at] as OpPhase })
  const desk: Partial<Submissions> = {
    submit: async () => ({ op: 'op-1', duplicate: false, body: {} as never }),
    phase: async (op) => (op === 'op-1' ? now() : undefined),
    follow: (_op, listener) => {
      const tell = () => listener(now())
      listeners.add(tell)
      tell()
      return () => listeners.delete(tell)
    },
  }
  const plugin = definePlugin({
    name: 'desk',
    api: 1,
    provides: { submissions },
    setup: ({ provide }) => provide.submissions(desk as Submissions),
  })
  const next = () => {
    at++
    for (const tell of listeners) tell()
  }
  return { plugin, next }
}

t.test('an operation is followed as a stream and as one answer', async (t) => {
  const { open } = place(t)
  const { plugin, next } = deskPlugin(['submitted', 'approved', 'claimed', 'applied'])
  const runtime = await open([plugin])
  const op = await runtime.submit({ type: 'deploy', target: 'x' })
  t.equal(op.id, 'op-1')
  const seen: string[] = []
  const done = new Promise<void>((resolve) => {
    op.phases$.subscribe({ next: ({ name }) => seen.push(name), complete: resolve })
  })
  const end = op.settled({ timeoutMs: 600_000 })
  next()
  next()
  next()
  t.same(await end, { op: 'op-1', outcome: 'applied', phase: 'applied' })
  await done
  t.same(seen, ['submitted', 'approved', 'claimed', 'applied'])
  t.equal(await codeOf(runtime.op('op-2').settled()), 'PROV_OP_UNKNOWN')
  await runtime.close()
})

t.test(
  'held and in doubt are answers, too late is an error, and waiting can be given up',
  async (t) => {
    for (const [phase, outcome] of [
      ['held', 'held'],
      ['in_doubt', 'unknown'],
      ['refused', 'refused'],
    ] as const) {
      const { open } = place(t)
      const runtime = await open([deskPlugin([phase]).plugin])
      t.match(await runtime.op('op-1').settled(), { outcome, phase })
      await runtime.close()
    }
    const { open } = place(t)
    const runtime = await open([deskPlugin(['approved']).plugin])
    const op = runtime.op('op-1')
    t.equal(await codeOf(op.settled({ timeoutMs: 1 })), 'PROV_OP_TIMEOUT')
    const abort = new AbortController()
    const waiting = codeOf(op.settled({ signal: abort.signal }))
    abort.abort()
    t.equal(await waiting, 'PROV_INTERRUPTED')
    await runtime.close()
    await t.rejects(runtime.submit({ type: 'deploy', target: 'x' }), {
      code: 'PROV_PLUGIN_SERVICE_MISSING',
    })
  },
)
