/**
 * Labels: what a contract needs to know to blame well.
 *
 * A label travels with a contract while it is applied, also into fields, elements and arguments. It
 * knows the annotation, the value, the way from one to the other and whose fault a failure is.
 *
 * @module
 */
import { NickelError } from './error.ts'
import type { Span } from './source.ts'
import {
  force,
  originOf,
  spanOf,
  type Failure,
  type Lazy,
  Thunk,
  typeOf,
  withArticle,
} from './value.ts'

/** One step from a contract into a part of it. */
type Step = 'domain' | 'codomain' | 'array' | 'dict' | { readonly field: string }

interface LabelParts {
  readonly contractSpan?: Span | undefined
  readonly value?: Lazy | undefined
  readonly valueSpan?: Span | undefined
  readonly field?: string | undefined
  readonly path?: readonly Step[]
  /** True while the value is to blame, false while its user (the caller of a function) is. */
  readonly positive?: boolean
  readonly message?: string | undefined
  readonly notes?: readonly string[]
  readonly typed?: boolean
  readonly function?: string | undefined
  /** Polarity at which each type variable was introduced. */
  readonly variables?: ReadonlyMap<object, boolean>
}

export class Label {
  readonly parts: LabelParts

  constructor(parts: LabelParts) {
    this.parts = parts
  }

  get contractSpan(): Span | undefined {
    return this.parts.contractSpan
  }

  get positive(): boolean {
    return this.parts.positive !== false
  }

  with(changes: LabelParts): Label {
    return new Label({ ...this.parts, ...changes })
  }

  /** The label for a part: `span` is where the part's own contract stands, if known. */
  step(step: Step, span?: Span): Label {
    const path = [...(this.parts.path ?? []), step]
    return this.with(span === undefined ? { path } : { path, contractSpan: span })
  }

  flip(): Label {
    return this.with({ positive: !this.positive })
  }

  /** The label of a contract as it is applied to a value. */
  on(value: Lazy, field?: string): Label {
    return new Label({ ...this.parts, value, field: field ?? this.parts.field })
  }
}

/** The error for a contract that was broken. Never returns. */
export function blame(label: Label, failure?: Failure): never {
  throw blameError(failure?.blame ?? label, failure)
}

function blameError(label: Label, failure: Failure | undefined): NickelError {
  const { parts } = label
  const { value } = parts
  const span = (value === undefined ? undefined : bestSpan(value)) ?? parts.valueSpan
  const steps = parts.path ?? []
  const inFunction = steps.some((step) => step === 'domain' || step === 'codomain')
  const fields = steps.flatMap((step) => (typeof step === 'object' ? [step.field] : []))
  const path = parts.field === undefined ? fields : [parts.field, ...fields]
  return new NickelError({
    kind: parts.typed === true && failure?.message === undefined ? 'type' : 'contract',
    message: headline(label, inFunction, path),
    detail: failure?.message ?? parts.message,
    span: failure?.span ?? span,
    spanText: failure?.span === undefined ? valueText(value, steps.at(-1)) : 'this one',
    suggestion: failure?.suggestion,
    contractSpan: parts.contractSpan,
    contractText: contractText(label, steps),
    path,
    notes: [...(failure?.notes ?? []), ...(parts.notes ?? [])],
  })
}

function bestSpan(value: Lazy): Span | undefined {
  if (!(value instanceof Thunk)) return originOf(value)
  return value.span
}

/** What the value turned out to be, when it is known already: nothing is evaluated for a report. */
function valueText(value: Lazy | undefined, last: Step | undefined): string {
  if (value === undefined) return ''
  if (value instanceof Thunk && value.state !== 2) return 'applied to this expression'
  const known = force(value)
  const kind = typeOf(known)
  if (kind === 'Sealed') return 'applied to this polymorphic value'
  const text = shortText(known)
  if (last === 'codomain') return `this function answered ${text ?? withArticle(kind)}`
  return `applied to this expression, ${text === undefined ? withArticle(kind) : `which is ${text}`}`
}

function shortText(value: unknown): string | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'number')
    return String(value)
  if (typeof value === 'string') return value.length > 40 ? undefined : JSON.stringify(value)
  if (value !== null && typeof value === 'object' && 'tag' in value && 'arg' in value) {
    return value.arg === undefined ? `'${String(value.tag)}` : undefined
  }
  return undefined
}

function headline(label: Label, inFunction: boolean, path: readonly string[]): string {
  const { parts } = label
  if (inFunction) {
    const name = parts.function ?? parts.field
    if (!label.positive) {
      return name === undefined
        ? 'contract broken by the caller of a function'
        : `contract broken by the caller of \`${name}\``
    }
    return name === undefined
      ? 'contract broken by a function'
      : `contract broken by the function \`${name}\``
  }
  if (path.length === 0 && parts.function !== undefined) {
    return `contract broken by the value of \`${parts.function}\``
  }
  return path.length === 0
    ? 'contract broken by a value'
    : `contract broken by the value of \`${path.join('.')}\``
}

function contractText(label: Label, steps: readonly Step[]): string {
  const last = steps.at(-1)
  if (last === 'domain') {
    return label.positive
      ? 'expected type of an argument'
      : 'expected type of the argument provided by the caller'
  }
  if (last === 'codomain') return 'expected return type'
  if (last === 'array') return 'expected type of the elements'
  if (last === 'dict') return 'expected type of the fields'
  return 'expected type'
}

/** Where the value of a label stands, for contracts that report something about it themselves. */
export const valueSpan = (label: Label): Span | undefined => {
  const { value } = label.parts
  if (value === undefined) return label.parts.valueSpan
  return originOf(value) ?? (value instanceof Thunk ? undefined : spanOf(value))
}
