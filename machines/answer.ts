/**
 * An effect's answer is the next fact. The kernel runs an effect after the step that asked for it is
 * on disk, and brings the result back as `effect.done.<name>` or `effect.failed.<name>`. A machine
 * here takes `effect.done` apart: when its output is one of the machine's own facts, that fact is
 * raised and handled like one that came over the bus. So a handler decides nothing about states, and
 * an effect that is issued again after a crash answers again with a fact that is already known.
 *
 * @module
 */

export type EffectAnswer =
  | { readonly type: `effect.done.${string}`; readonly id: string; readonly output?: unknown }
  | {
      readonly type: `effect.failed.${string}`
      readonly id: string
      readonly error: { readonly code: string; readonly message: string }
    }

/** The fact inside an answer, when it is one of the given types. */
export function factIn<E extends { readonly type: string }>(
  event: { readonly type: string },
  types: readonly E['type'][],
): E | undefined {
  if (!event.type.startsWith('effect.done.') || !('output' in event)) return undefined
  const { output } = event
  if (typeof output !== 'object' || output === null || !('type' in output)) return undefined
  return types.includes(output.type as E['type']) ? (output as E) : undefined
}

/** The error inside an answer. */
export function errorIn(event: {
  readonly type: string
}): { readonly code: string; readonly message: string } | undefined {
  if (!event.type.startsWith('effect.failed.') || !('error' in event)) return undefined
  return event.error as { readonly code: string; readonly message: string }
}

/**
 * Effects for `defineActor`, of a plane that owns some of them: the others do nothing, because the
 * kernel asks for a handler of every action that a machine names.
 */
export function ownEffects<N extends string, H>(
  all: readonly N[],
  own: { readonly [K in N]?: H },
): Readonly<Record<N, H | (() => void)>> {
  return Object.fromEntries(all.map((name) => [name, own[name] ?? (() => {})])) as Record<
    N,
    H | (() => void)
  >
}
