/**
 * The controller's numbers in the text format of Prometheus. Pure.
 *
 * @module
 */
import type { ControllerView } from './reads/controller.ts'

export interface Metric {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  /** Value by labels; one of one without any. */
  readonly values: readonly (readonly [Readonly<Record<string, string>>, number])[]
}

export function metricsOf(view: ControllerView): readonly Metric[] {
  const { phases, claimed, lastSeq, letters } = view
  const one = (value: number): Metric['values'] => [[{}, value]]
  return [
    {
      name: 'prov_operations',
      type: 'gauge',
      help: 'Operations by phase.',
      values: Object.entries(phases).map(([phase, count]) => [{ phase }, count] as const),
    },
    {
      name: 'prov_dimensions_held',
      type: 'gauge',
      help: 'Dimensions that claimed operations hold.',
      values: one(new Set(claimed.flatMap(({ writes }) => writes)).size),
    },
    {
      name: 'prov_keeper_epoch',
      type: 'gauge',
      help: 'Epoch of the keeper whose numbers are taken.',
      values: one(lastSeq?.epoch ?? 0),
    },
    {
      name: 'prov_keeper_seq',
      type: 'gauge',
      help: 'Highest number of that epoch.',
      values: one(lastSeq?.seq ?? 0),
    },
    {
      name: 'prov_dead_letters',
      type: 'gauge',
      help: 'Messages set aside that nobody sent again.',
      values: one(letters.filter(({ replays }) => replays === 0).length),
    },
  ]
}

/** Version 0.0.4 of the format. */
export function metricsText(metrics: readonly Metric[]): string {
  const lines = metrics.flatMap(({ name, type, help, values }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...values.map(([labels, value]) => `${name}${labelsText(labels)} ${value}`),
  ])
  return `${lines.join('\n')}\n`
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) =>
      `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}
