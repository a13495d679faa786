/** `prov journal stats`: what the journal is made of, who writes it, what is remembered of it. @module */
import { join } from 'node:path'
import { anchorsDir } from '../../config/home.ts'
import { journalStats } from '../../journal/stats.ts'
import { defineCommand } from '../command.ts'
import { table } from '../table.ts'

export const command = defineCommand({
  pattern: 'journal stats',
  describe: 'what the journal of this workspace is made of: records, segments, snapshots, writer',
  group: 'Runtime',
  examples: [['prov journal stats', 'also while another process writes']],
  flags: {},
  run: async (_flags, context) => {
    const { stateDir } = await context.files()
    const anchors = anchorsDir(context.env, context.home)
    return journalStats({ dir: join(stateDir, 'journal'), anchors })
  },
  render: (stats, paint, format) => {
    const { lineage, head, segments, bytes, batches, records, snapshots, writer, anchor } = stats
    const since = writer && new Date(writer.sinceMs).toISOString()
    const facts: readonly (readonly string[])[] = [
      ['journal', lineage.at(-1) ?? ''],
      ...(lineage.length > 1 ? [['adopted from', lineage.slice(0, -1).join(', ')]] : []),
      ['head', `${head.position}, batch ${head.batch ?? 0}, epoch ${head.epoch}`],
      ['hash', head.hash],
      ['size', `${bytes} bytes in ${segments} segments, ${batches} batches`],
      ['writer', writer ? `process ${writer.pid}${writer.where} since ${since}` : 'nobody'],
      ['anchor', anchor ? `${anchor.head?.position ?? 0} in ${anchor.file}` : 'none'],
      ...snapshots.map(({ name, positions }) => ['snapshot', `${name} at ${positions.join(', ')}`]),
    ]
    const counted = Object.entries(stats.partitions).flatMap(([partition, types]) =>
      Object.entries(types).map(([type, n]) => [partition, type, String(n)]),
    )
    return [
      ...table(facts, { paint, format, head: ['what', 'value'] }),
      '',
      ...table([...counted, ['', 'all', String(records)]], {
        paint,
        format,
        head: ['partition', 'type', 'records'],
        right: [2],
      }),
    ]
  },
})
