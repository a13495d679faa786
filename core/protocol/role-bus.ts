/**
 * One bus for a process that holds several planes on a shared server: a connection per role, and each
 * message goes over the one whose role may say or fetch it. No role may do what another one may, so a
 * server needs no user that may do everything.
 *
 *     publish ops.pending.… ─▶ submitter      pull OPS_CMD_… ─▶ controller      lease keeper ─▶ keeper
 *
 * The table is the one that the server's permissions are printed from. What stands in no row goes over
 * the first connection, and the server judges it.
 *
 * @module
 */
import type { Bus, Ensured, KeyValue } from '../bus/bus.ts'
import { subjectMatches } from '../bus/subjects.ts'
import type { PlaneName } from './planes.ts'
import { roleRow } from './roles.ts'

export interface RoleBus extends Bus {
  /** The connection of a plane that lives here. */
  readonly lineOf: (plane: PlaneName) => Bus | undefined
}

/** The connections are its own from here on; at least one. */
export function roleBus(
  workspace: string,
  connections: ReadonlyMap<PlaneName, Bus>,
): Bus | RoleBus {
  const lines = [...connections].map(([role, bus]) => ({ bus, ...roleRow(role, workspace) }))
  const [first] = lines.map(({ bus }) => bus)
  if (lines.length === 1) return first as Bus
  const lineWhere = (may: (line: (typeof lines)[number]) => boolean): Bus =>
    (lines.find(may)?.bus ?? first) as Bus
  const saying = (subject: string): Bus =>
    lineWhere(({ says }) => says.some((pattern) => subjectMatches(pattern, subject)))
  const pulling = (stream: string, consumer: string): Bus =>
    lineWhere(({ pulls }) => pulls.some(([of, name]) => of === stream && name === consumer))

  return {
    lineOf: (plane) => connections.get(plane),
    kind: (first as Bus).kind,
    // Each connection makes again what it asked for when a server comes back without it.
    async ensureStream(config, options) {
      let ensured: Ensured | undefined
      for (const { bus } of lines) {
        const found = await bus.ensureStream(config, options)
        ensured ??= found
      }
      return ensured as Ensured
    },
    ensureConsumer: (config, options) =>
      pulling(config.stream, config.name).ensureConsumer(config, options),
    publish: (subject, message) => saying(subject).publish(subject, message),
    pull: (stream, consumer, options) => pulling(stream, consumer).pull(stream, consumer, options),
    async keyValue(bucket) {
      const opened = new Map<Bus, Promise<KeyValue>>()
      const store = (key: string): Promise<KeyValue> => {
        const bus = lineWhere(({ leases }) => leases.includes(key))
        const known = opened.get(bus) ?? bus.keyValue(bucket)
        opened.set(bus, known)
        // What failed once is tried anew.
        known.catch(() => opened.delete(bus))
        return known
      }
      return {
        get: async (key) => (await store(key)).get(key),
        create: async (key, value) => (await store(key)).create(key, value),
        update: async (key, value, revision) => (await store(key)).update(key, value, revision),
        delete: async (key) => (await store(key)).delete(key),
      }
    },
    streamInfo: (name) => (first as Bus).streamInfo(name),
    async close() {
      await Promise.all(lines.map(({ bus }) => bus.close()))
    },
  }
}
