/** The audit events of this workspace as they stand in the journal, oldest first. @module */
import { auditEvents, defineRead } from 'prov'
import type { AuditEvent } from 'prov'

interface AuditArgs {
  readonly op: string | undefined
  /** A type with or without `prov.`; a trailing `*` takes every type that starts so. */
  readonly type: string | undefined
  /** Only the newest so many; 0 takes all. */
  readonly last: number
}

export const read = defineRead<AuditArgs, readonly AuditEvent[]>({
  name: 'audit',
  describe: 'signed events, oldest first; `op`, `type` and `last` narrow them',
  args: ({ op, type, last }) => ({
    op: typeof op === 'string' ? op : undefined,
    type: typeof type === 'string' ? type : undefined,
    last: typeof last === 'number' && last > 0 ? Math.floor(last) : 0,
  }),
  async run({ op, type, last }, { journal }) {
    const found: AuditEvent[] = []
    if (!journal) return found
    for await (const event of auditEvents(journal, { op })) {
      if (type !== undefined && !isOf(event, type)) continue
      found.push(event)
      if (last > 0 && found.length > last) found.shift()
    }
    return found
  },
})

function isOf(event: AuditEvent, type: string): boolean {
  const name = event.type.slice('prov.'.length)
  const wanted = type.replace(/^prov\./, '')
  return wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted
}
