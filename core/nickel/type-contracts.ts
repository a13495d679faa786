/**
 * Types as contracts, enforced at run time.
 *
 * `:` and `|` annotations both end here. A `forall` under `|` seals what it quantifies over, so
 * that a function cannot look into it; under `:` (where upstream has proven the same statically)
 * the variable is `Dyn`.
 *
 * @module
 */
import { apply, applyLater, FieldContract } from './contract.ts'
import { closest } from './error.ts'
import type { Label } from './label.ts'
import { blame } from './label.ts'
import { field, Fixed, freeze, isVisible, RecordValue, type Field } from './record.ts'
import type { Span } from './source.ts'
import { ArrayValue, call, Contract, EnumValue, Failure, Fn, force, Native, Sealed, typeOf, withArticle, type Lazy, type TypeName, type Value } from './value.ts' // prettier-ignore

const type = (text: string, check: Contract['check']): Contract => new Contract('Type', text, check)

const expected = (what: string, value: Value): Failure =>
  new Failure(`expected ${what}, got ${describe(value)}`)

const describe = (value: Value): string =>
  value instanceof EnumValue && value.arg === undefined
    ? `the enum tag \`'${value.tag}\``
    : withArticle(typeOf(value))

const primitive = (name: TypeName): Contract =>
  type(name, (_label, value) => {
    const known = force(value)
    if (typeOf(known) === name) return known
    return expected(withArticle(name), known)
  })

export const dynType = type('Dyn', (_label, value) => value)
export const numberType = primitive('Number')
export const stringType = primitive('String')
export const boolType = primitive('Bool')

export const arrayType = (of: Lazy, text: string, span: Span | undefined): Contract =>
  type(text, (label, value) => {
    const known = force(value)
    if (!(known instanceof ArrayValue)) return expected('an array', known)
    if (of === dynType) return known
    const inner = label.step('array', span)
    return new ArrayValue(
      known.items.map((item) => applyLater(of, inner.on(item), item)),
      known.span,
    )
  })

/** `{ _ : T }`: the fields are checked as they are, recursion inside the record is cut. */
export const dictType = (of: Lazy, text: string, span: Span | undefined): Contract =>
  type(text, (label, value) => {
    const known = force(value)
    if (!(known instanceof RecordValue)) return expected('a record', known)
    if (of === dynType) return known
    const fields = new Map<string, Field>()
    for (const [name, own] of freeze(known).fields) {
      if (own.definition === undefined) fields.set(name, own)
      else {
        const item = own.definition.instantiate(known)
        const inner = label.step('dict', span).step({ field: name }).on(item)
        fields.set(name, field(own.meta, new Fixed(applyLater(of, inner, item))))
      }
    }
    return new RecordValue(fields, { open: known.open, span: known.span, sealed: known.sealed })
  })

/** `{ _ | T }`: the contract is added to each field and follows overrides. */
export const dictContract = (of: Lazy, text: string, span: Span | undefined): Contract =>
  type(text, (label, value) => {
    const known = force(value)
    if (!(known instanceof RecordValue)) return expected('a record', known)
    const pending = new FieldContract(of, label.step('dict', span))
    const fields = new Map<string, Field>()
    for (const [name, own] of known.fields) {
      fields.set(name, field(own.meta, own.definition, [...own.contracts, pending]))
    }
    return new RecordValue(fields, { open: known.open, span: known.span, sealed: known.sealed })
  })

interface EnumRowContract {
  readonly tag: string
  readonly arg: Lazy | undefined
  readonly span: Span | undefined
}

export const enumType = (
  rows: readonly EnumRowContract[],
  open: boolean,
  text: string,
): Contract => {
  const byTag = new Map(rows.map((row) => [`${row.tag}${row.arg === undefined ? '' : ' '}`, row]))
  return type(text, (label, value) => {
    const known = force(value)
    if (!(known instanceof EnumValue)) {
      const hint =
        typeof known === 'string' && byTag.has(known)
          ? [`Enum tags are written with a quote in front: '${known}`]
          : []
      return new Failure(`expected an enum, got ${describe(known)}`, hint)
    }
    const row = byTag.get(`${known.tag}${known.arg === undefined ? '' : ' '}`)
    if (row === undefined) return open ? known : wrongTag(known, rows)
    if (row.arg === undefined || known.arg === undefined) return known
    const inner = label.with({ contractSpan: row.span })
    return new EnumValue(known.tag, applyLater(row.arg, inner.on(known.arg), known.arg), known.span)
  })
}

