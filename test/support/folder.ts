/** A folder outside the repository, gone after the test: nothing in it can lean on our node_modules. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface TemporaryFolder {
  readonly dir: string
  /** Writes a file, with the folders above it. Objects become JSON. Returns its path. */
  write(path: string, content: string | object): string
}

export function temporaryFolder(
  t: { teardown(undo: () => unknown): unknown },
  files: Readonly<Record<string, string | object>> = {},
): TemporaryFolder {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'prov-test-')))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const folder: TemporaryFolder = {
    dir,
    write(path, content) {
      const at = join(dir, path)
      mkdirSync(dirname(at), { recursive: true })
      writeFileSync(at, typeof content === 'string' ? content : JSON.stringify(content, null, 2))
      return at
    },
  }
  for (const [path, content] of Object.entries(files)) folder.write(path, content)
  return folder
}
