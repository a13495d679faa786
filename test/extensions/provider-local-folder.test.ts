/** What a kill leaves of a folder that was being removed is gone with the next call. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { removeFolder } from '../../extensions/provider-local/folder.ts'
import { temporaryFolder } from '../support/folder.ts'

t.test('a removal that was killed in between is finished by the next one', async (t) => {
  const { dir } = temporaryFolder(t)
  const make = (name: string): void => {
    mkdirSync(join(dir, name))
    writeFileSync(join(dir, name, 'disk'), 'x')
  }
  for (const name of ['local-1', 'local-1.gone-0a1b2c3d', 'local-2', 'local-12.gone-0a1b2c3d']) {
    make(name)
  }
  await removeFolder(join(dir, 'local-1'))
  t.same(readdirSync(dir).sort(), ['local-12.gone-0a1b2c3d', 'local-2'], 'and nobody else’s')
  make('local-1.gone-ffffffff')
  await removeFolder(join(dir, 'local-1'))
  t.same(
    readdirSync(dir).sort(),
    ['local-12.gone-0a1b2c3d', 'local-2'],
    'also when only that is left',
  )
  await removeFolder(join(dir, 'none', 'at-all'))
})
