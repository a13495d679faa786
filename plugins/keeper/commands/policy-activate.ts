/**
 * `prov policy activate`: a person puts the policy of the file in force, signed and journaled, one
 * version up (D-35).
 *
 * @module
 */
import { defineCommand, keeperDesk } from 'prov'
import type { PolicyView } from '../reads/policy.ts'
import { mustBePerson } from './person.ts'
import { fileText } from './policy-show.ts'

interface Activation {
  readonly activated: boolean
  readonly version: number
  readonly digest: string | null
  readonly was: number | null
  readonly file: string
  readonly said: string
}

export const command = defineCommand({
  pattern: 'policy activate',
  describe: 'put the policy of the file in force; votes under the old one are void',
  group: 'Operations',
  examples: [
    ['prov policy activate --dry-run', 'what would be put in force'],
    ['prov policy activate --actor alice', 'alice signs the activation'],
  ],
  flags: {},
  writes: true,
  async run(_, context): Promise<Activation> {
    const view = (await context.read('policy')) as PolicyView
    const was = view.active?.version ?? null
    const { file } = view
    if (context.dryRun) {
      await mustBePerson(context)
      const version = view.differs ? (was ?? 0) + 1 : (was ?? 0)
      return { activated: false, version, digest: null, was, file, said: fileText(view) }
    }
    const runtime = await context.runtime()
    const { version, digest } = await runtime
      .service(keeperDesk)
      .activatePolicy({ as: context.actor })
    const said = version === was ? 'in force already' : 'in force now'
    return { activated: version !== was, version, digest, was, file, said }
  },
  render: ({ activated, version, digest, file, said }, paint) => [
    activated
      ? `${paint.good(`version ${version} of ${file} is in force`)}  ${paint.dim(digest ?? '')}`
      : `${file}: ${said}`,
  ],
})
