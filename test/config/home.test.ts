/** The folder of keys and trust: where it is, and who may look into it. */
import { chmodSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ensureHome, homeDir } from '../../core/config/home.ts'
import { passphraseFrom } from '../../core/config/passphrase.ts'
import { codeOf } from '../../core/kit.ts'
import { temporaryFolder } from '../support/folder.ts'

t.test('PROV_HOME beats XDG_CONFIG_HOME beats ~/.config', (t) => {
  t.equal(homeDir({ PROV_HOME: '/p', XDG_CONFIG_HOME: '/x' }), '/p')
  t.equal(homeDir({ PROV_HOME: '', XDG_CONFIG_HOME: '/x' }), '/x/prov')
  t.equal(homeDir({ XDG_CONFIG_HOME: 'relative' }), join(homedir(), '.config/prov'))
  t.equal(homeDir({}), join(homedir(), '.config/prov'))
  t.end()
})

t.test('it is made for its owner alone, and refused when others can reach it', async (t) => {
  const { dir } = temporaryFolder(t)
  const home = ensureHome(join(dir, 'deep/home'))
  t.equal(statSync(home).mode & 0o777, 0o700)
  chmodSync(home, 0o755)
  t.equal(await codeOf((async () => ensureHome(home))()), 'PROV_CONFIG_HOME_OPEN')
})

t.test('a home that cannot be made is refused by name, never as a fault of Prov', async (t) => {
  const folder = temporaryFolder(t)
  const file = folder.write('file', '')
  for (const home of [file, `${file}/below`]) {
    t.equal(await codeOf((async () => ensureHome(home))()), 'PROV_CONFIG_HOME_UNUSABLE')
  }
})

t.test('a home inside the workspace is refused before anything is made', async (t) => {
  const { dir } = temporaryFolder(t)
  mkdirSync(join(dir, 'ws'))
  const inside = async (home: string) => ensureHome(home, join(dir, 'ws'))
  t.equal(await codeOf(inside(join(dir, 'ws/home'))), 'PROV_CONFIG_HOME_INSIDE')
  t.equal(await codeOf(inside(join(dir, 'ws'))), 'PROV_CONFIG_HOME_INSIDE')
  t.notOk(statSync(join(dir, 'ws/home'), { throwIfNoEntry: false }))
  t.equal(await codeOf(inside(join(dir, 'ws-home'))), 'none', 'a neighbour with a longer name')
  symlinkSync(join(dir, 'ws'), join(dir, 'link'))
  t.equal(await codeOf(inside(join(dir, 'link/home'))), 'PROV_CONFIG_HOME_INSIDE', 'by a link')
  t.notOk(statSync(join(dir, 'ws/home'), { throwIfNoEntry: false }))
})

t.test(
  'a passphrase comes from a file that only its owner can read, else from a person',
  async (t) => {
    const folder = temporaryFolder(t)
    const ask = async (actor: string) => `typed by ${actor}`
    t.equal(await passphraseFrom({}, ask)?.('al'), 'typed by al')
    t.equal(passphraseFrom({}, undefined), undefined)
    const file = folder.write('secret', 'correct horse\nsecond line\n')
    const get = async () => passphraseFrom({ PROV_PASSPHRASE_FILE: file }, ask)?.('al')
    chmodSync(file, 0o644)
    t.equal(await codeOf(get()), 'PROV_CONFIG_PASSPHRASE_FILE')
    chmodSync(file, 0o600)
    t.equal(await get(), 'correct horse')
    const gone = passphraseFrom({ PROV_PASSPHRASE_FILE: `${file}.gone` }, ask)
    t.equal(await codeOf(gone?.('al')), 'PROV_CONFIG_PASSPHRASE_FILE')
  },
)
