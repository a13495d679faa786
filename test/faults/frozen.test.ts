/** A process that is frozen (SIGSTOP) while its work runs, and goes on when another one took its place. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createRuntime, orchestrator } from 'prov'
import providerLocal from '../../extensions/provider-local/index.ts'
import { openJournal } from '../../core/journal/file.ts'
import { systemProcesses } from '../../core/journal/lock.ts'
import { codeOf } from '../../core/kit.ts'
import orchestratorPlugin from '../../plugins/orchestrator/index.ts'
import { runChild } from '../support/child.ts'
import { request, step, world } from '../support/run-world.ts'
import type { World } from '../support/run-world.ts'

/** One step that counts itself and ends when it is let go; a child that is frozen while it runs. */
async function frozen(here: World) {
  const letGo = join(here.root, 'let-go')
  const script = `echo ran >>'${here.counter}'; until [ -e '${letGo}' ]; do sleep 0.1; done`
  const asked = request([
    step('long', script),
    step('last', `echo last >>'${here.counter}'`, 'long'),
  ])
  const child = runChild('orchestrate', [here.root, here.home, JSON.stringify(asked)])
  while (here.counted().length === 0) await new Promise((turn) => setTimeout(turn, 20))
  child.process.kill('SIGSTOP')
  return { asked, child, letGo }
}

t.test(
  'one that is frozen keeps its place: the second is refused, nothing runs twice',
  async (t) => {
    const here = world(t)
    const { child, letGo } = await frozen(here)
    t.teardown(() => child.kill())
    t.equal(await codeOf(here.open()), 'PROV_JOURNAL_LOCKED')
    writeFileSync(letGo, '')
    child.process.kill('SIGCONT')
    const outcome = await child.line('outcome ')
    t.match(JSON.parse(outcome.slice(8)), { outcome: 'applied', detail: { done: 2 } })
    t.same(here.counted(), ['ran', 'last'])
  },
)

t.test('one whose place was taken can say nothing more, and its work has one end', async (t) => {
  const here = world(t)
  const { asked, child, letGo } = await frozen(here)
  t.teardown(() => child.kill())
  // Whoever takes over is certain that it is dead, and wrong: a lease that ran out, a boot that was not.
  const { pid } = child.process
  const processes = {
    ...systemProcesses,
    self: () => systemProcesses.self(),
    look: (owner: Parameters<typeof systemProcesses.look>[0]) =>
      owner.pid === pid ? ('dead' as const) : systemProcesses.look(owner),
  }
  const journal = await openJournal({ dir: join(here.root, '.prov', 'journal'), processes })
  t.teardown(() => journal.close())
  t.equal(journal.epoch, 2)
  const second = await createRuntime({
    workspace: here.root,
    home: here.home,
    journal,
    discover: false,
    strict: true,
    plugins: [providerLocal, orchestratorPlugin],
    config: { 'provider-local': { isolation: 'plain' } },
    log: () => {},
  })
  t.teardown(() => second.close())
  const running = second.service(orchestrator).run(asked)
  // The old one wakes beside it, and both hear how the step ended.
  child.process.kill('SIGCONT')
  writeFileSync(letGo, '')
  t.match(await running, { outcome: 'applied', detail: { done: 2 } })
  await child.atLeast(Infinity)
  t.same(child.lines, [], 'the one that was fenced told no outcome')
  t.same(here.counted(), ['ran', 'last'], 'each step ran once')
  const ends: unknown[] = []
  for await (const { type, epoch } of journal.read({ partition: 'orchestrator' })) {
    if (type === 'run.ended') ends.push(epoch)
  }
  t.same(ends, [2], 'one outcome, by the newer epoch')
  t.ok(existsSync(letGo))
})
