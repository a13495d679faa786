/**
 * From what a proposal resolves to, to what is signed: pure, so that a plan and a submission cannot
 * differ.
 *
 * @module
 */
import type { OpBody } from 'prov'

/** Dimensions whose versions the operation counts on. */
export function countedOn(body: OpBody): readonly string[] {
  return [...new Set(body.achieves.map(({ dimension }) => dimension))].sort()
}

/** A body as plain data: what has no value has no key, so the digest is the same everywhere. */
export function plainBody(body: OpBody): OpBody {
  return JSON.parse(JSON.stringify(body)) as OpBody
}
