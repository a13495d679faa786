import { execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import ssh2 from 'ssh2'
import { codeOf, pluginKit, providerKit } from 'prov/testing'
import { defineProvider, providerPoint, systemClock } from 'prov'
import type { Machine, ProviderBackend, ProviderSpec } from 'prov'
import providerLocal from '../../extensions/provider-local/index.ts'
import { machineId, machineMark } from '../../extensions/provider-local/folder.ts'
import { sshKeyPair } from '../../extensions/provider-local/keys.ts'
import { markOf, processesOf } from '../../extensions/provider-local/liveness.ts'
import { killProcessesIn, processesIn } from '../support/machines.ts'
import { repoRoot } from '../support/root.ts'
import { localActs } from '../../extensions/provider-local/local.ts'
import type { LocalOptions } from '../../extensions/provider-local/local.ts'

const run = promisify(execFile)

/** Where bubblewrap works the tests use it; the answer is the reason to skip what needs it. */
const bwrap = await run('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true']).then(
  () => false as const,
  (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? 'no bwrap here' : error.message),
)
const ssh = await run('ssh', ['-V']).then(
  () => false as const,
  () => 'no OpenSSH client here',
)

async function place(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'prov-local-'))
  t.teardown(async () => {
    const left = (await readdir(dir)).filter((name) => name.startsWith('local-'))
    for (const id of left) await provider(dir).destroy({ id })
    await rm(dir, { recursive: true, force: true })
  })
  return dir
}

const provider = (dir: string, over: Partial<LocalOptions> = {}): ProviderSpec => ({
  name: 'local',
  class: 'keyed',
  ...localActs({ dir, clock: systemClock, ...over }),
})

const ask = (token: string, ttlMs = 600_000) => ({
  token,
  tier: 's' as const,
  labels: { op: token },
  ttlMs,
  signal: AbortSignal.timeout(600_000),
})

t.test('the local provider keeps the promises of providers', async (t) => {
  const dir = await place(t)
  await providerKit(t, () => provider(dir))
})

t.test('without bubblewrap it keeps them too and says what it does not contain', async (t) => {
  const dir = await place(t)
  const plain = provider(dir, { isolation: 'plain' })
  const machine = await plain.create(ask('plain'))
  t.equal(machine.isolation, 'plain child process (not contained)')
  const { stdout } = await openssh(t, machine, 'pwd; echo "$HOME"; id -un 2>/dev/null || true')
  const [folder, home] = stdout.split('\n')
  t.equal(folder, home)
  t.equal(home, join(dir, machine.id, 'home'), 'a home of its own')
  await plain.destroy({ id: machine.id })
  t.same(await processesIn(dir), [])
})

t.test(
  'in bubblewrap a command sees its own home and nothing of ours',
  { skip: bwrap },
  async (t) => {
    const dir = await place(t)
    await writeFile(join(dir, 'secret'), 'ours')
    const local = provider(dir, { isolation: 'bubblewrap' })
    const machine = await local.create(ask('enclosed'))
    t.equal(machine.isolation, 'bubblewrap, no network')
    const look = `pwd; cat ${join(dir, 'secret')} 2>/dev/null || echo hidden; ls /proc | grep -c '^[0-9]'; touch /usr/mine 2>/dev/null || echo read-only; env | grep -c '^TAP' `
    const { stdout } = await openssh(t, machine, `${look}; true`)
    const [home, secret, processes, usr, leaked] = stdout.split('\n')
    t.equal(home, '/home/prov')
    t.equal(secret, 'hidden')
    t.ok(Number(processes) < 12, `sees ${processes} processes, its own`)
    t.equal(usr, 'read-only')
    t.equal(leaked, '0', 'nothing of our environment')
  },
)

t.test('insisting on bubblewrap where it does not work is refused by name', async (t) => {
  const dir = await place(t)
  const path = process.env['PATH']
  process.env['PATH'] = dir
  t.teardown(() => (process.env['PATH'] = path))
  const local = provider(dir, { isolation: 'bubblewrap' })
  t.equal(await codeOf(local.create(ask('no'))), 'PROV_PROVIDER_LOCAL_NO_ISOLATION')
  t.same(await processesIn(dir), [])
  t.same(
    await local.find({ token: 'no' }),
    { machine: undefined, authoritative: true },
    'and it is certain that nothing was made',
  )
  process.env['PATH'] = path
  const auto = provider(dir)
  const machine = await auto.create(ask('no'))
  t.ok(machine.id, 'the same token may be tried again: nothing had run')
})

