/** Small files that are replaced whole, and what killed writers leave beside them. */
import {
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { replaceFile } from '../core/small-file.ts'
import { temporaryFolder } from './support/folder.ts'

t.test('a file is replaced whole, for this user alone, and nothing stays beside it', async (t) => {
  const dir = join(temporaryFolder(t).dir, 'new')
  const file = join(dir, 'note.json')
  for (const text of ['one', 'two']) {
    replaceFile(file, text)
    t.equal(readFileSync(file, 'utf8'), text)
    t.equal(statSync(file).mode & 0o777, 0o600)
  }
  t.same(readdirSync(dir), ['note.json'])
  t.throws(() => replaceFile(dir, 'x'), { code: 'EISDIR' })
  t.same(readdirSync(join(dir, '..')), ['new'], 'also when it failed')
})

t.test('what a killed writer left goes with the next write, and nothing else', async (t) => {
  const dir = temporaryFolder(t).dir
  const file = join(dir, 'note.json')
  const put = (name: string, { hours }: { hours: number }): string => {
    const path = join(dir, name)
    writeFileSync(path, 'half')
    const { mtimeMs } = statSync(path)
    utimesSync(path, mtimeMs / 1_000, mtimeMs / 1_000 - hours * 3_600)
    return name
  }
  put(`note.json.${randomUUID()}`, { hours: 1 })
  put(`note.json.${randomUUID()}`, { hours: 900 })
  symlinkSync('/dev/null', join(dir, `note.json.${randomUUID()}`))
  const link = readdirSync(dir).find((name) => statSync(join(dir, name)).isCharacterDevice())
  const stay = [
    put(`note.json.${randomUUID()}`, { hours: 0 }),
    put(`other.json.${randomUUID()}`, { hours: 9 }),
    put('note.json.backup', { hours: 9 }),
    put(`note.json.${randomUUID()}.txt`, { hours: 9 }),
    link as string,
  ]
  replaceFile(file, 'whole')
  t.same(readdirSync(dir).sort(), [...stay, 'note.json'].sort())
})
