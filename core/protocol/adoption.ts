/**
 * A journal that goes on under another id (D-36), from the contract's side: what a person signs for
 * it, and the record that the journal keeps until the contract has put it into the trail.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { newId } from '../ids.ts'
import type { JsonObject } from '../json.ts'
import { adoptedRecord } from '../journal/adopt.ts'
import type { JournalRecord } from '../journal/journal.ts'
import type { AdoptionData } from './audit.ts'
import type { Signer } from './key.ts'
import { signToken } from './tokens.ts'

/** Seconds in which the act must have entered the trail. */
const lifeSeconds = 86_400

/** Signs an adoption, for the audience of the journal that is left: there the key is known. */
export async function signAdoption(request: {
  readonly signer: Signer
  readonly workspace: string
  readonly clock: Clock
  readonly reason: string
  readonly adoption: Omit<AdoptionData, 'by' | 'act'>
}): Promise<AdoptionData> {
  const { signer, workspace, clock, reason, adoption } = request
  const iat = Math.floor(clock.now() / 1_000)
  const { from, to, position, hash } = adoption
  const act = await signToken(
    'act',
    {
      iss: signer.record.kid,
      sub: to,
      aud: from,
      jti: newId('jti', clock),
      iat,
      exp: iat + lifeSeconds,
      workspace,
      act: 'journal.adopt',
      reason,
      with: { from, to, position, hash },
    },
    signer,
  )
  return { from, to, position, hash, by: signer.record.actor, act }
}

/** The adoption in a journal record, or undefined. */
export function adoptionOfRecord(record: JournalRecord) {
  const { partition, type } = record
  if (partition !== adoptedRecord.partition || type !== adoptedRecord.type) return undefined
  return record.body as JsonObject as unknown as AdoptionData
}
