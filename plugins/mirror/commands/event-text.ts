/** One audit event as a short line for people. @module */
import { isAudit, ruleWords } from 'prov'
import type { AuditEvent, JsonObject } from 'prov'

export function eventText(event: AuditEvent): string {
  if (isAudit(event, 'actor.enrolled')) {
    return event.data.kind === 'service'
      ? `key of the ${event.data.record.role ?? 'service'}`
      : `${event.data.kind}, vouched for by ${event.data.by}`
  }
  if (isAudit(event, 'actor.revoked')) {
    return `key revoked by ${event.data.by}: ${event.data.reason}`
  }
  if (isAudit(event, 'keys.governed')) {
    return `key acts are ${ruleWords(event.data.rule)}; declared by ${event.data.by}`
  }
  if (isAudit(event, 'keeper.granted')) {
    return `the keeper goes on in epoch ${event.data.keeper_epoch}, after its event ${event.data.n}`
  }
  if (isAudit(event, 'key.offered')) {
    return `next key ${event.data.kid.slice(0, 12)}, signed by ${event.data.by}`
  }
  if (isAudit(event, 'key.confirmed')) return `key ${event.data.kid.slice(0, 12)} is known`
  if (isAudit(event, 'key.rotated')) return `key ${event.data.kid.slice(0, 12)} signs from here on`
  if (isAudit(event, 'journal.adopted')) {
    return `journal ${event.data.from} goes on as ${event.data.to}, by ${event.data.by}`
  }
  if (isAudit(event, 'policy.activated')) return `version ${event.data.version} by ${event.data.by}`
  if (isAudit(event, 'keeper.mode')) return `${event.data.mode} by ${event.data.by}`
  if (isAudit(event, 'op.submitted')) {
    return `${event.data.by} asks for ${event.data.op.type} ${event.data.op.target}`
  }
  if (isAudit(event, 'op.matched')) return `${event.data.verdict}: ${event.data.rule ?? 'no rule'}`
  if (isAudit(event, 'op.vote')) {
    const { actor, decision, reason, until } = event.data
    return `${actor} ${until === undefined ? `votes ${decision}` : 'breaks the glass'}: ${reason}`
  }
  if (isAudit(event, 'op.approved')) {
    const who = event.data.approvals.map(({ actor }) => actor).join(', ')
    const how = event.data.break_glass ? ', who broke the glass' : ''
    return `number ${event.data.seq}, ${event.data.auto ? 'by policy' : `by ${who}${how}`}`
  }
  if (isAudit(event, 'op.claimed')) return `writes ${event.data.writes.join(', ') || 'nothing'}`
  if (isAudit(event, 'op.applied')) {
    const moved = event.data.moves.map(({ dimension, from, to }) => `${dimension} ${from} → ${to}`)
    return [...moved, ...event.data.gained.map((name) => `+${name}`)].join(', ') || 'done'
  }
  if (isAudit(event, 'op.resolved')) return `${event.data.as} by ${event.data.by}`
  if (isAudit(event, 'state.genesis')) {
    return Object.entries(event.data.positions)
      .map(([dimension, state]) => `${dimension} ${state}`)
      .join(', ')
  }
  const { message, why, reason, code } = event.data as unknown as JsonObject
  return [message ?? why ?? reason, code].filter((part) => typeof part === 'string').join(' ')
}
