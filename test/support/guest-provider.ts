/**
 * A provider backend that comes with a workspace, as the text of a package: machines of the local one,
 * asked for in a thread or process of its own, which can die or stand still there.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemClock } from 'prov'
import type { ProviderSpec } from 'prov'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import { trustPlugin } from '../../core/plugin/trust.ts'
import { repoRoot } from './root.ts'

export interface GuestProvider {
  readonly tier: 'worker' | 'process'
  readonly declared: Pick<ProviderSpec, 'class' | 'uniqueNames' | 'settleMs'>
  /** Folder of its machines. */
  readonly machines: string
  /** File in which it says what it was asked, a line each. */
  readonly log: string
  /** At its first request: its plugin ends, or it stands still for somebody to kill. */
  readonly first?: { readonly when: 'before' | 'after'; readonly what: 'ends' | 'stands' }
}

export function guestProviderFiles(
  guest: GuestProvider,
): Readonly<Record<string, string | object>> {
  const local = pathToFileURL(join(repoRoot, 'dist/extensions/provider-local/local.js')).href
  const { tier, first } = guest
  const end = tier === 'process' ? `process.kill(process.pid, 'SIGKILL')` : 'process.exit(9)'
  const say = (word: string): string => `appendFileSync(log, '${word} ' + process.pid + '\\n')`
  const trouble = (when: string): string => {
    if (first?.when !== when) return ''
    const act = first.what === 'ends' ? end : `${say('stands')}; await new Promise(() => {})`
    return `if (begins) { ${act} }`
  }
  return {
    'package.json': {
      name: 'provider-acme',
      type: 'module',
      prov: { plugin: './index.js', isolation: tier, provides: ['provider:acme'] },
    },
    'index.js': `
import { appendFileSync, existsSync } from 'node:fs'
import { defineProvider, systemClock } from 'prov'
import { localActs } from '${local}'
const log = ${JSON.stringify(guest.log)}
const acts = localActs({ dir: ${JSON.stringify(guest.machines)}, clock: systemClock, isolation: 'plain' })
/* the one */ export default defineProvider({
  ...acts,
  ...${JSON.stringify(guest.declared)},
  name: 'acme',
  async create(asked) {
    const begins = !existsSync(log)
    ${say('asked')}
    ${trouble('before')}
    const machine = await acts.create(asked)
    ${trouble('after')}
    return machine
  },
})
`,
  }
}

/** Lines that it wrote, without numbers of processes. */
export function askedOf(log: string): readonly string[] {
  if (!existsSync(log)) return []
  return readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
}

/** Resolves with the number of the process or of that of the thread in which it stands still. */
export async function standsIn(log: string): Promise<number> {
  for (;;) {
    const found = existsSync(log) && /^stands (\d+)$/m.exec(readFileSync(log, 'utf8'))
    if (found) return Number(found[1])
    await new Promise((turn) => setTimeout(turn, 10))
  }
}

/** Trusts whatever came with a workspace, as a person would. */
export function trustAll(workspace: string, home: string): void {
  for (const one of discoverPlugins({ workspace }).found) {
    if (one.source === 'first-party') continue
    trustPlugin(one, { home, workspace }, { clock: systemClock })
  }
}
