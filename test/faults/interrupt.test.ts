/** Ctrl-C while an operation is proposed and runs: a clean end, and nothing lost by it. */
import t from 'tap'
import { infra, once } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'

t.setTimeout(900_000)

const submit = (op: string) => ['op', 'submit', 'restart', 'monitoring/grafana', '--op-id', op]

/** Locks of the writer are free when a write command works. */
async function isFree(on: Infra): Promise<boolean> {
  return (await on.prov('doctor')).out.includes('free: nobody writes this workspace')
}

t.test('Ctrl-C at any phase exits 130, frees the lock, and the next writer goes on', async (t) => {
  const on = await infra(t)
  for (const phase of ['submitted', 'approved', 'claimed'] as const) {
    const before = on.marks().length
    const child = on.child(submit(phase))
    await child.said(`${phase}:`)
    child.kill('SIGINT')
    const { code, err, out } = await child
    t.equal(code, 130, `${phase}: ${err}`)
    t.match(err, 'error[PROV_INTERRUPTED]: interrupted by SIGINT')
    t.match(err, /fix: .*prov op list/)
    t.notMatch(err, /\n\s+at /, 'no stack')
    t.equal(out, '', 'no answer that looks like one')
    t.ok(await isFree(on), 'the lock is free')

    const again = await on.json<{ phase: string; duplicate: boolean }>(...submit(phase))
    t.match(again, { phase: 'applied', duplicate: true })
    t.same(on.marks().slice(before), once.restart, 'each step ran once')
    t.same(on.machines(), [], 'no machine stays behind')
  }
  t.same(await on.faults(), [])
})

t.test('an operation that was interrupted goes on with whatever writes next', async (t) => {
  const on = await infra(t)
  const child = on.child(submit('left'))
  await child.said('claimed:')
  child.kill('SIGTERM')
  t.equal((await child).code, 130)
  await using prov = await on.open()
  const end = await prov.op('left').settled({ timeoutMs: 600_000 })
  t.equal(end.outcome, 'applied')
  t.same(on.marks(), once.restart)
})

t.test('a second Ctrl-C ends the program at once, and still nothing is lost', async (t) => {
  const on = await infra(t)
  const child = on.child(submit('hasty'))
  await child.said('claimed:')
  child.kill('SIGINT')
  child.kill('SIGINT')
  t.equal((await child).code, 130)
  t.ok(await isFree(on), 'a dead writer holds no lock')
  const again = await on.json<{ phase: string }>(...submit('hasty'))
  t.equal(again.phase, 'applied')
  t.same(on.marks(), once.restart)
  t.same(await on.faults(), [])
})

t.test('Ctrl-C before anything was accepted leaves nothing behind', async (t) => {
  const on = await infra(t)
  const events = (await on.events()).length
  const child = on.child(submit('early'))
  // Before node has even read the program it has no handler: the default of the system ends it.
  child.kill('SIGINT')
  const { code, err } = await child
  t.ok(code === 130 || err.includes('SIGINT'), `${code} ${err}`)
  t.ok(await isFree(on))
  t.equal((await on.events()).length, events)
  t.match(await on.json(...submit('early')), { phase: 'applied', duplicate: false })
})
