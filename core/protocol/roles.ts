/**
 * Who may say and hear what on a shared server: one row per role, and the subjects of the server's
 * own interface that follow from it. The boundary between planes stands here and nowhere else; the
 * server configuration is printed from it, and a test holds every role against a real server.
 *
 *     submitter ─ops.pending─▶ keeper ─ops.cmd─▶ controller ─▶ … ; all ─ops.audit─▶ mirror
 *     person ─ops.desk─▶ the plane that it asks, and nobody else
 *
 * @module
 */
import type { Topology } from '../bus/topology.ts'
import { defined } from '../optional.ts'
import {
  askStream,
  evidenceConsumer,
  leaseBucket,
  streamConfigs,
  streams,
  subjects,
} from './subjects.ts'

export const busRoles = [
  'submitter',
  'keeper',
  'controller',
  'mirror',
  'observer',
  'person',
  'admin',
] as const
export type BusRole = (typeof busRoles)[number]

interface RoleRow {
  /** Subjects it publishes messages under. */
  readonly says: readonly string[]
  /** Durable consumers it pulls from: stream and name, and the one subject where it is not all of them. */
  readonly pulls: readonly (readonly [stream: string, consumer: string, filter?: string])[]
  /** Subjects it hears live, without a consumer. */
  readonly hears: readonly string[]
  /** Leases it may hold. */
  readonly leases: readonly string[]
  /** Subjects under which it asks, and hears the answers in its own inbox. Nothing of it is kept. */
  readonly asks?: readonly string[]
  /** Subjects under which it is asked: it answers into inboxes of people. */
  readonly answers?: readonly string[]
}

/** What a role may do, as a server's allow lists. */
export interface RolePermissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

/** The one table. */
export function roleRow(role: Exclude<BusRole, 'admin'>, workspace: string): RoleRow {
  const audit = streams.audit(workspace)
  const own = `ecosystem.${workspace}.>`
  const said = subjects.audit(workspace)
  const ask = subjects.ask(workspace)
  const asks = streams.ask(workspace)
  const evidence = subjects.evidence(workspace)
  const rows: Record<Exclude<BusRole, 'admin'>, RoleRow> = {
    submitter: {
      says: [`ops.pending.${workspace}.>`, said, ask, own, 'ecosystem.actor.>'],
      pulls: [
        [audit, 'submitter'],
        [asks, 'submitter'],
      ],
      hears: ['ecosystem.>'],
      leases: [],
      answers: [subjects.desk(workspace, 'submitter')],
    },
    keeper: {
      says: [subjects.command(workspace), said, ask, own],
      pulls: [
        [streams.pending(workspace), 'keeper'],
        [audit, 'keeper'],
        [asks, 'keeper'],
      ],
      hears: ['ecosystem.>'],
      leases: ['keeper'],
      answers: [subjects.desk(workspace, 'keeper')],
    },
    controller: {
      says: [
        said,
        ask,
        `tasks.${workspace}.>`,
        own,
        evidence,
        'ecosystem.daemon.>',
        'ecosystem.ontoref.>',
      ],
      pulls: [
        [streams.command(workspace), 'controller'],
        [audit, 'controller'],
        [asks, 'controller'],
        [streams.ecosystem, evidenceConsumer(workspace), evidence],
      ],
      hears: ['ecosystem.>'],
      leases: ['controller'],
      answers: [subjects.desk(workspace, 'controller')],
    },
    mirror: {
      says: [ask],
      pulls: [
        [audit, 'mirror'],
        [asks, 'mirror'],
      ],
      hears: [],
      leases: [],
      answers: [subjects.desk(workspace, 'mirror')],
    },
    observer: {
      says: [],
      pulls: [],
      hears: [said, `tasks.${workspace}.>`, 'ecosystem.>'],
      leases: [],
    },
    person: {
      says: [],
      pulls: [],
      hears: [],
      leases: [],
      asks: [subjects.desk(workspace, '*')],
    },
  }
  return rows[role]
}

/** Inbox of a role: answers for one cannot be heard by another. */
export function inboxOf(role: BusRole, workspace: string): string {
  return `_INBOX_${role}_${workspace}`
}

/** Allow lists of a role. Whatever is not listed is refused by the server. */
export function rolePermissions(role: BusRole, workspace: string): RolePermissions {
  if (role === 'admin') return { publish: ['>'], subscribe: ['>'] }
  const { says, pulls, hears, leases, asks = [], answers = [] } = roleRow(role, workspace)
  const inbox = `${inboxOf(role, workspace)}.>`
  const bucket = leaseBucket(workspace)
  // Who is no plane asks for nothing: not even what a stream holds.
  const looks = answers.length === 0 ? [] : planeStreams(workspace).map(({ name }) => name)
  return {
    publish: [
      ...says,
      ...asks,
      ...(answers.length === 0 ? [] : [`${inboxOf('person', workspace)}.>`]),
      // What the account holds and may hold: for the check at the start.
      ...(looks.length > 0 ? ['$JS.API.INFO'] : []),
      ...looks.map((stream) => `$JS.API.STREAM.INFO.${stream}`),
      ...pulls.flatMap(([stream, name]) => [
        `$JS.API.CONSUMER.INFO.${stream}.${name}`,
        `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
        `$JS.ACK.${stream}.${name}.>`,
      ]),
      ...(leases.length === 0 ? [] : [`$JS.API.STREAM.INFO.KV_${bucket}`]),
      ...leases.flatMap((key) => [
        `$KV.${bucket}.${key}`,
        `$JS.API.DIRECT.GET.KV_${bucket}.$KV.${bucket}.${key}`,
      ]),
    ],
    subscribe: role === 'observer' ? hears : [inbox, ...hears, ...answers],
  }
}

const planeStreams = (workspace: string) => [...streamConfigs(workspace), askStream(workspace)]

/** Streams and consumers that the planes of a workspace need: an admin makes them, no role may. */
export function planesTopology(workspace: string): Topology {
  const planes = busRoles.filter((role) => role !== 'admin')
  const pulls = planes.flatMap((role) => roleRow(role, workspace).pulls)
  return {
    streams: planeStreams(workspace),
    consumers: pulls.map(([stream, name, filter]) => defined({ stream, name, filter })),
  }
}