function wrongTag(known: EnumValue, rows: readonly EnumRowContract[]): Failure {
  const tags = rows.map((row) => (row.arg === undefined ? `'${row.tag}` : `'${row.tag} …`))
  const list = tags.length > 12 ? [...tags.slice(0, 12), '…'] : tags
  const names = rows.map(({ tag }) => tag)
  const bare = known.tag.replace(/'+$/, '')
  const near =
    names.find((tag) => tag.toLowerCase() === bare.toLowerCase() && tag !== known.tag) ??
    closest(known.tag, names)
  const notes = list.length > 0 ? [`Possible tags: ${list.join(', ')}`] : []
  const same = rows.find(({ tag }) => tag === known.tag)
  if (same !== undefined) {
    notes.push(same.arg === undefined ? 'The tag takes no argument.' : 'The tag needs an argument.')
  }
  if (known.tag.endsWith("'"))
    notes.push("A tag has no closing quote: 'High' is the tag named `High'`.")
  return new Failure(`tag \`'${known.tag}\` is not in the enum type`, notes, {
    suggestion: near === undefined ? undefined : `'${near}`,
  })
}

export const arrowType = (
  from: Lazy,
  to: Lazy,
  text: string,
  spans: { readonly from: Span | undefined; readonly to: Span | undefined },
): Contract =>
  type(text, (label, value) => {
    const known = force(value)
    if (!(known instanceof Fn) && !(known instanceof Native)) return expected('a function', known)
    const domain = label.step('domain', spans.from).flip()
    const codomain = label.step('codomain', spans.to)
    return new Native(label.parts.function ?? label.parts.field ?? 'function', 1, ([arg], site) => {
      const given = arg as Lazy
      const inner =
        from === dynType
          ? given
          : applyLater(from, domain.with({ value: given, valueSpan: site }), given)
      const result = call(known, [inner], site)
      return to === dynType
        ? result
        : apply(
            to,
            codomain.with({ value: result, valueSpan: known instanceof Fn ? known.span : site }),
            result,
          )
    })
  })

interface RowContract {
  readonly name: string
  readonly contract: Lazy
  readonly span: Span | undefined
}

/** What a record type does with fields it does not list: nothing may be there, or anything. */
export type TailContract = 'empty' | 'dyn' | { readonly key: object }

export const recordType = (
  rows: readonly RowContract[],
  tail: TailContract,
  text: string,
): Contract => {
  const names = new Set(rows.map(({ name }) => name))
  return type(text, (label, value) => {
    const known = force(value)
    if (!(known instanceof RecordValue)) return expected('a record', known)
    const missing = rows.filter(({ name }) => { const own = known.fields.get(name); return own === undefined || !isVisible(own) }) // prettier-ignore
    if (missing.length > 0) {
      const list = missing.map(({ name }) => `\`${name}\``).join(', ')
      return new Failure(`missing field${missing.length === 1 ? '' : 's'} ${list}`)
    }
    const extra = [...known.fields].filter(([name, own]) => !names.has(name) && isVisible(own))
    if (extra.length > 0 && tail === 'empty') {
      const list = extra.map(([name]) => `\`${name}\``).join(', ')
      return new Failure(`extra field${extra.length === 1 ? '' : 's'} ${list}`)
    }
    const fields = new Map<string, Field>()
    const frozen = freeze(known)
    for (const { name, contract, span } of rows) {
      const own = frozen.fields.get(name) as Field
      if (own.definition === undefined) {
        fields.set(name, own)
        continue
      }
      const item = own.definition.instantiate(known)
      const inner = label.step({ field: name }, span).on(item)
      fields.set(name, field(own.meta, new Fixed(applyLater(contract, inner, item))))
    }
    const others = new Map(extra.map(([name]) => [name, frozen.fields.get(name) as Field]))
    return closeRecord(known, fields, others, tail, label)
  })
}

function closeRecord(
  known: RecordValue,
  fields: Map<string, Field>,
  others: Map<string, Field>,
  tail: TailContract,
  label: Label,
): RecordValue | Failure {
  const plain = { open: known.open, span: known.span }
  if (typeof tail === 'string') {
    return new RecordValue(new Map([...fields, ...others]), { ...plain, sealed: known.sealed })
  }
  const introduced = label.parts.variables?.get(tail.key) ?? true
  if (introduced !== label.positive) {
    // On the way into the function: what the type does not list is out of its sight.
    return new RecordValue(fields, {
      ...plain,
      sealed: { key: tail.key, fields: others, owner: known, label },
    })
  }
  if (others.size > 0) {
    const list = [...others.keys()].map((name) => `\`${name}\``).join(', ')
    return new Failure(`extra field${others.size === 1 ? '' : 's'} ${list}`)
  }
  if (known.sealed?.key !== tail.key) return new Failure('polymorphic tail mismatch')
  return new RecordValue(new Map([...fields, ...known.sealed.fields]), plain)
}

/** A type variable: seals on the way in, unseals on the way out. */
export const variableType = (key: object, name: string): Contract =>
  type(name, (label, value) => {
    const introduced = label.parts.variables?.get(key) ?? true
    if (introduced !== label.positive) return new Sealed(key, value, label)
    const known = force(value)
    if (known instanceof Sealed && known.key === key) return known.value
    return blame(label)
  })

export const forallType = (keys: readonly object[], of: Lazy, text: string): Contract =>
  type(text, (label, value) => {
    const variables = new Map(label.parts.variables ?? [])
    for (const key of keys) variables.set(key, label.positive)
    return apply(of, label.with({ variables }), value)
  })
