/** A copy of the sample workspace with a home of its own, and command lines run in it. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { provHere } from './cli.ts'
import type { Ran } from './cli.ts'
import { temporaryFolder } from './folder.ts'
import { sampleFolder } from './sample.ts'

/** What a command printed as JSON: the test itself says which fields it must have. */
// oxlint-disable-next-line typescript/no-explicit-any -- every field is judged where it is read
export type Printed = any

export interface SampleCopy {
  /** Root of the workspace. */
  readonly root: string
  readonly home: string
  /** One command line, in this process. */
  run(...argv: readonly string[]): Promise<Ran>
  /** With `--json` added: the data it printed, whatever the exit code. */
  json(...argv: readonly string[]): Promise<Ran & { readonly data: Printed }>
  /** Replaces text in a file; throws when it is not there, so that no test passes by accident. */
  edit(path: string, from: string | RegExp, to: string): void
}

export function sampleCopy(
  t: Parameters<typeof temporaryFolder>[0],
  options: {
    readonly empty?: boolean
    readonly env?: Readonly<Record<string, string>>
  } = {},
): SampleCopy {
  const folder = temporaryFolder(t, { 'ws/.keep': '' })
  const root = join(folder.dir, 'ws')
  const home = join(folder.dir, 'home')
  if (!options.empty) cpSync(sampleFolder, root, { recursive: true })
  const run = (...argv: readonly string[]) =>
    provHere(argv, { cwd: root, env: { PROV_HOME: home, USER: 'tester', ...options.env } })
  return {
    root,
    home,
    run,
    async json(...argv) {
      const ran = await run(...argv, '--json')
      const text = ran.out || ran.err.slice(ran.err.indexOf('{'))
      return { ...ran, data: JSON.parse(text) }
    },
    edit(path, from, to) {
      const file = join(root, path)
      const before = readFileSync(file, 'utf8')
      const after = before.replace(from, to)
      if (after === before) throw new Error(`${path} does not hold ${String(from)}`)
      writeFileSync(file, after)
    },
  }
}
