/**
 * Copies of contexts. Every assign makes one, and V8 has no fast way to copy an object of which it
 * does not know the keys: a spread costs as much as a whole step. So a copier learns the keys of the
 * contexts it sees and writes a function that names them; whatever looks different is spread.
 *
 * @module
 */
import type { JsonObject, JsonValue } from '../../json.ts'
import type { Count } from '../../units.ts'

/** A copy that its maker may still write to. */
export type Fresh = Record<string, JsonValue>

/** Layouts that one copier learns before it settles for spreading. */
const mostLayouts: Count = 4
/** Beyond so many keys V8 keeps objects as tables, which a literal only makes slower. */
const mostKeys: Count = 64

const spread = (context: JsonObject): Fresh => ({ ...context }) as Fresh

/** For one place where contexts are copied: those that come by there mostly look alike. */
export class Copier {
  #keys: readonly string[] = []
  #copy: (context: JsonObject) => Fresh = spread
  #left: Count = mostLayouts

  copy(context: JsonObject): Fresh {
    const keys = this.#keys
    let at = 0
    for (const key in context) if (key !== keys[at++]) return this.#unlike(context)
    return at === keys.length ? this.#copy(context) : this.#unlike(context)
  }

  #unlike(context: JsonObject): Fresh {
    if (this.#left > 0) {
      this.#left--
      this.#learn(Object.keys(context))
    }
    return spread(context)
  }

  #learn(keys: readonly string[]): void {
    // In a literal this key would name the prototype.
    if (keys.length > mostKeys || keys.includes('__proto__')) return
    const fields = keys.map((key) => JSON.stringify(key)).map((key) => `${key}: context[${key}]`)
    try {
      // Where code may not be made from text, contexts are spread.
      // oxlint-disable-next-line typescript/no-implied-eval -- only keys go in, as JSON text
      this.#copy = new Function('context', `return { ${fields.join(', ')} }`) as typeof spread
      this.#keys = keys
    } catch {
      this.#left = 0
    }
  }
}
