/** A plan for people: what would change, one line each with its cause. @module */
import { fields, isComponentRun, section, table } from 'prov'
import type {
  Cell,
  DiffLine,
  OpBody,
  OpPlan,
  OpRun,
  Paint,
  PlanChange,
  RuleTrace,
  StateVector,
} from 'prov'

type Format = 'text' | 'md'

export function planLines(plan: OpPlan, paint: Paint, format: Format): readonly string[] {
  const { body, digest, state, policy, obstacles, empty } = plan
  const look = { paint, format } as const
  const verdict = { deny: paint.bad, hold: paint.warn, 'auto-sign': paint.good }[policy.verdict]
  return [
    paint.bold(`${body.type} ${body.target}`),
    ...(empty ? [paint.good('nothing would change: all of it is there already')] : []),
    ...fields([...bodyFields(body, state), ['plan', [digest, paint.dim]]], look),
    ...section('Changes', changeLines(plan.changes, paint, format), look),
    ...section(
      'Policy',
      [
        ...fields([[policy.verdict, [policy.why, verdict]]], look),
        ...traceLines(policy.trace, paint, format),
      ],
      look,
    ),
    ...section(
      'In the way now',
      empty
        ? []
        : obstacles.map(({ code, message }) => `  ${paint.bad(message)}  ${paint.dim(code)}`),
      look,
    ),
  ]
}

/** One line a change, and under content what differs. */
export function changeLines(
  changes: readonly PlanChange[],
  paint: Paint,
  format: Format,
): readonly string[] {
  const rows = changes.map((change): readonly Cell[] => {
    const { what, id, from, to, because } = change
    const sign = from === null ? '+' : to === null ? '-' : '~'
    const colour = { '+': paint.good, '-': paint.bad, '~': paint.warn }[sign]
    const move = from !== null && to !== null ? `${from} → ${to}` : (to ?? from ?? '')
    return [[sign, colour], what, [id, paint.bold], move, [because, paint.dim]]
  })
  const head = ['', 'what', 'which', 'change', 'because']
  return [
    ...table(rows, { paint, format, head }),
    ...changes.flatMap(({ id, from, diff = [] }) =>
      // All of it is new: the table says so, and the declaration shows it.
      from === null ? [] : diffLines(id, diff, paint, format),
    ),
  ]
}

/** Lines around what differs that are shown with it. */
const context = 2

function diffLines(
  id: string,
  diff: readonly DiffLine[],
  paint: Paint,
  format: Format,
): readonly string[] {
  if (diff.length <= 2) return []
  const near = diff.map((_, at) =>
    diff.slice(Math.max(0, at - context), at + context + 1).some((line) => !line.startsWith(' ')),
  )
  const shown = diff.flatMap((line, at): readonly string[] => {
    if (!near[at]) return near[at - 1] || at === 0 ? ['    …'] : []
    const colour = { '+': paint.good, '-': paint.bad }[line[0] as string] ?? paint.dim
    return [`    ${colour(line)}`]
  })
  return format === 'md' ? ['', '```diff', ...diff, '```'] : [`  ${paint.bold(id)}`, ...shown]
}

/** What a body says, for people. */
export function bodyFields(
  body: OpBody,
  state: StateVector,
): readonly (readonly [string, string | undefined])[] {
  const list = (items: readonly string[]) => (items.length === 0 ? undefined : items.join(', '))
  const moves = body.achieves.map(({ dimension, from, to }) => `${dimension}: ${from} → ${to}`)
  return [
    ['moves', moves.length === 0 ? undefined : moves.join('\n')],
    ['gains', list(body.gains)],
    ['loses', list(body.loses)],
    ['gates', list(body.requires)],
    ['runs', body.run && runText(body.run)],
    ['image', body.image],
    ['params', body.params && JSON.stringify(body.params)],
    ['scope', list(body.scope)],
    ['destructive', body.destructive ? 'yes' : undefined],
    ['state', list(Object.entries(state).map(([id, version]) => `${id}@${version}`))],
  ]
}

function runText(run: OpRun): string {
  if (isComponentRun(run)) return `${run.component}, inside Prov`
  return `${run.steps.map(({ id }) => id).join(', ')} on ${run.provider}`
}

export function traceLines(
  trace: readonly RuleTrace[],
  paint: Paint,
  format: Format,
): readonly string[] {
  return table(
    trace.map(({ rule, effect, matched, why }) => [
      rule,
      effect,
      matched ? (['matches', paint.bold] as const) : (['no', paint.dim] as const),
      // A field that asks nothing explains nothing.
      why
        .split('; ')
        .filter((part) => !part.endsWith(' is taken by *'))
        .join('\n') || 'asks nothing',
    ]),
    { paint, format, head: ['rule', 'would', 'match', 'why'] },
  )
}