t.test(
  "OpenSSH's own client runs a command under the pinned host key",
  { skip: ssh },
  async (t) => {
    const dir = await place(t)
    const machine = await provider(dir).create(ask('openssh'))
    const { stdout } = await openssh(t, machine, 'echo from $PROV_MACHINE')
    t.equal(stdout, `from ${machine.id}\n`)
    const other = await provider(dir).create(ask('openssh-other'))
    await t.rejects(
      openssh(t, { ...machine, hostKey: other.hostKey }, 'true'),
      /host key|verification failed/i,
    )
    const key = await stat(join(dir, machine.id, 'user_key'))
    t.equal(key.mode & 0o777, 0o600)
    t.equal((await stat(join(dir, machine.id))).mode & 0o777, 0o700)
  },
)

t.test('a machine outlives the process that made it and is found by its token', async (t) => {
  const dir = await place(t)
  const script = `
    import { systemClock } from 'prov'
    const { localActs } = await import(${JSON.stringify(new URL('../../extensions/provider-local/local.js', import.meta.url).href)})
    const acts = localActs({ dir: ${JSON.stringify(dir)}, clock: systemClock })
    const machine = await acts.create({ token: 'left', tier: 's', labels: {}, ttlMs: 600000, signal: AbortSignal.timeout(600000) })
    process.stdout.write(machine.id)
    process.kill(process.pid, 'SIGKILL')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: repoRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let id = ''
  child.stdout.on('data', (bytes: Buffer) => (id += bytes.toString()))
  const [code, signal] = await new Promise<unknown[]>((done) =>
    child.once('close', (...end) => done(end)),
  )
  t.same([code, signal], [null, 'SIGKILL'])
  const later = provider(dir)
  const { machine, authoritative } = await later.find({ token: 'left' })
  t.equal(machine?.id, id)
  t.ok(authoritative)
  t.same(await later.create(ask('left')), machine, 'asking again gives the same one')
  t.same((await openssh(t, machine as Machine, 'echo alive')).stdout, 'alive\n')
})

t.test('a killed machine is gone for good: its token gives no second one', async (t) => {
  const dir = await place(t)
  const local = provider(dir)
  const machine = await local.create(ask('killed'))
  await killProcessesIn(dir)
  while ((await processesIn(dir)).length > 0) await new Promise(setImmediate)
  t.same(await local.find({ token: 'killed' }), { machine: undefined, authoritative: true })
  t.equal(await codeOf(local.create(ask('killed'))), 'PROV_PROVIDER_MACHINE_LOST')
  await local.destroy({ id: machine.id })
  t.same(await readdir(dir), [], 'destroying it removes what it left')
})

t.test('nothing is left of a machine, whatever ran on it', async (t) => {
  const dir = await place(t)
  for (const isolation of ['auto', 'plain'] as const) {
    const local = provider(dir, { isolation })
    const machine = await local.create(ask(`busy-${isolation}`))
    await openssh(
      t,
      machine,
      'nohup setsid sh -c "sleep 600 & sleep 600" >/dev/null 2>&1 </dev/null & sleep 600 >/dev/null 2>&1 & echo started',
    )
    const mark = (await machineMark(join(dir, machine.id))) as string
    // Under bubblewrap what is left in the background ends with its command; plainly it goes on.
    const atLeast = isolation === 'plain' ? 4 : 1
    // All that it forked carries its mark, once it was forked: the command does not wait for that.
    while ((await processesOf(mark)).length < atLeast) await new Promise(setImmediate)
    await local.destroy({ id: machine.id })
    t.same(await processesOf(mark), [])
    t.same(await processesIn(dir), [])
    t.same(await readdir(dir), [])
  }
})

t.test('a machine of the same token in another workspace is left alone', async (t) => {
  const [here, there] = [await place(t), await place(t)]
  const [mine, other] = await Promise.all([
    provider(here).create(ask('copied')),
    provider(there).create(ask('copied')),
  ])
  t.equal(mine.id, other.id, 'as after copying a workspace')
  await provider(here).destroy({ id: mine.id })
  t.same(await processesIn(here), [])
  t.equal((await openssh(t, other, 'echo alive')).stdout, 'alive\n')
})

t.test('a machine whose folder was taken away ends by itself', async (t) => {
  const dir = await place(t)
  const machine = await provider(dir).create(ask('homeless'))
  const [pid] = await processesIn(dir)
  await rm(join(dir, machine.id), { recursive: true })
  while (await markOf(pid as number)) await new Promise((turn) => setTimeout(turn, 50))
  t.same(await processesIn(dir), [])
})

t.test('destroying a machine that is still being created waits and takes it', async (t) => {
  const dir = await place(t)
  const local = provider(dir)
  const creating = local.create(ask('hasty'))
  await local.destroy({ id: machineId('hasty') })
  await creating
  t.same(await processesIn(dir), [])
  t.same(await local.find({ token: 'hasty' }), { machine: undefined, authoritative: true })
})

t.test('keys are made in a form that both readers of OpenSSH keys take', async (t) => {
  for (let n = 0; n < 300; n++) {
    const pair = sshKeyPair()
    const parsed = ssh2.utils.parseKey(pair.private)
    if (parsed instanceof Error || Array.isArray(parsed)) return t.fail(String(parsed))
    const [, blob] = pair.public.split(' ')
    if (!parsed.getPublicSSH().equals(Buffer.from(blob ?? '', 'base64')))
      t.fail('not its public key')
  }
  t.pass('three hundred keys read back')
})

t.test('damaged state is named, never taken for absence', async (t) => {
  const dir = await place(t)
  const local = provider(dir)
  const machine = await local.create(ask('damaged'))
  const file = join(dir, machine.id, 'machine.json')
  await chmod(file, 0o600)
  await writeFile(file, '{"id":')
  t.equal(await codeOf(local.find({ token: 'damaged' })), 'PROV_PROVIDER_LOCAL_STATE')
  t.equal(await codeOf(local.create(ask('damaged'))), 'PROV_PROVIDER_LOCAL_STATE')
  await local.destroy({ id: machine.id })
  t.same(await processesIn(dir), [])
})

t.test('its plugin declares one backend and parses its config at the door', async (t) => {
  t.equal(providerLocal.name, 'provider-local')
  const [contribution] = providerLocal.contributes ?? []
  t.equal(contribution?.point, providerPoint.id)
  const backend = contribution?.value as ProviderBackend
  t.throws(() => backend.open({ stateDir: '/nowhere' }), { code: 'PROV_PROVIDER_NOT_STARTED' })
  const parse = providerLocal.config as (raw: unknown) => unknown
  t.same(parse(undefined), { isolation: 'auto', network: 'none' })
  for (const bad of [
    [],
    { isolaton: 'plain' },
    { isolation: 'none' },
    { stateDir: './x' },
    { network: 1 },
  ]) {
    t.throws(() => parse(bad), { code: 'PROV_PROVIDER_LOCAL_CONFIG' }, JSON.stringify(bad))
  }
})

t.test('it keeps the contract of plugins', async (t) => {
  void pluginKit(t, () => providerLocal, {
    sampleConfig: { isolation: 'plain' },
    badConfigs: [{ isolation: 'none' }, []],
  })
})

t.test('a backend made per runtime is opened by the state folder of that runtime', async (t) => {
  const plugin = defineProvider({
    name: 'made',
    class: 'opaque',
    make: ({ stateDir }) => ({ ...localActs({ dir: stateDir, clock: systemClock }) }),
  })
  const backend = plugin.contributes?.[0]?.value as ProviderBackend
  const ends = new AbortController()
  const setup = plugin.setup as (context: unknown) => void
  for (const stateDir of ['/one', '/two']) {
    setup({
      config: undefined,
      needs: { workspace: { stateDir } },
      clock: systemClock,
      signal: stateDir === '/one' ? ends.signal : new AbortController().signal,
    })
  }
  t.not(backend.open({ stateDir: '/one' }), backend.open({ stateDir: '/two' }))
  ends.abort()
  t.throws(() => backend.open({ stateDir: '/one' }), { code: 'PROV_PROVIDER_NOT_STARTED' })
  t.equal((await backend.open({ stateDir: '/two' })).class, 'opaque')
})

/** Runs one command with the client people have, as strictly as it can be told to. */
async function openssh(
  t: Test,
  machine: Machine,
  command: string,
): Promise<{ stdout: string; stderr: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'prov-ssh-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  await writeFile(join(dir, 'key'), machine.privateKey, { mode: 0o600 })
  await writeFile(join(dir, 'known'), `[${machine.host}]:${machine.port} ${machine.hostKey}\n`)
  const options = {
    UserKnownHostsFile: join(dir, 'known'),
    StrictHostKeyChecking: 'yes',
    IdentitiesOnly: 'yes',
    BatchMode: 'yes',
  }
  return run('ssh', [
    '-F',
    'none',
    '-T',
    '-i',
    join(dir, 'key'),
    '-p',
    String(machine.port),
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    `${machine.user}@${machine.host}`,
    command,
  ])
}
