/** What a sandbox does not show, also where it lies inside what it shows, and where everybody could look. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codeOf } from '../../../core/kit.ts'
import type { Cage, CageEnd } from '../../../core/plugin/isolation/cage.ts'
import { openProcess } from '../../../core/plugin/isolation/process.ts'
import { defaultLimits } from '../../../core/plugin/isolation/tier.ts'
import { temporaryFolder } from '../../support/folder.ts'

t.setTimeout(900_000)

const looks = `
import { readdirSync } from 'node:fs'
const look = (path) => { try { return readdirSync(path).sort() } catch ({ code }) { return code } }
const { WS, HOST_HOME, TOKEN } = process.env
console.log(JSON.stringify({
  ws: look(WS), state: look(WS + '/.prov'), keys: look(WS + '/keys'), home: look(HOST_HOME), TOKEN,
}))
  export default {}`

t.test(
  'state and keys inside the folder of a plugin, the home, and secrets as arguments',
  async (t) => {
    const folder = temporaryFolder(t, {
      'ws/.prov/journal': 'x',
      'ws/keys/alice': 'x',
      'ws/index.js': looks,
      'home/other': 'x',
    })
    const root = join(folder.dir, 'ws')
    const secret = `token-${process.pid}-${Math.random()}`
    let text = ''
    let heard = (): void => {}
    const line = new Promise<void>((resolve) => (heard = resolve))
    const open = (): Promise<Cage> =>
      openProcess({
        found: { id: 'guest', source: 'local', entry: join(root, 'index.js'), root, provides: [] },
        tier: 'sandbox',
        limits: defaultLimits,
        env: {
          PATH: process.env['PATH'] ?? '',
          WS: root,
          HOST_HOME: join(folder.dir, 'home'),
          TOKEN: secret,
        },
        hidden: [join(root, '.prov'), join(root, 'keys'), join(root, 'none')],
        onFrame: () => {},
        onFlood: () => {},
        onOversize: () => {},
        onEnd: (_end: CageEnd) => heard(),
        onText: (more) => {
          text += more
          if (text.includes('}\n')) heard()
        },
      })
    const code = await codeOf(
      (async () => {
        const cage = await open()
        cage.hold(true)
        await line
        const shown = readdirSync('/proc').filter((name) => {
          try {
            return (
              /^[0-9]+$/.test(name) &&
              readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(secret)
            )
          } catch {
            return false
          }
        })
        t.same(shown, [], 'no process has it among its arguments')
        await cage.kill()
      })(),
    )
    if (code === 'PROV_PLUGIN_SANDBOX_MISSING') return
    t.equal(code, 'none')
    t.same(JSON.parse(text.slice(text.indexOf('{'), text.indexOf('}\n') + 1)), {
      ws: ['.prov', 'index.js', 'keys'],
      state: [],
      keys: [],
      home: 'ENOENT',
      TOKEN: secret,
    })
  },
)
