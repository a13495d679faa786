/**
 * Somebody's machine beside planes that run elsewhere: keys of their own, the address of the server, a
 * folder with nothing in it.
 *
 * @module
 */
import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { roleSeedFile } from '../../core/protocol/role-keys.ts'
import { provChild } from '../support/cli.ts'
import type { Child, Ran } from '../support/cli.ts'
import type { Four } from './four.ts'

export interface Laptop {
  readonly home: string
  readonly env: Readonly<Record<string, string>>
  /** One command line about the project, in a process of its own. */
  prov(...argv: readonly string[]): Child
  /** The same with `--json`, parsed. */
  json<T>(...argv: readonly string[]): Promise<T>
}

export function laptop(on: Pick<Four, 'on' | 'server'>, ...people: readonly string[]): Laptop {
  const origin = on.on.home
  const folder = join(dirname(on.on.workspace), `laptop-${people.join('-')}`)
  const home = join(folder, 'home')
  const cwd = join(folder, 'empty')
  mkdirSync(join(home, 'keys'), { recursive: true, mode: 0o700 })
  mkdirSync(join(home, 'nats/my-infra'), { recursive: true, mode: 0o700 })
  mkdirSync(cwd)
  for (const person of people) {
    cpSync(join(origin, 'keys', `${person}.json`), join(home, 'keys', `${person}.json`))
  }
  cpSync(roleSeedFile(origin, 'my-infra', 'person'), roleSeedFile(home, 'my-infra', 'person'))
  const env = {
    PROV_HOME: home,
    NATS_URL: `nats://${on.server.url}`,
    PROV_PROJECT: 'my-infra',
    PROV_ACTOR: people[0] ?? '',
  }
  const prov = (...argv: readonly string[]) => provChild(argv, { cwd, env })
  return {
    home,
    env,
    prov,
    async json(...argv) {
      const { out, err }: Ran = await prov(...argv, '--json')
      return JSON.parse(out === '' ? err.slice(err.indexOf('{')) : out)
    },
  }
}
