/**
 * Routes of a plugin: declared as data beside commands and read models, so that they can be listed
 * and checked without anything being served. A handler gets plain data and answers plain data; it
 * never sees a socket, a header or a status code.
 *
 * @module
 */
import type { JsonValue } from '../json.ts'
import type { ServiceRef } from './service.ts'

export type RouteMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Method and path in one text: `GET /api/acme/quota/:region`. */
export type RouteName = `${RouteMethod} /api/${string}`

export interface RouteRequest {
  /** Values of the `:names` in the path. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** Parsed JSON; undefined when there is none. Parse it into a type before use. */
  readonly body: JsonValue | undefined
}

/** What a handler may use. */
export interface RouteContext {
  readonly read: (name: string, args?: Readonly<Record<string, unknown>>) => Promise<unknown>
  readonly service: <T>(ref: ServiceRef<T>) => T
  /** Aborts when whoever asked is gone or Prov ends. */
  readonly signal: AbortSignal
}

export interface Route {
  readonly route: RouteName
  /** One sentence for the list of routes. */
  readonly describe: string
  /** Answers what is sent as JSON. A ProvError becomes its report; its disposition the status. */
  readonly handle: (request: RouteRequest, context: RouteContext) => Promise<JsonValue>
}

/** Freezes a route. */
export function defineRoute(route: Route): Route {
  return Object.freeze(route)
}

const segment = /^(:[a-z][A-Za-z0-9]*|[a-z0-9][a-z0-9._-]*)$/

/** True for a method and a path under `/api/<owner>/`, without query, empty or odd segments. */
export function isRouteName(name: string): name is RouteName {
  const [method, path, ...more] = name.split(' ')
  if (more.length > 0 || !path || !/^(GET|POST|PUT|PATCH|DELETE)$/.test(method ?? '')) return false
  const [root, api, owner, ...rest] = path.split('/')
  const fixed = owner !== undefined && segment.test(owner) && !owner.startsWith(':')
  return root === '' && api === 'api' && fixed && rest.every((part) => segment.test(part))
}
