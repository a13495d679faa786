/**
 * The promises of a provider backend as a test that every backend runs, ours and a stranger's.
 *
 * P1  The same token gives the same machine, also when asked for at the same time.
 * P2  After a lost answer `find` knows the machine; before any and after the last there is none.
 * P3  Destroying twice is success, destroying what never was too.
 * P4  `list` is complete and exact about labels.
 * P5  The machine answers SSH under the delivered host key, to the delivered user key alone, and
 *     tells exit codes.
 * P6  A machine that nobody talks to is gone after its TTL.
 * P7  What says that it fences does nothing for an older epoch, while the machine is there and after.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { sleep, systemClock } from '../clock.ts'
import { codeOf } from '../kit.ts'
import type { KitTest } from '../kit.ts'
import type { Millis } from '../units.ts'
import { isPlugin } from '../plugin/define.ts'
import type { Plugin } from '../plugin/define.ts'
import { providerErrors } from './provider-errors.ts'
import { providerPoint } from './provider.ts'
import type { Machine, MachineRequest, ProviderBackend, ProviderSpec } from './provider.ts'

export interface ProviderKitOptions {
  /** How long a machine may take to come up, and to be gone. Default 20 s. */
  readonly patienceMs?: Millis | undefined
  /** TTL for P6; 0 skips it, for backends whose machines cannot end themselves. Default 700 ms. */
  readonly ttlMs?: Millis | undefined
}

/**
 * Runs every promise. `make` is called once per promise; backends may share one world. What
 * `defineProvider` made of a plain backend will do as well; one that is made per runtime has no
 * acts before it started (PROV_PROVIDER_NOT_STARTED), so hand its acts in.
 */
export async function providerKit(
  t: KitTest,
  make: (t: KitTest) => Promise<ProviderSpec | Plugin> | ProviderSpec | Plugin,
  options: ProviderKitOptions = {},
): Promise<void> {
  const patienceMs = options.patienceMs ?? 20_000
  const ttlMs = options.ttlMs ?? 700

  const makeProvider = async (t: KitTest): Promise<ProviderSpec> => {
    const made = await make(t)
    return isPlugin(made) ? backendOf(made) : made
  }
  const request = (over: Partial<MachineRequest> = {}): MachineRequest => ({
    token: `kit:${randomUUID()}`,
    tier: 's',
    labels: { suite: 'kit' },
    ttlMs: 60_000,
    signal: AbortSignal.timeout(patienceMs),
    ...over,
  })
  /** Creates and makes sure that it goes, whatever the test does. */
  const created = async (t: KitTest, provider: ProviderSpec, over?: Partial<MachineRequest>) => {
    const machine = await provider.create(request(over))
    t.teardown(() => provider.destroy({ id: machine.id }))
    return machine
  }

  await t.test('P1 the same token gives the same machine, also at the same time', async (t) => {
    const provider = await makeProvider(t)
    if (provider.class !== 'keyed') return
    const one = request()
    const [first, second] = await Promise.all([provider.create(one), provider.create(one)])
    t.teardown(() => provider.destroy({ id: first.id }))
    t.same(second, first)
    t.same(await provider.create(one), first, 'and later on')
    const other = await created(t, provider)
    t.ok(other.id !== first.id, 'another token gives another machine')
    t.equal(first.token, one.token)
    t.same(first.labels, one.labels)
  })

  await t.test('P2 find tells what became of a token', async (t) => {
    const provider = await makeProvider(t)
    const lost = request()
    t.same(await provider.find({ token: lost.token }), { machine: undefined, authoritative: true })
    const leave = new AbortController()
    const answer = provider.create({ ...lost, signal: leave.signal })
    leave.abort(new Error('the caller went away'))
    const code = await codeOf(answer)
    const found = await until(patienceMs, async () => {
      const sight = await provider.find({ token: lost.token })
      return sight.authoritative ? sight : undefined
    })
    if (found?.machine) {
      const { id } = found.machine
      t.teardown(() => provider.destroy({ id }))
      t.ok(code === 'none' || code === 'PROV_PROVIDER_UNKNOWN', `said ${code}, not "failed"`)
      t.equal(found.machine.token, lost.token)
    } else {
      t.ok(code !== 'none', 'nothing there, so it must not have said yes')
    }
    const machine = await created(t, provider)
    t.same((await provider.find({ token: machine.token })).machine, machine)
    await provider.destroy({ id: machine.id })
    t.same(await provider.find({ token: machine.token }), {
      machine: undefined,
      authoritative: true,
    })
  })

  await t.test('P3 destroying what is gone or never was is success', async (t) => {
    const provider = await makeProvider(t)
    const machine = await created(t, provider)
    await provider.destroy({ id: machine.id })
    await provider.destroy({ id: machine.id })
    await provider.destroy({ id: `${machine.id}0` })
    t.ok(!(await answers(machine)), 'and it answers no more')
  })

  await t.test('P4 list is complete and exact about labels', async (t) => {
    const provider = await makeProvider(t)
    const suite = randomUUID()
    const wanted = await Promise.all(
      ['a', 'a', 'ab'].map((pool) => created(t, provider, { labels: { suite, pool } })),
    )
    const ids = async (labels: Readonly<Record<string, string>>) => {
      const found: string[] = []
      for await (const machine of provider.list({ labels })) found.push(machine.id)
      return found.sort()
    }
    t.same(await ids({ suite }), wanted.map((machine) => machine.id).sort())
    t.same(await ids({ suite, pool: 'ab' }), [wanted[2]?.id])
    t.same(await ids({ suite, pool: 'b' }), [])
    const all: string[] = []
    for await (const machine of provider.list({})) all.push(machine.id)
    t.ok(wanted.every((machine) => all.includes(machine.id)))
  })

  await t.test('P5 a machine runs commands for its own key alone', async (t) => {
    const provider = await makeProvider(t)
    const machine = await created(t, provider)
    const said = await run(machine, 'cat; echo "$((6 * 7))"; echo trouble >&2; exit 7', 'hello ')
    t.same(said, { code: 7, output: 'hello 42\n', errors: 'trouble\n' })
    t.equal((await run(machine, 'true')).code, 0)
    const other = await created(t, provider)
    t.ok(
      !(await answers({ ...machine, privateKey: other.privateKey })),
      "another machine's key does not open it",
    )
    t.ok(
      !(await answers({ ...machine, hostKey: other.hostKey })),
      'nor does it show the host key of another',
    )
    t.ok(machine.isolation !== '', 'and it says how far commands are contained')
  })

  if (ttlMs > 0) {
    await t.test('P6 a machine that nobody talks to is gone after its TTL', async (t) => {
      const provider = await makeProvider(t)
      const machine = await created(t, provider, { ttlMs })
      const gone = await until(patienceMs, async () => {
        const sight = await provider.find({ token: machine.token })
        return sight.authoritative && sight.machine === undefined ? true : undefined
      })
      t.ok(gone, 'gone by itself')
      t.ok(!(await answers(machine)))
    })
  }

  await t.test('P7 a backend that fences does nothing for an older epoch', async (t) => {
    const provider = await makeProvider(t)
    if (provider.fences !== true) return
    const token = `kit:${randomUUID()}`
    const machine = await created(t, provider, { token, epoch: 2 })
    const older = () => provider.create(request({ token, epoch: 1 }))
    t.equal(await codeOf(older()), 'PROV_PROVIDER_FENCED')
    t.same(await provider.create(request({ token, epoch: 3 })), machine, 'a newer one goes on')
    t.equal(await codeOf(provider.destroy({ id: machine.id, epoch: 2 })), 'PROV_PROVIDER_FENCED')
    t.same((await provider.find({ token })).machine, machine, 'it is still there')
    await provider.destroy({ id: machine.id, epoch: 3 })
    const late = () => provider.create(request({ token, epoch: 2 }))
    t.equal(await codeOf(late()), 'PROV_PROVIDER_FENCED', 'also when it is gone')
    t.equal((await provider.find({ token })).machine, undefined)
    const other = await created(t, provider, { epoch: 1 })
    t.ok(other.id !== machine.id, 'what another token was asked for says nothing about this one')
  })
}

