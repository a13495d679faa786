/**
 * Whether the streams of a workspace are what the op contract needs: they exist, the hops are work
 * queues, each hop has exactly one reader, and nothing copies a hop away. Asked of views, so that a
 * server and the embedded bus answer the same question.
 *
 * @module
 */
import type { ConsumerView, StreamView } from '../bus/nats-look.ts'
import { patternsOverlap } from '../bus/subjects.ts'
import { streamConfigs, streams } from './subjects.ts'

export interface ContractRow {
  readonly check: string
  readonly good: boolean
  readonly found: string
  readonly fix?: string
}

/** One row per thing that was looked at; all good means: the contract holds. */
export function checkOpsContract(
  workspace: string,
  views: readonly StreamView[],
  /** The command that makes what is missing: on the embedded bus whatever writes does. */
  makes: 'prov nats apply' | 'prov run' = 'prov nats apply',
): readonly ContractRow[] {
  const readers: Readonly<Record<string, string>> = {
    [streams.pending(workspace)]: 'keeper',
    [streams.command(workspace)]: 'controller',
  }
  const rows: ContractRow[] = []
  for (const wanted of streamConfigs(workspace)) {
    const { name } = wanted
    const view = views.find((one) => one.name === name)
    if (!view) {
      rows.push(bad(name, 'does not exist', makes))
      continue
    }
    const missing = wanted.subjects.filter((subject) => !view.subjects.includes(subject))
    if (missing.length > 0) {
      rows.push(bad(name, `does not take ${missing.join(', ')}`, 'prov nats apply'))
    }
    if (view.retention !== wanted.retention) {
      const found = `its retention is ${view.retention} and must be ${wanted.retention}`
      rows.push(bad(name, found, `empty and delete the stream ${name}, then prov nats apply`))
    }
    const reader = readers[name]
    if (reader !== undefined) rows.push(...hopRows(view, reader, views))
    const ok = !rows.some((row) => row.check === name && !row.good)
    if (ok) rows.push({ check: name, good: true, found: standing(view, reader) })
  }
  return rows
}

function hopRows(
  { name, consumers }: StreamView,
  reader: string,
  views: readonly StreamView[],
): readonly ContractRow[] {
  const rows: ContractRow[] = []
  for (const copy of views.filter(({ copies }) => copies.includes(name))) {
    const found = `${copy.name} copies it, and on older servers takes its messages away`
    rows.push(bad(name, found, `delete the stream ${copy.name}; copy ${'OPS_AUDIT'} instead`))
  }
  if (consumers === undefined) return rows
  const others = consumers.filter((one) => one.name !== reader)
  if (others.length === consumers.length) {
    rows.push(bad(name, `nobody is there as ${reader}`, 'prov nats apply'))
  }
  for (const other of others) {
    const found = `${other.name} reads it beside ${reader}`
    rows.push(bad(name, found, `delete the consumer ${other.name} of ${name}`))
  }
  for (const consumer of consumers) {
    for (const found of strange(consumer)) {
      rows.push(bad(name, found, `delete the consumer ${consumer.name}, then prov nats apply`))
    }
    const overlapping = consumers.find(
      (other) => other.name > consumer.name && overlap(consumer, other),
    )
    if (overlapping === undefined) continue
    const found = `${consumer.name} and ${overlapping.name} take some of the same messages`
    rows.push(bad(name, found, `delete one of them`))
  }
  return rows
}

function strange({ name, explicitAck, push, maxDeliver }: ConsumerView): readonly string[] {
  return [
    ...(explicitAck ? [] : [`${name} acknowledges before anything is durable`]),
    ...(push ? [`the server pushes to ${name}, which nobody's credits bound`] : []),
    ...(maxDeliver === undefined
      ? []
      : [`${name} gives up after ${maxDeliver} deliveries, and the message lies there for ever`]),
  ]
}

const overlap = (one: ConsumerView, other: ConsumerView): boolean =>
  one.filters.some((left) => other.filters.some((right) => patternsOverlap(left, right)))

const bad = (check: string, found: string, fix: string): ContractRow => ({
  check,
  good: false,
  found,
  fix,
})

function standing({ retention, messages, consumers }: StreamView, reader?: string): string {
  const who =
    consumers === undefined ? 'readers not to be seen' : reader && `read by ${reader} alone`
  return [retention, `${messages} messages`, ...(who ? [who] : [])].join(', ')
}
