/**
 * What a command prints with `--json`, as a JSON Schema (2020-12) that is put together from a few
 * pieces. Nothing is checked against it at run time: it is what `prov help json` says, and what tests
 * hold every output against.
 *
 * Objects stay open: whoever reads takes what it knows and lets the rest be, so that a field may be
 * added at any time. Anything else that changes raises `shapeVersion`.
 *
 * @module
 */
import { exitCodes } from '../errors.ts'
import type { Count } from '../units.ts'

export interface Shape {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null'
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  /** Of a record: what each value is, whatever its name. */
  readonly additionalProperties?: Shape
  readonly items?: Shape
  readonly anyOf?: readonly Shape[]
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, Shape>>
}

type Fields = Readonly<Record<string, Shape>>

/** What one command prints. */
export interface Printed {
  /** 1 at first; raised by any change but a field more. */
  readonly shapeVersion: Count
  readonly shape: Shape
}

/** By the words of the command. */
export type ShapeTable = Readonly<Record<string, Printed>>

const object = (always: Fields, sometimes: Fields = {}): Shape => ({
  type: 'object',
  properties: { ...always, ...sometimes },
  required: Object.keys(always),
})
const either = (...anyOf: readonly Shape[]): Shape => ({ anyOf })
const nothing: Shape = { type: 'null' }

const text: Shape = { type: 'string' }
/** A whole number. */
const count: Shape = { type: 'integer' }
/** An object whose fields are somebody else's: of a plugin, of a file, of an event. */
const data: Shape = { type: 'object' }
const word = (...words: readonly string[]): Shape => ({ type: 'string', enum: words })

/** The pieces. */
export const shape = {
  text,
  number: { type: 'number' },
  count,
  flag: { type: 'boolean' },
  /** Any JSON value. */
  any: {},
  data,
  /** One of these words. */
  word,
  object,
  list: (items: Shape): Shape => ({ type: 'array', items }),
  /** An object whose names are data. */
  record: (values: Shape): Shape => ({ type: 'object', additionalProperties: values }),
  either,
  /** Or null. */
  maybe: (one: Shape): Shape => either(one, nothing),
  /** A piece of `definitions`, for what contains itself. */
  ref: (name: string): Shape => ({ $ref: `#/$defs/${name}` }),
  /** What stands on stderr when a command fails, and within answers that report of errors. */
  error: object(
    {
      code: text,
      disposition: word(...Object.keys(exitCodes)),
      message: text,
      remedy: text,
      detail: data,
    },
    { place: object({ file: text }, { line: count, column: count }), cause: text },
  ),
  printed: (shapeVersion: Count, one: Shape, definitions?: Fields): Printed => ({
    shapeVersion,
    shape: definitions ? { ...one, $defs: definitions } : one,
  }),
} as const satisfies Record<string, unknown>
