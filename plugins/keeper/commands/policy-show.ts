/** `prov policy show`: what judges now, and whether the file says something else. @module */
import { defineCommand, fields, section, table } from 'prov'
import type { JsonObject, Paint } from 'prov'
import { conditionsOfRule } from './rule-text.ts'
import type { PolicyView } from '../reads/policy.ts'

const lists = [
  ['deny', 'deny'],
  ['require_manual', 'hold'],
  ['auto_sign', 'auto-sign'],
] as const

export const command = defineCommand({
  pattern: 'policy show',
  describe: 'the policy in force, rule by rule, and whether the file proposes another one',
  group: 'Operations',
  examples: [['prov policy show', 'deny beats hold beats auto-sign; no rule means hold']],
  flags: {},
  run: async (_, { read }) => (await read('policy')) as PolicyView,
  render(view, paint, format) {
    const look = { paint, format } as const
    const { active, proposed, trouble } = view
    const rules = active
      ? ruleRows(active.policy, paint)
      : proposed.state === 'good'
        ? ruleRows(proposed.policy as unknown as JsonObject, paint)
        : []
    return [
      ...fields(
        [
          [
            'in force',
            active
              ? `version ${active.version}, activated by ${active.by}`
              : ['nothing yet: everything is held', paint.warn],
          ],
          ['digest', active ? [active.digest, paint.dim] : undefined],
          ['mode', view.mode],
          ['file', [`${view.file}: ${fileText(view)}`, view.differs ? paint.warn : plain]],
          ['trouble', trouble ? [`${trouble.message} (${trouble.code})`, paint.bad] : undefined],
        ],
        look,
      ),
      ...section(
        active ? 'Rules in force' : 'Rules in the file, not in force',
        table(rules, { paint, format, head: ['list', 'rule', 'matches'] }),
        look,
      ),
      '',
      paint.dim('deny beats hold beats auto-sign; what no rule names is held'),
    ]
  },
})

const plain = (text: string) => text

export function fileText({ proposed, differs, active }: PolicyView): string {
  if (proposed.state === 'absent') return 'absent'
  if (proposed.state === 'broken') return `${proposed.error.message} (${proposed.error.code})`
  if (!differs) return 'the same'
  return active
    ? 'differs; `prov policy activate` puts it in force'
    : 'good; `prov policy activate`'
}

export function ruleRows(policy: JsonObject, paint: Paint) {
  const colour = { deny: paint.bad, hold: paint.warn, 'auto-sign': paint.good } as const
  return lists.flatMap(([list, effect]) =>
    ((policy[list] ?? []) as readonly JsonObject[]).map((rule, at) => [
      [effect, colour[effect]] as const,
      typeof rule['id'] === 'string' ? rule['id'] : `${list}[${at}]`,
      conditionsOfRule(rule),
    ]),
  )
}
