/** The real program: signals, pipes, forgotten promises. */
import { join } from 'node:path'
import t from 'tap'
import { provChild, provHere } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'

/** A workspace whose own plugin has a command that opens the runtime and then waits for ever. */
function waiting(t: Parameters<typeof temporaryFolder>[0]) {
  const folder = temporaryFolder(t, {
    'ws/package.json': { type: 'module', prov: { name: 'test-ws', plugins: ['./wait.js'] } },
    'ws/.ontology/keep': '',
    'ws/wait.js': `
      import { defineCommand, definePlugin } from 'prov'
      const command = defineCommand({
        pattern: 'wait',
        describe: 'opens the workspace and waits',
        group: 'Tools',
        examples: [['prov wait', '']],
        flags: {
          deaf: { type: 'boolean', default: false, describe: 'ignores its signal' },
          forget: { type: 'string', describe: 'fails behind its own back: promise or timer' },
        },
        run: async ({ deaf, forget }, context) => {
          if (forget === 'promise') {
            void Promise.reject(new Error('forgotten'))
            await new Promise((resolve) => setImmediate(resolve))
            return 'went on'
          }
          if (forget === 'timer') {
            setTimeout(() => { throw new Error('thrown at nobody') }, 1)
            return new Promise(() => {})
          }
          await context.runtime()
          context.progress('open')
          await new Promise((_, reject) => {
            setInterval(() => {}, 1000)
            if (!deaf) context.signal.addEventListener('abort', () => reject(context.signal.reason))
          })
        },
      })
      const made = definePlugin({ name: 'wait', api: 1, commands: { wait: async () => ({ command }) } })
      export { made as default }`,
  })
  const place = { cwd: join(folder.dir, 'ws'), env: { PROV_HOME: join(folder.dir, 'home') } }
  return { folder, place }
}

t.test('Ctrl-C closes what was opened: exit 130 and the next command gets the lock', async (t) => {
  const { place } = waiting(t)
  t.equal((await provHere(['plugins', 'trust', './wait.js'], place)).code, 0)
  for (const [flags, signal] of [
    [[], 'SIGINT'],
    [['--deaf'], 'SIGTERM'],
  ] as const) {
    const child = provChild(['wait', ...flags], place)
    await child.said('open')
    const second = await provHere(['plugins', '--tree'], place)
    t.equal(second.code, 7, 'while it runs the workspace is locked')
    t.match(second.err, 'PROV_JOURNAL_LOCKED')
    child.kill(signal)
    const ended = await child
    t.equal(ended.code, 130, `${signal} ${flags.join(' ')}`)
    t.match(ended.err, 'error[PROV_INTERRUPTED]')
    const after = await provChild(['plugins', '--tree'], place)
    t.equal(after.code, 0, after.err)
  }
})

t.test('a promise or timer that a guest forgot is told as an error, without a stack', async (t) => {
  const { place } = waiting(t)
  await provHere(['plugins', 'trust', './wait.js'], place)
  const promise = await provChild(['wait', '--forget', 'promise'], place)
  t.equal(promise.out, '"went on"\n', 'what runs goes on')
  const timer = await provChild(['wait', '--forget', 'timer'], place)
  for (const ran of [promise, timer]) {
    t.equal(ran.code, 70)
    t.match(ran.err, /^error\[PROV_INTERNAL\]: .*(forgotten|thrown at nobody)/)
    t.notMatch(ran.err, /\n\s+at /)
  }
})

t.test(
  'a process that was killed leaves no lock; doctor names the holder while it lives',
  async (t) => {
    const { place } = waiting(t)
    await provHere(['plugins', 'trust', './wait.js'], place)
    const child = provChild(['wait', '--deaf'], place)
    await child.said('open')
    t.match((await provHere(['doctor'], place)).out, `process ${child.pid} has been writing`)
    child.kill('SIGKILL')
    await child
    t.match((await provHere(['doctor'], place)).out, 'free: nobody writes this workspace')
    t.equal((await provChild(['plugins', '--tree'], place)).code, 0)
  },
)

t.test('plugins --tree starts the runtime and times each part of it', async (t) => {
  const { place } = waiting(t)
  await provHere(['plugins', 'trust', './wait.js'], place)
  const { out, code } = await provChild(['plugins', '--tree'], place)
  t.equal(code, 0)
  t.match(out, /\.\/wait\.js +local, worker +running/)
  t.match(out, /\d\.\d ms {2}prov/)
  for (const part of ['journal', 'bus', 'kernel', 'plugins', 'import', 'wait']) {
    t.match(out, new RegExp(`─ ${part}|─ \\./${part}`), part)
  }
})

t.test('a closed pipe is a clean end', async (t) => {
  const { dir } = temporaryFolder(t)
  const { spawnSync } = await import('node:child_process')
  const { provProgram } = await import('../support/cli.ts')
  const shell = `set -o pipefail; "${process.execPath}" "${provProgram}" help errors | head -n 1`
  const ran = spawnSync('bash', ['-c', shell], { cwd: dir, encoding: 'utf8' })
  t.equal(ran.stderr, '')
  t.equal(ran.status, 0)
  t.match(ran.stdout, 'code')
})
