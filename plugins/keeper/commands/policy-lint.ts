/**
 * `prov policy lint`: is the file a policy at all, and does each rule do what it says? Invalid is
 * exit 1; findings are advice, and exit 3 only when asked for with --strict.
 *
 * @module
 */
import { defineCommand } from 'prov'
import type { ErrorReport } from 'prov'
import type { PolicyView } from '../reads/policy.ts'

export interface Lint {
  readonly file: string
  readonly state: PolicyView['proposed']['state']
  readonly findings: readonly {
    readonly finding: string
    readonly message: string
  }[]
  readonly error?: Pick<ErrorReport, 'code' | 'message' | 'remedy' | 'place'>
  readonly strict: boolean
}

export const command = defineCommand({
  pattern: 'policy lint',
  describe: 'check the policy file: broken, invalid, shadowed or far-reaching rules by name',
  group: 'Operations',
  examples: [
    ['prov policy lint', 'advice for people'],
    ['prov policy lint --strict', 'exit 3 on any finding, for CI'],
  ],
  flags: { strict: { type: 'boolean', default: false, describe: 'findings fail (exit 3)' } },
  async run({ strict }, { read }): Promise<Lint> {
    const { file, proposed } = (await read('policy')) as PolicyView
    const lint = { file, state: proposed.state, findings: [], strict } as const
    if (proposed.state === 'broken') {
      const { code, message, remedy, place } = proposed.error
      const at = place
        ? `${[place.file, place.line, place.column].filter(Boolean).join(':')}: `
        : ''
      const error = { code, message: `${at}${message}`, remedy, ...(place && { place }) }
      return { ...lint, error }
    }
    return proposed.state === 'good' ? { ...lint, findings: proposed.findings } : lint
  },
  render({ file, state, findings, error }, paint) {
    if (state === 'absent') {
      return [
        paint.warn(`${file} does not exist; everything is held`),
        paint.dim('fix: prov setup'),
      ]
    }
    if (error) {
      return [
        paint.bad(`${file} is no policy; the last good one stays in force`),
        ...error.message.split(/; (?=\d+:\d+ |and \d+ more$)/).map((line) => `  ${line}`),
        `  ${paint.dim(`${error.code}; fix: ${error.remedy}`)}`,
      ]
    }
    if (findings.length === 0) return [paint.good(`${file}: every rule does what it says`)]
    return findings.map(({ finding, message }) => `${paint.warn(finding)}: ${message}`)
  },
  exitCode({ error, findings, state, strict }) {
    if (error) return 1
    return strict && (findings.length > 0 || state === 'absent') ? 3 : 0
  },
})
