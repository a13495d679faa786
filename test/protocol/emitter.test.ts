import t from 'tap'
import { systemClock } from '../../core/clock.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { auditEmitter, isSignedHere } from '../../core/protocol/emitter.ts'
import { genuine } from '../../core/protocol/follow.ts'
import type { KeyRecord, Signer } from '../../core/protocol/key.ts'
import { ground, open } from './world.ts'

const clock = systemClock

const drafted = (signer: Signer): AuditEvent =>
  auditEmitter({
    role: 'keeper',
    workspace: 'my-infra',
    epoch: 1,
    signer,
    clock,
    end: { n: 0, digest: null },
  }).entry({ type: 'keeper.mode', subject: 'mode', data: { mode: 'auto', by: 'alice' } }).event

/** What a follower makes of it, where only that key may speak for the keeper. */
const heard = (event: unknown, record: KeyRecord) =>
  genuine(
    { workspace: 'my-infra', keyring: { emits: () => record } as never },
    { body: event as never, id: 'one' },
  )

t.test('only the very event that was signed here needs no check', async (t) => {
  const { deal, close } = await open(ground(t))
  t.teardown(close)
  const signer = deal.service('keeper')
  const { record } = signer
  const event = drafted(signer)
  t.ok(isSignedHere(event, record.publicKey))
  t.notOk(isSignedHere({ ...event }, record.publicKey), 'a copy is another event')
  t.notOk(isSignedHere(event, deal.service('controller').record.publicKey), 'under its key alone')
  t.throws(() => Object.assign(event.data, { mode: 'manual' }), 'and nobody can change it')
  t.equal((await heard(event, record))?.id, 'keeper:1:1')
  const forged = { ...event, data: { mode: 'manual', by: 'mallory' } }
  t.equal(await heard(forged, record), undefined, 'what was changed is not what was signed')
})

t.test('a key whose halves do not belong together signs nothing that counts', async (t) => {
  const { deal, close } = await open(ground(t))
  t.teardown(close)
  const { record } = deal.service('keeper')
  const torn: Signer = { ...deal.service('controller'), record }
  const event = drafted(torn)
  t.notOk(isSignedHere(event, record.publicKey))
  t.equal(await heard(event, record), undefined)
})