function backendOf({ name, contributes = [] }: Plugin): ProviderSpec {
  const found = contributes.find(({ point }) => point === providerPoint.id)
  if (!found) throw providerErrors.PROV_PROVIDER_NOT_STARTED({ provider: name })
  // It runs in this thread.
  return (found.value as ProviderBackend).open({ stateDir: '' }) as ProviderSpec
}

interface Ran {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** One command over a connection of its own; rejects when the machine does not let us in. */
async function run(machine: Machine, command: string, input = ''): Promise<Ran> {
  const { default: ssh2 } = await import('ssh2')
  const client = new ssh2.Client()
  const pinned = Buffer.from(machine.hostKey.split(' ')[1] ?? '', 'base64')
  try {
    return await new Promise<Ran>((resolve, reject) => {
      client.on('error', reject)
      // A machine that ends while we knock closes without an error.
      client.on('close', () => reject(new Error('the connection was closed')))
      client.on('ready', () => {
        client.exec(command, (error, channel) => {
          if (error) return reject(error)
          let output = ''
          let errors = ''
          let code: number | null = null
          channel.on('data', (bytes: Buffer) => (output += bytes.toString()))
          channel.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
          channel.on('exit', (exit: number | null) => (code = exit))
          channel.on('close', () => resolve({ code, output, errors }))
          channel.end(input)
        })
      })
      client.connect({
        host: machine.host,
        port: machine.port,
        username: machine.user,
        privateKey: machine.privateKey,
        hostVerifier: (key: Buffer) => key.equals(pinned),
        readyTimeout: 10_000,
      })
    })
  } finally {
    client.end()
  }
}

const answers = (machine: Machine): Promise<boolean> =>
  run(machine, 'true').then(
    (ran) => ran.code === 0,
    () => false,
  )

/** Asks again until there is an answer; undefined when patience ends first. */
async function until<T>(patienceMs: Millis, ask: () => Promise<T | undefined>) {
  const deadline = systemClock.monotonic() + patienceMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined || systemClock.monotonic() > deadline) return answer
    await sleep(systemClock, 20)
  }
}
