/** `reflection/backlog.ncl`: what is to be done. @module */
import type { Reader } from './fields.ts'
import type { BacklogItem } from './model.ts'
import { priorities } from './model.ts'

export function readBacklog(file: Reader): readonly BacklogItem[] {
  const list = file.record(['items'])?.neededList('items') ?? []
  return list.flatMap((item) => {
    const record = item.record([
      'id',
      'title',
      'kind',
      'priority',
      'status',
      'detail',
      'related_adrs',
      'related_dim',
      'graduates_to',
      'created',
      'updated',
    ])
    if (!record) return []
    const relatedDim = record.maybeText('related_dim')
    const graduatesTo = record.maybeText('graduates_to')
    const created = record.maybeText('created')
    return [
      {
        id: record.text('id'),
        title: record.text('title'),
        kind: record.text('kind', 'Todo'),
        priority: record.oneOf('priority', priorities),
        status: record.text('status', 'Open'),
        detail: record.text('detail', ''),
        relatedAdrs: record.texts('related_adrs'),
        ...(relatedDim && { relatedDim }),
        ...(graduatesTo && { graduatesTo }),
        ...(created && { created }),
      },
    ]
  })
}
