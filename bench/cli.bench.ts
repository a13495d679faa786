/** Measures: whole processes, from start to exit: `prov state` on the sample workspace. Not: a warm cache of the disk. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bench } from './harness.ts'

const root = dirname(fileURLToPath(import.meta.resolve('prov/package.json')))
const main = join(root, 'dist/core/cli/main.js')
const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
// Extra certificates are read at every start and would be most of what is measured.
const { NODE_EXTRA_CA_CERTS: _, ...rest } = process.env
const env = { ...rest, PROV_HOME: join(dir, 'home') }
const node = (...args: string[]) =>
  void execFileSync(process.execPath, args, { cwd: join(dir, 'my-infra'), env, stdio: 'pipe' })
const repeat = (times: number, ...args: string[]) => {
  for (let n = 0; n < times; n++) node(...args)
}

export default bench(
  'cli',
  [
    {
      name: 'floor: node -e 0',
      before: () =>
        cpSync(join(root, 'extensions/provisioning/sample'), join(dir, 'my-infra'), {
          recursive: true,
        }),
      run: (times) => repeat(times, '-e', '0'),
    },
    { name: 'prov --version', run: (times) => repeat(times, main, '--version') },
    { name: 'prov state', run: (times) => repeat(times, main, 'state') },
    {
      name: 'prov state --json',
      run: (times) => repeat(times, main, 'state', '--json'),
      after: () => rmSync(dir, { recursive: true, force: true }),
    },
  ],
  { sampleMs: 50 },
)
