/**
 * This kernel without any place for an inspector: a copy of what is built, with the looks for one
 * taken out of the ways that every message goes. Against it the price of an inspector that is off can
 * be told, which no switch could.
 *
 * @module
 */
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { thisRoot } from './runner.ts'

/** What is taken out, by file; each must be there. */
const looks: Readonly<Record<string, RegExp>> = {
  'turns.js':
    /const hear = hooks\.transition;\s*if \(hear !== null\)\s*hear\(cell, event, before, item\);/g,
  'post.js': /const hear = hooks\.event;\s*if \(hear !== null\)\s*hear\(cell, from, item\);/g,
}

let made: string | undefined

/** Root of the copy. It is gone when this process ends. Throws when there is nothing to take out. */
export function bareKernel(): string {
  if (made !== undefined) return made
  const root = mkdtempSync(join(tmpdir(), 'prov-bench-bare-'))
  process.on('exit', () => rmSync(root, { recursive: true, force: true }))
  cpSync(join(thisRoot, 'dist/core'), join(root, 'dist/core'), { recursive: true })
  cpSync(join(thisRoot, 'package.json'), join(root, 'package.json'))
  symlinkSync(realpathSync(join(thisRoot, 'node_modules')), join(root, 'node_modules'))
  for (const [name, look] of Object.entries(looks)) {
    const path = join(root, 'dist/core/actor', name)
    const text = readFileSync(path, 'utf8')
    const bare = text.replace(look, '')
    if (bare === text) throw new Error(`${name} looks for inspectors otherwise than bare.ts knows`)
    writeFileSync(path, bare)
  }
  return (made = root)
}
