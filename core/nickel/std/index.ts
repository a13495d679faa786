/**
 * The standard library: native code, nothing to parse, built member by member when asked for.
 *
 * What upstream does not have (`std.env`) is present only to be refused with a way out; reading the
 * environment would make a result depend on something no cache can see.
 *
 * @module
 */
import { NickelError } from '../error.ts'
import { recordOf, type RecordValue } from '../record.ts'
import type { Span } from '../source.ts'
import { Contract, EnumValue, Failure, force, typeOf, type Lazy, type Value } from '../value.ts'
import { arrayModule } from './array.ts'
import { contractModule } from './contract.ts'
import { deserialize, hash, serialize } from './formats.ts'
import { Call, functions, moduleOf, native, tag, validator } from './native.ts'
import { numberModule } from './number.ts'
import { deepForce, primitiveBody, typeTag } from './primitives.ts'
import { recordModule } from './record.ts'
import { stringModule, stringOf } from './string.ts'

const enumModule = (): RecordValue =>
  moduleOf({
    Tag: () => validator('std.enum.Tag', (value) => (value instanceof EnumValue && value.arg === undefined ? undefined : 'expected an enum tag')),
    Enum: () => validator('std.enum.Enum', (value) => (value instanceof EnumValue ? undefined : 'expected an enum')),
    TagOrString: () =>
      new Contract('CustomContract', 'std.enum.TagOrString', (_label, value) => {
        const known = force(value)
        if (typeof known === 'string') return tag(known)
        return known instanceof EnumValue && known.arg === undefined ? known : new Failure('expected either a string or an enum tag')
      }),
    ...functions('std.enum', {
      is_enum_tag: [1, (c) => isTag(c.value(0))],
      is_enum_variant: [1, (c) => isVariant(c.value(0))],
      to_tag_and_arg: [1, (c) => {
        const { tag: name, arg } = c.enum(0)
        return recordOf(arg === undefined ? [['tag', name]] : [['tag', name], ['arg', arg]], c.site)
      }],
      from_tag_and_arg: [1, (c) => {
        const record = c.record(0)
        const name = force(record.get('tag') ?? c.refuse(0, 'missing field `tag`'))
        if (typeof name !== 'string') return c.refuse(0, 'the field `tag` is a String')
        const own = record.fields.get('arg')
        return own?.definition === undefined ? tag(name) : tag(name, record.finalOf('arg', own))
      }],
      map: [2, (c) => {
        const value = c.enum(1)
        return value.arg === undefined ? value : tag(value.tag, c.function(0)(value.arg))
      }],
    }),
  }) // prettier-ignore

const isTag = (value: Value): boolean => value instanceof EnumValue && value.arg === undefined
const isVariant = (value: Value): boolean => value instanceof EnumValue && value.arg !== undefined

const functionModule = (): RecordValue =>
  moduleOf(
    functions('std.function', {
      id: [1, (c) => c.value(0)],
      compose: [3, (c) => c.function(0)(c.function(1)(c.lazy(2)))],
      flip: [3, (c) => c.function(0)(c.lazy(2), c.lazy(1))],
      const: [2, (c) => c.value(0)],
      first: [2, (c) => c.value(0)],
      second: [2, (c) => c.value(1)],
      pipe: [2, (c) => {
        let value = c.lazy(0)
        for (const step of c.array(1).items) value = new Call('std.function.pipe', [step], c.site).function(0)(value)
        return force(value)
      }],
    }),
  ) // prettier-ignore

const testModule = (): RecordValue =>
  moduleOf({
    Assert: () => validator('std.test.Assert', (value) => (value === true ? undefined : 'the assertion does not hold')),
    ...functions('std.test', {
      assert_all: [1, (c) => {
        for (const [index, item] of c.array(0).items.entries()) {
          if (force(item) !== true) c.refuse(0, `assertion ${index + 1} does not hold`)
        }
        return true
      }],
    }),
  }) // prettier-ignore

/** Upstream never had it; documents mention it. */
const envModule = (): RecordValue =>
  moduleOf({
    get: () =>
      native('std.env.get', 1, (call) => {
        throw new NickelError({
          kind: 'unsupported',
          message: '`std.env.get` does not exist in Nickel',
          span: call.site,
          notes: [
            'Pass the value as data: write it to a JSON file and import that file.',
            'Secrets do not belong into Nickel at all; name the variable and let the program read it.',
          ],
        })
      }),
  })

/** Package manifests belong to upstream's package manager, which has no counterpart here. */
const packageModule = (): never => {
  throw new NickelError({
    kind: 'unsupported',
    message: '`std.package` is not supported',
    notes: ['It only serves manifests of Nickel packages; import files by path instead.'],
  })
}

const is =
  (name: string) =>
  (c: Call): Value =>
    typeOf(c.value(0)) === name

const topLevel = functions('std', {
  is_number: [1, is('Number')],
  is_bool: [1, is('Bool')],
  is_string: [1, is('String')],
  is_enum: [1, is('Enum')],
  is_function: [1, is('Function')],
  is_array: [1, is('Array')],
  is_record: [1, is('Record')],
  typeof: [1, (c) => tag(typeTag(c.value(0)))],
  cast: [1, (c) => tag(typeTag(c.value(0)), c.lazy(0))],
  seq: [2, (c) => {
    c.value(0)
    return c.value(1)
  }],
  deep_seq: [2, (c) => {
    deepForce(c.lazy(0))
    return c.value(1)
  }],
  hash: [2, (c) => hash(c, 0, 1)],
  serialize: [2, (c) => serialize(c, 0, 1)],
  deserialize: [2, (c) => deserialize(c, 0, 1)],
  to_string: [1, (c) => stringOf(c, 0)],
  trace: [2, (c) => {
    process.stderr.write(`std.trace: ${c.string(0)}\n`)
    return c.value(1)
  }],
  FailWith: [1, (c) => new Contract('CustomContract', 'std.FailWith', () => new Failure(c.string(0)))],
  fail_with: [1, (c) => {
    throw new NickelError({
      kind: 'contract',
      message: c.string(0),
      span: c.site,
      spanText: 'std.fail_with was called here',
    })
  }],
}) // prettier-ignore

/** The record that programs see as `std`. */
export const standardLibrary = (): RecordValue =>
  moduleOf({
    array: arrayModule,
    contract: contractModule,
    enum: enumModule,
    env: envModule,
    function: functionModule,
    number: numberModule,
    package: packageModule,
    record: recordModule,
    string: stringModule,
    test: testModule,
    ...topLevel,
  })

/** The meaning of `%name%`. */
export function primitive(name: string): (args: readonly Lazy[], site: Span) => Value {
  const body = primitiveBody(name)
  return (args, site) => body(new Call(`%${name}%`, args, site))
}
