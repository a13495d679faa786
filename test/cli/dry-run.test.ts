/** `--dry-run` of everything that writes: it answers, and not one byte of workspace or home moves. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { knownCommands } from '../../core/cli/commands.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import { sampleCopy } from '../support/workspace.ts'

/** Every file below a folder with mode and content. */
function fingerprint(folder: string): string {
  const hash = createHash('sha256')
  const walk = (path: string): void => {
    const stat = statSync(path)
    hash.update(`${path} ${stat.mode}\n`)
    if (!stat.isDirectory()) return void hash.update(readFileSync(path))
    for (const name of readdirSync(path).sort()) walk(join(path, name))
  }
  if (existsSync(folder)) walk(folder)
  return hash.digest('hex')
}

t.test('each command that writes, dry', async (t) => {
  const { json, run, root, home } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  await run('actor', 'create', 'bob', '--no-seal')
  const held = await json('op', 'submit', 'deploy', 'app-cluster/cert-manager', '--actor', 'alice')
  const op = held.data.op as string
  /** What each is asked, and how it ends: refused where there is nothing it could act on. */
  const lines: Readonly<Record<string, readonly [readonly string[], number]>> = {
    'actor create': [['carol', '--no-seal'], 0],
    'actor enrol': [['bob'], 0],
    'actor revoke': [['bob', '--reason', 'lost', '--actor', 'alice'], 0],
    'actors replay': [['--type', 'keeper'], 0],
    'actors resume': [[`keeper/${op}`], 0],
    'events emit': [['ecosystem.my-infra.build.completed', '{}'], 0],
    'controller replay': [['command:1:1'], 64],
    'journal adopt': [['--reason', 'restored', '--actor', 'alice'], 0],
    'journal archive': [[], 0],
    'journal repair': [[], 0],
    'keeper approve': [[op, '--actor', 'bob'], 0],
    'keeper mode': [['manual', '--actor', 'alice'], 0],
    'keeper review': [[op, '--reason', 'looked', '--actor', 'bob'], 4],
    'keeper rotate': [['--actor', 'alice'], 0],
    'keeper reject': [[op, '--reason', 'no', '--actor', 'bob'], 0],
    // Compared with a server, and there is none.
    'keys apply': [['none.json'], 64],
    'keys draft': [['revoke', 'bob', '--out', 'act.json'], 0],
    'keys root': [[join(home, 'root.key'), '--no-seal'], 0],
    'keys sign': [['none.json'], 64],
    'nats apply': [[], 7],
    'nats keys': [[], 0],
    'op approve': [[op, '--actor', 'bob'], 0],
    'op compensate': [[op], 3],
    'op reject': [[op, '--reason', 'no', '--actor', 'bob'], 0],
    'op resolve': [[op, '--as', 'applied', '--reason', 'looked', '--actor', 'bob'], 0],
    'op submit': [['restart', 'monitoring/loki', '--actor', 'alice'], 0],
    'op withdraw': [[op, '--reason', 'no', '--actor', 'alice'], 0],
    'plane export': [['keeper', '--out', 'keeper.plane'], 0],
    'plane join': [['none.plane'], 4],
    'plane rotate': [['controller', '--actor', 'alice'], 0],
    'plane run': [[], 0],
    run: [[], 0],
    // Nobody runs here that could be asked.
    'plugins reload': [['mirror'], 7],
    'plugins trust': [['nobody'], 64],
    'policy activate': [['--actor', 'alice'], 0],
    setup: [[], 0],
  }
  const { entries } = await knownCommands(discoverPlugins({ workspace: undefined }))
  for (const [words, entry] of entries) {
    const { writes } = await entry.load()
    if (!writes) continue
    const line = lines[words]
    if (!line) {
      t.fail(`${words} writes and is not tried dry here`)
      continue
    }
    const before = [fingerprint(root), fingerprint(home)]
    const { code, err, out } = await run(...words.split(' '), ...line[0], '--dry-run', '--json')
    t.equal(code, line[1], `${words} --dry-run: ${err || out}`)
    t.same([fingerprint(root), fingerprint(home)], before, `${words} changed nothing`)
  }
})
