/**
 * What every plugin promises, as tests. First-party plugins run it, and so can a stranger:
 *
 *     pluginKit(t, () => plugin, { sampleConfig })
 *
 * It starts the plugin in a real runtime (memory journal, simulated clock, a workspace folder of its
 * own), ends it, starts it again.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { simulatedClock } from '../clock.ts'
import { asProvError, ProvError } from '../errors.ts'
import { memoryJournal } from '../journal/memory.ts'
import type { KitTest } from '../kit.ts'
import type { LogLine } from '../log.ts'
import { createRuntime } from '../runtime.ts'
import type { Runtime } from '../runtime.ts'
import { checkPlugin } from './check.ts'
import { isPlugin } from './define.ts'
import type { Plugin } from './define.ts'

export interface PluginKitOptions {
  /** A config that must be taken. Default: none. */
  readonly sampleConfig?: unknown
  /** Configs that must be refused, each with a ProvError or a plain message. */
  readonly badConfigs?: readonly unknown[] | undefined
  /** Plugins that provide what this one needs. */
  readonly with?: readonly Plugin[] | undefined
  /** Fills the workspace folder before each start. Default: an empty `.ontology/`. */
  readonly prepare?: ((root: string) => Promise<void> | void) | undefined
}

/**
 * Registers the tests and resolves when they have ended, so that it may be the body of a test itself.
 * `make` is called once per test; it may return the same object.
 */
export async function pluginKit(
  t: KitTest,
  make: () => Plugin,
  options: PluginKitOptions = {},
): Promise<void> {
  const { sampleConfig, badConfigs = [] } = options
  const tests: PromiseLike<unknown>[] = []
  const test = (name: string, body: (t: KitTest) => Promise<void>): void =>
    void tests.push(t.test(name, body))

  test('it is a plugin of the contract that this Prov speaks', async (t) => {
    const plugin = make()
    t.ok(isPlugin(plugin), 'made by definePlugin')
    t.equal(
      refusalOf(() => checkPlugin(plugin)),
      'none',
      'its shape is complete',
    )
  })

  test('a config is parsed at the door: the sample is taken, bad ones are refused', async (t) => {
    const plugin = make()
    if (plugin.config) {
      t.equal(
        refusalOf(() => plugin.config?.(sampleConfig)),
        'none',
        'the sample',
      )
      for (const bad of badConfigs) {
        t.ok(refusalOf(() => plugin.config?.(bad)) !== 'none', `refused: ${JSON.stringify(bad)}`)
      }
    } else {
      t.equal(sampleConfig, undefined, 'a plugin without a parser takes no config')
    }
  })

  test('it starts, provides what it declares, ends cleanly, and starts again', async (t) => {
    const lines: LogLine[] = []
    const world = temporaryWorld(t)
    for (let life = 1; life <= 2; life++) {
      const plugin = make()
      const runtime = await open(world, plugin, options, lines)
      const row = runtime.plugins().find(({ name }) => name === plugin.name)
      t.ok(row?.state === 'running' || row?.state === 'ended', `life ${life}: ${row?.state}`)
      for (const ref of Object.values(plugin.provides ?? {})) {
        t.ok(runtime.service(ref), `life ${life}: ${ref.id} is there`)
      }
      await runtime.close()
    }
    const wrong = lines.filter(({ level, from }) => level === 'error' && from === make().name)
    t.same(wrong, [], 'nothing was logged as an error')
  })

  test('after its end nothing of it still runs', async (t) => {
    const world = temporaryWorld(t)
    const before = running()
    const runtime = await open(world, make(), options, [])
    await runtime.close()
    for (let turn = 0; turn < 20 && left(before).length > 0; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    t.same(left(before), [], 'timers, sockets and processes are gone')
  })

  test('its commands and routes load, and their names are their words', async (t) => {
    for (const [words, load] of Object.entries(make().commands ?? {})) {
      const { command } = await load()
      t.ok(command.pattern === words || command.pattern.startsWith(`${words} `), words)
      t.ok(command.examples.length > 0, `${words}: an example`)
      t.ok(command.describe.length > 0, `${words}: what it does`)
    }
    for (const [name, load] of Object.entries(make().reads ?? {})) {
      t.equal((await load()).read.name, name, `read model ${name}`)
    }
    for (const [name, load] of Object.entries(make().routes ?? {})) {
      const { route } = await load()
      t.equal(route.route, name, `route ${name}`)
      t.ok(route.describe.length > 0, `${name}: what it answers`)
    }
  })

  test('each of its error rows has a remedy that names a command or a file', async (t) => {
    for (const [code, row] of Object.entries(make().errors ?? {})) {
      const remedy = typeof row.remedy === 'string' ? row.remedy : row.remedy.toString()
      t.ok(/`|\/|\.[a-z]+/.test(remedy), `${code}: ${remedy}`)
    }
  })
  await Promise.all(tests)
}

interface World {
  readonly root: string
  readonly home: string
}

function temporaryWorld(t: KitTest): World {
  const dir = mkdtempSync(join(tmpdir(), 'prov-plugin-kit-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  mkdirSync(join(dir, 'workspace/.ontology'), { recursive: true })
  return { root: join(dir, 'workspace'), home: join(dir, 'home') }
}

async function open(
  { root, home }: World,
  plugin: Plugin,
  { sampleConfig, with: others = [], prepare }: PluginKitOptions,
  lines: LogLine[],
): Promise<Runtime> {
  await prepare?.(root)
  return createRuntime({
    workspace: root,
    home,
    journal: memoryJournal(),
    clock: simulatedClock(),
    discover: false,
    plugins: [...others, plugin],
    strict: true,
    config: sampleConfig === undefined ? {} : { [plugin.name]: sampleConfig },
    log: (line) => lines.push(line),
  })
}

/** What keeps this process alive, by kind. */
function running(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    // Files close in their own time; immediates are this loop itself.
    if (/^(FSReqPromise|FSReqCallback|Immediate|CloseReq|FileHandleCloseReq)$/.test(kind)) continue
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

function left(before: ReadonlyMap<string, number>): readonly string[] {
  return [...running()]
    .filter(([kind, count]) => count > (before.get(kind) ?? 0))
    .map(([kind]) => kind)
}

/** The code of what it throws, the message of a foreign error, or `none`. */
function refusalOf(act: () => unknown): string {
  try {
    act()
    return 'none'
  } catch (thrown) {
    return ProvError.is(thrown) ? thrown.code : asProvError(thrown).message
  }
}
