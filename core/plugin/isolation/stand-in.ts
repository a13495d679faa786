/**
 * The plugin object of a plugin that runs elsewhere. The host treats it like any other: it is checked,
 * listed, started and stopped the same way, and whatever of it is called goes over the wire.
 *
 * @module
 */
import type { ActorDef, EffectHandler } from '../../actor/define.ts'
import type { ErrorRow } from '../../errors.ts'
import type { Plugin } from '../define.ts'
import { pluginErrors } from '../errors.ts'
import type { AnyReadModel, ReadContext } from '../read.ts'
import type { Route, RouteContext, RouteName } from '../route.ts'
import type { ActorTraits, Description } from './description.ts'
import type { Pen } from './pen.ts'
import { relayOf } from './relay.ts'
import { shaped } from './shapes.ts'

const pluginBrand = Symbol.for('prov.plugin')
const actorBrand = Symbol.for('prov.actor')

export function standInOf(pen: Pen, description: Description): Plugin {
  const { name, api, describe, needs, provides, actors, reads, routes, contributes } = description
  return Object.freeze({
    [pluginBrand]: true as const,
    name,
    api,
    ...(describe !== undefined && { describe }),
    needs,
    provides,
    actors: mapped(actors, (traits) => actorOf(pen, traits)),
    reads: Object.fromEntries(
      reads.map((read) => [read, async () => ({ read: await readOf(pen, read) })]),
    ),
    routes: Object.fromEntries(
      routes.map((route) => [
        route,
        async () => ({ route: await routeOf(pen, route as RouteName) }),
      ]),
    ),
    contributes: contributes.map(({ point, name: added, value }, index) => ({
      point,
      name: added,
      value: relayOf(value, async () => {
        const now = (await pen.generation()).description.contributes[index]
        return now?.value
      }),
    })),
    errors: mapped(description.errors, ({ disposition }) => rowOf(name, disposition)),
    ...(description.setup && { setup: (context: never) => pen.setup(context) }),
  }) as unknown as Plugin
}

/** An actor type whose machine is elsewhere: the kernel asks `Pen.remote` for its steps. */
export function actorOf(pen: Pen, traits: ActorTraits): ActorDef {
  const { type, version, durability, mailbox, supervision, effects, records, migrate } = traits
  const group = (id: string) => pen.groupOf(`${type}/${id}`)
  const elsewhere = () => {
    throw pluginErrors.PROV_PLUGIN_DOWN({ plugin: pen.name, reason: 'this runs elsewhere' })
  }
  return Object.freeze({
    ...traits.more,
    [actorBrand]: true as const,
    type,
    version,
    machine: undefined as never,
    durability,
    mailbox,
    supervision: traits.grouped ? { ...supervision, group } : supervision,
    effects: Object.fromEntries(
      effects.map((name): [string, EffectHandler] => [
        name,
        (params, context) => pen.effect(type, name, params, context),
      ]),
    ),
    records: Object.fromEntries(records.map((name) => [name, elsewhere])),
    migrate: Object.fromEntries(migrate.map((from) => [from, elsewhere])),
    upcast: {},
  }) as unknown as ActorDef
}

async function readOf(pen: Pen, name: string): Promise<AnyReadModel> {
  return {
    name,
    describe: String(await pen.call('readOf', name)),
    args: (raw) => raw,
    run: (args: Readonly<Record<string, unknown>>, context: ReadContext) => {
      const { files, journal, clock, read, contributions } = context
      return pen.call('read', name, args, {
        files: shaped('prov.workspace', files),
        journal: journal && shaped('prov.journal', journal),
        clock,
        read,
        contributions,
      })
    },
  }
}

async function routeOf(pen: Pen, name: RouteName): Promise<Route> {
  return {
    route: name,
    describe: String(await pen.call('routeOf', name)),
    handle: (request, { read, service, signal }: RouteContext) =>
      pen.call('route', name, request, {
        read,
        service: (id: unknown) => {
          const found = service({ id: String(id) })
          return typeof found === 'object' && found !== null ? shaped(String(id), found) : found
        },
        signal,
      }) as never,
  }
}

/** Its texts are elsewhere too: an error that comes from there brings its own. */
function rowOf(plugin: string, disposition: ErrorRow<never>['disposition']): ErrorRow<never> {
  return {
    disposition,
    text: () => `plugin ${plugin} says no`,
    remedy: 'run `prov plugins` to see how it stands',
  }
}

function mapped<A, B>(
  table: Readonly<Record<string, A>>,
  make: (value: A) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [key, make(value)]))
}
