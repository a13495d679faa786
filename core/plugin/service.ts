/**
 * Typed references: how plugins find each other's services without importing each other. The
 * reference is a value with a type inside; the string in it is for people and for the boot tree.
 *
 * @module
 */

declare const carried: unique symbol

/** Stands for a service of type T. Every method of T is async and takes cloneable arguments (D-45). */
export interface ServiceRef<T> {
  readonly id: string
  /** Keys, signing or raw writing stand behind it: code of a workspace needs a grant by name. */
  readonly guarded?: true
  readonly [carried]?: T
}

/** What a reference resolves to. */
export type ServiceOf<R> = R extends ServiceRef<infer T> ? T : never

/** Names a service. Two copies of the library agree on it by id: `<owner>.<service>`. */
export function serviceRef<T>(id: string, options: { guarded?: true } = {}): ServiceRef<T> {
  return { id, ...options }
}

/** Stands for a list that any plugin may add to: op types, provider backends, panels. */
export interface ExtensionPoint<T> {
  readonly id: string
  readonly [carried]?: T
}

/** Names an extension point: `<owner>.<point>`. */
export function extensionPoint<T>(id: string): ExtensionPoint<T> {
  return { id }
}

/** One addition to an extension point, declared in the plugin object so that a dry run can list it. */
export interface Contribution {
  readonly point: string
  /** Name of the addition, unique within the point. */
  readonly name: string
  readonly value: unknown
}

/** Adds a value to an extension point. */
export function contribute<T>(point: ExtensionPoint<T>, name: string, value: T): Contribution {
  return { point: point.id, name, value }
}
