/**
 * What an inspector sees of the kernel. Off costs one null check per step; on, a throwing inspector
 * harms nobody and is let go after three throws.
 *
 * @module
 */
import type { JsonValue } from '../json.ts'
import type { Count } from '../units.ts'
import type { Address } from './address.ts'

export type InspectRecord =
  | { readonly kind: 'actor.up'; readonly address: Address; readonly restored: boolean }
  | { readonly kind: 'actor.down'; readonly address: Address; readonly why: string }
  | { readonly kind: 'event'; readonly from?: Address; readonly to: Address; readonly type: string }
  | {
      readonly kind: 'transition'
      readonly address: Address
      readonly sequence: Count
      readonly event: string
      readonly from: JsonValue
      readonly to: JsonValue
    }
  | {
      readonly kind: 'effect'
      readonly id: string
      readonly name: string
      readonly phase: 'started' | 'done' | 'failed' | 'aborted'
    }
  | {
      readonly kind: 'mailbox'
      readonly address: Address
      readonly depth: Count
      readonly full: boolean
    }
  | {
      readonly kind: 'log'
      readonly address: Address
      readonly label?: string
      readonly value: unknown
    }
  | {
      readonly kind: 'crash'
      readonly address: Address
      readonly event: string
      readonly state: JsonValue
      readonly what: string
      readonly decision: string
    }
  | { readonly kind: 'observer.failed'; readonly address: Address; readonly what: string }

export type Inspect = (record: InspectRecord) => void

/** An inspector that throws harms nobody, and after three throws it is let go. */
export function guarded(inspect: Inspect): Inspect {
  let patience = 3
  return (record) => {
    if (patience === 0) return
    try {
      inspect(record)
    } catch {
      patience--
    }
  }
}
