/** Waiting for an event: who could tell it, and what a waiter may do on a server. */
import { connect, nkeyAuthenticator } from 'nats'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { makeRoleKeys, roleSeedFile } from '../../core/protocol/role-keys.ts'
import type { BusRole } from '../../core/protocol/roles.ts'
import { serverConfig } from '../../core/protocol/server-config.ts'
import { provHere } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { natsPlace } from '../support/nats-place.ts'
import { findNatsServer, howToInstall, natsServer } from '../support/nats-server.ts'

const path = findNatsServer()
const skip = path === undefined && howToInstall
const told = 'ecosystem.acme.build.completed'

t.test('where neither a workspace nor a server could tell, it says so at once', async (t) => {
  const { dir } = temporaryFolder(t, { 'empty/.keep': '' })
  const wait = (env = {}) =>
    provHere(['wait', 'event', told, '--json'], {
      cwd: `${dir}/empty`,
      env: { PROV_HOME: `${dir}/home`, ...env },
    })
  const { code, err } = await wait()
  t.equal(code, 64)
  t.match(JSON.parse(err), { code: 'PROV_CONFIG_NO_WORKSPACE', remedy: /--workspace/ })
  const away = await wait({ NATS_URL: 'nats://127.0.0.1:1' })
  t.equal(away.code, 7)
  t.match(JSON.parse(away.err), { code: 'PROV_BUS_UNREACHABLE' })
})

t.test(
  'on a server that knows roles it listens as the observer, who can say nothing',
  { skip },
  async (t) => {
    const place = natsPlace(t, {})
    const roles = await makeRoleKeys(place.home, 'acme')
    const keys = Object.fromEntries(roles.map(({ role, key }) => [role, key]))
    const server = await natsServer(path ?? '', t, ({ port, monitor }) =>
      serverConfig({
        workspace: 'acme',
        keys,
        listen: `127.0.0.1:${port}`,
        monitor: `127.0.0.1:${monitor}`,
      }),
    )
    // Nobody's seed stands in the settings: only the role's own lets it in.
    place.settings({ enabled: true, url: `nats://${server.url}` })
    const enter = async (role: BusRole) => {
      const seed = readFileSync(roleSeedFile(place.home, 'acme', role))
      const connection = await connect({
        servers: server.url,
        authenticator: nkeyAuthenticator(seed),
      })
      t.teardown(() => connection.close())
      return connection
    }
    const submitter = await enter('submitter')
    let over = false
    const waiting = place.run(['wait', 'event', told, '--json']).finally(() => (over = true))
    const event = JSON.stringify({ image: 'app:7' })
    while (!over) {
      submitter.publish(told, event)
      await submitter.flush()
    }
    const { code, out, err } = await waiting
    t.equal(code, 0, err)
    t.match(JSON.parse(out), { subject: told, event: { data: { image: 'app:7' } } })

    const observer = await enter('observer')
    const heard: string[] = []
    submitter.subscribe('ecosystem.>', { callback: (_, { subject }) => void heard.push(subject) })
    await submitter.flush()
    for (const subject of [told, 'ops.audit.acme', '$JS.API.STREAM.LIST']) {
      const refusals = observer.status()[Symbol.asyncIterator]()
      observer.publish(subject, event)
      const { value } = await refusals.next()
      t.match(value, { type: 'error', data: 'PERMISSIONS_VIOLATION' }, subject)
    }
    await submitter.flush()
    t.same(heard, [])
  },
)
