/**
 * Keeper modes. A mode is never set: it is what follows from two facts that people change by
 * operating (is the signer running and allowed to sign by itself?) and one that they change by
 * editing (what does the policy sign?). There is no mode constant to forget anywhere (MODE-04).
 *
 *     signer off, or the policy signs nothing ............. manual
 *     signer on, policy signs some ops .................... hybrid
 *     signer on, policy signs every op, asks for nobody ... auto
 *
 * @module
 */
import type { Policy } from './policy.ts'
import { matchesEverything } from './policy.ts'

export type KeeperMode = 'auto' | 'manual' | 'hybrid'

export interface KeeperFacts {
  /** A keeper process holds the keeper lease. */
  readonly running: boolean
  /** The switch that `switch_to_vm_ops` turns on and `switch_to_operator_only` turns off. */
  readonly autoSign: boolean
  readonly policy: Policy
}

export interface ModeReading {
  readonly mode: KeeperMode
  readonly why: string
}

/** The mode that the facts amount to, with the reason. */
export function keeperMode(facts: KeeperFacts): ModeReading {
  const { policy } = facts
  if (!facts.running) return { mode: 'manual', why: 'no keeper is running' }
  if (!facts.autoSign) return { mode: 'manual', why: 'automatic signing is switched off' }
  if (policy.auto_sign.length === 0) return { mode: 'manual', why: 'the policy signs nothing' }
  const asksNobody = policy.require_manual.length === 0
  if (asksNobody && policy.auto_sign.some(matchesEverything)) {
    return { mode: 'auto', why: 'the policy signs every op that it does not deny' }
  }
  return { mode: 'hybrid', why: `${policy.auto_sign.length} auto_sign rules; the rest is held` }
}

/**
 * The switches that the original system's playbooks name. They change one fact and nothing else:
 * other parts go on running (CON-04).
 */
export const modeSwitches = {
  switch_to_vm_ops: { autoSign: true },
  switch_to_operator_only: { autoSign: false },
} as const

/** May the keeper sign what the policy signs? Otherwise even an auto_sign match is held. */
export function mayAutoSign(facts: Pick<KeeperFacts, 'running' | 'autoSign'>): boolean {
  return facts.running && facts.autoSign
}
