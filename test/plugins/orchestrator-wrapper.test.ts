import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { isUnderWay, parseAnswer, stepCommand } from '../../plugins/orchestrator/wrapper.ts'
import type { StepAnswer } from '../../plugins/orchestrator/wrapper.ts'

/** A home folder on this computer, which is a machine like any other to a shell script. */
function home(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'prov-step-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

interface Call {
  readonly key?: string
  readonly limitSeconds?: number
  /** What really arrives, when it is not all of the script. */
  readonly arrives?: string
}

/** Sends one step to a shell, as the machine's server would. */
function send(dir: string, script: string, call: Call = {}) {
  const command = stepCommand({
    key: call.key ?? 'abc',
    bytes: Buffer.byteLength(script),
    nonce: randomBytes(8).toString('hex'),
    limitSeconds: call.limitSeconds ?? 60,
    patienceSeconds: 2,
  })
  const child = spawn('/bin/sh', ['-c', command], {
    env: { HOME: dir, PATH: process.env['PATH'] },
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  })
  let said = Buffer.alloc(0)
  let underWay = (): void => {}
  const started = new Promise<void>((resolve) => (underWay = resolve))
  child.stdout.on('data', (bytes: Buffer) => {
    said = Buffer.concat([said, bytes])
    if (isUnderWay(said)) underWay()
  })
  child.stdin.end(call.arrives ?? script)
  const answer = new Promise<StepAnswer | undefined>((resolve) =>
    child.once('close', () => resolve(parseAnswer(said))),
  )
  return { child, started, answer }
}

const countOf = (dir: string): number =>
  existsSync(join(dir, 'count'))
    ? readFileSync(join(dir, 'count'), 'utf8').split('\n').length - 1
    : 0

t.test('a step answers with its exit code and all that it wrote, on either channel', async (t) => {
  const dir = home(t)
  const answer = await send(dir, 'echo one; echo two >&2; pwd; exit 3').answer
  t.match(answer, { kind: 'exit', code: 3, late: false })
  t.equal(answer?.kind === 'exit' && answer.output.toString(), `one\ntwo\n${dir}\n`)
})

t.test('asked for many times at once it runs once, and all get the same answer', async (t) => {
  const dir = home(t)
  const script = 'echo ran >>"$HOME/count"; sleep 1; echo "done $$"; exit 5'
  const answers = await Promise.all(Array.from({ length: 6 }, () => send(dir, script).answer))
  const later = await send(dir, script).answer
  t.equal(countOf(dir), 1)
  const outputs = [...answers, later].map((one) =>
    one?.kind === 'exit' ? `${one.code} ${one.output.toString()}` : one?.kind,
  )
  t.equal(new Set(outputs).size, 1)
  t.match(outputs[0], /^5 done \d+/)
  await send(dir, script, { key: 'other' }).answer
  t.equal(countOf(dir), 2, 'another key is another step')
})

t.test('a script that did not arrive whole starts nothing and may be sent again', async (t) => {
  const dir = home(t)
  const script = 'echo ran >>"$HOME/count"; rm -rf "$HOME/some/folder"'
  const cut = script.slice(0, script.indexOf('/some'))
  t.same(await send(dir, script, { arrives: cut }).answer, { kind: 'short' })
  t.equal(countOf(dir), 0)
  t.match(await send(dir, script).answer, { kind: 'exit', code: 0 })
  t.equal(countOf(dir), 1)
})

t.test('who asks again while it runs waits for its end', async (t) => {
  const dir = home(t)
  const script = 'echo ran >>"$HOME/count"; sleep 1; echo end'
  const first = send(dir, script)
  await first.started
  process.kill(-(first.child.pid as number), 'SIGHUP')
  first.child.kill('SIGKILL')
  const second = await send(dir, script).answer
  t.equal(second?.kind === 'exit' && second.output.toString(), 'end\n')
  t.equal(countOf(dir), 1)
})

t.test('what ran it was killed: nobody knows, and it is never run again', async (t) => {
  const dir = home(t)
  const script = 'echo ran >>"$HOME/count"; sleep 5; echo end'
  const first = send(dir, script)
  await first.started
  while (countOf(dir) === 0) await new Promise((turn) => setTimeout(turn, 10))
  // Shell, runner and beat share a group; the script has one of its own and goes with the machine.
  process.kill(-(first.child.pid as number), 'SIGKILL')
  t.same(await send(dir, script).answer, { kind: 'dead' })
  t.equal(countOf(dir), 1)
})

t.test('a step over its time is ended with all that it started', async (t) => {
  const dir = home(t)
  const script = 'sleep 600 & sleep 600; echo never'
  const answer = await send(dir, script, { limitSeconds: 1 }).answer
  t.match(answer, { kind: 'exit', late: true })
  t.ok(answer?.kind === 'exit' && answer.code !== 0)
})

t.test('of a flood the head and the tail come home, and how much is left out', async (t) => {
  const dir = home(t)
  const script = 'i=0; while [ $i -lt 30000 ]; do echo "line $i"; i=$((i + 1)); done'
  const answer = await send(dir, script).answer
  if (answer?.kind !== 'exit') return t.fail('no answer')
  const text = answer.output.toString()
  t.ok(text.startsWith('line 0\n'))
  t.ok(text.endsWith('line 29999\n'))
  t.match(text, /\[\.\.\. \d+ bytes left out \.\.\.\]/)
  t.ok(answer.output.length < 66_000)
  t.ok(answer.size > 300_000)
})

t.test('an answer that is cut anywhere is no answer', (t) => {
  const whole = Buffer.from('prov-step started\nprov-step exit 0 0 6\nhello\n')
  t.match(parseAnswer(whole), { kind: 'exit', code: 0, size: 6 })
  for (let cut = 0; cut < whole.length; cut++)
    t.equal(parseAnswer(whole.subarray(0, cut)), undefined)
  t.equal(parseAnswer(Buffer.from('Welcome to this machine!\nprov-step dead\n')), undefined)
  t.match(parseAnswer(Buffer.from('prov-step unable no room for its folder\n')), {
    kind: 'unable',
    why: 'no room for its folder',
  })
  t.end()
})

t.test('the script is never in an argument', (t) => {
  const command = stepCommand({ key: 'k', bytes: 9, nonce: 'n', limitSeconds: 1 })
  t.notMatch(command, /secret/)
  t.ok(command.length < 4_096, 'and the command is short')
  t.end()
})
