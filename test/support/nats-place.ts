/**
 * A workspace with nothing but settings of `nats_events`, and what `prov doctor` finds about them.
 *
 * @module
 */
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from '../../core/cli/doctor.ts'
import { provHere } from './cli.ts'
import { temporaryFolder } from './folder.ts'

type Env = Readonly<Record<string, string>>
type Events = Readonly<Record<string, unknown>>

/** The file of a project's settings, as the remedies name it. */
export const projectSettings = '.ontoref/config.ncl'

export function natsPlace(t: Parameters<typeof temporaryFolder>[0], events: Events) {
  const folder = temporaryFolder(t, {
    'acme/.ontology/manifest.ncl': '{ project = "acme" }',
    'home/.keep': '',
  })
  const home = join(folder.dir, 'home')
  chmodSync(home, 0o700)
  const workspace = join(folder.dir, 'acme')
  const run = (argv: readonly string[], env: Env = {}) =>
    provHere(argv, { cwd: workspace, env: { PROV_HOME: home, ...env } })
  const found = async (argv: readonly string[], env?: Env) => {
    const { code, out, err } = await run([...argv, '--json'], env)
    const { findings } = JSON.parse(out) as { findings: readonly Finding[] }
    return { code, findings: findings.filter(isAboutNats), text: out + err }
  }
  const settings = (next: Events) =>
    folder.write(`acme/${projectSettings}`, `{ nats_events = ${nickel(next)} }`)
  settings(events)
  return {
    ...folder,
    home,
    workspace,
    run,
    settings,
    doctor: (env?: Env) => found(['doctor'], env),
    status: (env?: Env) => found(['nats', 'status'], env),
  }
}

export const isAboutNats = ({ check }: Finding): boolean => /^nats( |$)/.test(check)

export const codesOf = (findings: readonly Finding[], level: Finding['level'] = 'bad') =>
  findings.filter((one) => one.level === level).map(({ code }) => code)

/** JSON, with the one difference that Nickel has. */
const nickel = (value: object): string =>
  `{ ${Object.entries(value)
    .map(([name, one]) => `${name} = ${JSON.stringify(one)}`)
    .join(', ')} }`
