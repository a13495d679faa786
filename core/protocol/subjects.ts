/**
 * Every subject and stream name of the op contract, built by functions: nothing else spells them.
 *
 * @module
 */
import type { StreamConfig } from '../bus/bus.ts'

/** Workspace names stand in subjects, so they hold lower case letters, digits and `-` only. */
export const workspaceNamePattern = /^[a-z0-9][a-z0-9-]{0,62}$/

export const subjects = {
  /** Proposals: `ops.pending.<ws>.<op type>`; dots of the type are kept, they are tokens (D-16). */
  pending: (workspace: string, opType: string) => `ops.pending.${workspace}.${opType}`,
  /** Approved commands: `ops.cmd.<ws>`. */
  command: (workspace: string) => `ops.cmd.${workspace}`,
  /** What happened, signed per emitter: `ops.audit.<ws>`. */
  audit: (workspace: string) => `ops.audit.${workspace}`,
  /** Planes ask each other for events that did not arrive: `ops.ask.<ws>`. */
  ask: (workspace: string) => `ops.ask.${workspace}`,
  /** Where a plane answers people on other machines: `ops.desk.<ws>.<plane>`; nothing is kept. */
  desk: (workspace: string, plane: string) => `ops.desk.${workspace}.${plane}`,
  /** Steps of running operations: `tasks.<ws>.<event>`. */
  task: (workspace: string, event: string) => `tasks.${workspace}.${event}`,
  /** Life of a daemon: `ecosystem.daemon.<event>`. */
  daemon: (event: string) => `ecosystem.daemon.${event}`,
  /** What the protocol itself does: `ecosystem.ontoref.<scope>.<event>`. */
  ontoref: (scope: string, event: string) => `ecosystem.ontoref.${scope}.${event}`,
  /** What somebody does: `ecosystem.actor.<actor>.<event>`. */
  actor: (actor: string, event: string) => `ecosystem.actor.${actor}.${event}`,
  /** Notices for people and other projects: `ecosystem.<project>.<scope>.<event>`. */
  ecosystem: (project: string, scope: string, event: string) =>
    `ecosystem.${project}.${scope}.${event}`,
  /** What was answered to a controller that another one had replaced; signed, and no RESULT (D-34). */
  evidence: (workspace: string) => `ecosystem.${workspace}.op.evidence`,
} as const

const streamSuffix = (workspace: string) => workspace.toUpperCase().replaceAll('-', '_')

export const streams = {
  pending: (workspace: string) => `OPS_PENDING_${streamSuffix(workspace)}`,
  command: (workspace: string) => `OPS_CMD_${streamSuffix(workspace)}`,
  audit: (workspace: string) => `OPS_AUDIT_${streamSuffix(workspace)}`,
  ask: (workspace: string) => `OPS_ASK_${streamSuffix(workspace)}`,
  tasks: 'TASKS',
  ecosystem: 'ECOSYSTEM',
} as const

/** The stream that planes in several processes need besides: what is asked and not answered is asked again. */
export function askStream(workspace: string): StreamConfig {
  return {
    name: streams.ask(workspace),
    subjects: [subjects.ask(workspace)],
    retention: 'limits',
    maxAgeMs: 300_000,
  }
}

/** Which stream a message of an operation goes to, by its subject. */
export const streamOfHop = (workspace: string) => (subject: string) =>
  subject === subjects.command(workspace) ? streams.command(workspace) : streams.pending(workspace)

/** Who hears evidence: the stream is shared by all workspaces of a server, so the name tells them apart. */
export const evidenceConsumer = (workspace: string): string => `evidence-${workspace}`

/** Bucket of the leases of a workspace: `keeper`, `controller`. */
export const leaseBucket = (workspace: string) => `LEASES_${streamSuffix(workspace)}`

/** The streams a workspace needs, as configuration. */
export function streamConfigs(workspace: string): readonly StreamConfig[] {
  const days = 86_400_000
  return [
    {
      name: streams.pending(workspace),
      subjects: [`ops.pending.${workspace}.>`],
      retention: 'workqueue',
    },
    {
      name: streams.command(workspace),
      subjects: [subjects.command(workspace)],
      retention: 'workqueue',
    },
    { name: streams.audit(workspace), subjects: [subjects.audit(workspace)], retention: 'limits' },
    { name: streams.tasks, subjects: ['tasks.>'], retention: 'limits', maxAgeMs: 7 * days },
    {
      name: streams.ecosystem,
      subjects: ['ecosystem.>'],
      retention: 'limits',
      maxAgeMs: 30 * days,
    },
  ]
}
