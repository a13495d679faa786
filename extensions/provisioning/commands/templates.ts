/**
 * What setup puts into a workspace: the list in `setup/templates.json`, and the one rule that a file
 * which is there stays as it is.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setupErrors } from './errors.ts'

export const kinds = ['DevWorkspace', 'Mixed'] as const
export type RepoKind = (typeof kinds)[number]

export interface FileRow {
  /** Relative to the workspace. */
  readonly path: string
  readonly action: 'written' | 'would be written' | 'kept'
}

interface Template {
  readonly from: string
  readonly to: string
  readonly kinds: readonly string[]
}

/** The templates are data and are not compiled, so they are found from the package's root. */
const folder = join(
  dirname(fileURLToPath(import.meta.resolve('prov/package.json'))),
  'extensions/provisioning/setup',
)

export async function writeMissing(request: {
  readonly root: string
  readonly name: string
  readonly kind: RepoKind
  readonly dryRun: boolean
}): Promise<readonly FileRow[]> {
  const { root, name, kind, dryRun } = request
  const { files } = JSON.parse(await readFile(join(folder, 'templates.json'), 'utf8')) as {
    readonly files: readonly Template[]
  }
  // Whose dimensions are their own must not get files that name ours.
  const lines = existsSync(join(root, '.ontology/state.ncl')) ? 'own' : 'first'
  const rows: FileRow[] = []
  for (const { from, to } of files.filter((template) => template.kinds.includes(kind))) {
    const there = existsSync(join(root, to))
    if (there || dryRun) {
      rows.push({ path: to, action: there ? 'kept' : 'would be written' })
      continue
    }
    const text = linesFor(lines, await readFile(join(folder, from), 'utf8'))
      .replaceAll('{{workspace}}', name)
      .replaceAll('{{repo_kind}}', kind)
    rows.push({ path: to, action: await writeNew(join(root, to), text) })
  }
  return rows
}

/** Lines that are for everybody, and for such a workspace. */
function linesFor(which: 'own' | 'first', text: string): string {
  return text
    .replaceAll(/^.*\{\{#(own|first)\}\}.*\n/gm, (line, whose) => (whose === which ? line : ''))
    .replaceAll(/\{\{#(own|first)\}\}/g, '')
}

/** Never replaces: somebody may have made the file since it was looked for. */
async function writeNew(file: string, text: string): Promise<'written' | 'kept'> {
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text, { flag: 'wx' })
    return 'written'
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException
    if (code === 'EEXIST') return 'kept'
    throw setupErrors.PROV_SETUP_WRITE_FAILED({ file, what: code ?? message }, { cause: thrown })
  }
}
