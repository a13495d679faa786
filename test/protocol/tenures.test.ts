/** A plane's key follows another by the controller's own word, and by nothing that looks like it. */
import t from 'tap'
import { systemClock } from '../../core/clock.ts'
import type { AuditData, AuditEvent, Emitter } from '../../core/protocol/audit.ts'
import { auditEmitter } from '../../core/protocol/emitter.ts'
import type { Signer } from '../../core/protocol/key.ts'
import { Tenures } from '../../core/protocol/tenures.ts'
import { ground, open } from './world.ts'

t.test('a key follows once the controller confirmed that very one', async (t) => {
  const { deal, close } = await open(ground(t))
  t.teardown(close)
  const [first, controller] = [deal.service('submitter'), deal.service('controller')]
  // Any other key does for the one that is to follow.
  const next = deal.service('orchestrator')
  const { kid } = next.record
  const from = first.record.kid
  const pen = (role: Emitter, signer: Signer, n = 3) => {
    const end = { n, digest: null }
    return auditEmitter({ role, workspace: 'my-infra', epoch: 1, signer, clock: systemClock, end })
  }
  const subject = 'service-submitter'
  const said = { role: 'submitter', kid, from } as const
  const confirmed = (
    signer = controller,
    role: Emitter = 'controller',
    data: AuditData['key.confirmed'] = said,
  ) => pen(role, signer).entry({ type: 'key.confirmed', subject, data }).event
  const rotated = (confirmation: unknown) => {
    const data = { ...said, confirmation: confirmation as AuditEvent<'key.confirmed'> }
    return pen('submitter', next).entry({ type: 'key.rotated', subject, data }).event
  }
  const tenures = new Tenures()
  tenures.begin('submitter', first.record)
  tenures.begin('controller', controller.record)
  // Of two planes elsewhere one may be heard long before the other.
  const ahead = new Tenures()
  ahead.begin('submitter', first.record)
  const early = confirmed()
  ahead.confirm(early)
  t.equal(ahead.confirmation('submitter'), undefined, 'nothing is known to follow')
  ahead.offer('submitter', controller.record)
  t.equal(ahead.confirmation('submitter'), undefined, 'it was of another key')
  ahead.offer('submitter', next.record)
  t.equal(ahead.confirmation('submitter'), early, 'a confirmation ahead of its offer is kept')
  t.type(tenures.rotate(rotated(confirmed())), 'string', 'it was not offered')
  tenures.offer('submitter', next.record)

  const other = { ...said, kid: controller.record.kid }
  const forged = {
    'nothing at all': undefined,
    'what is no event': { role: 'submitter' },
    'the next key itself': confirmed(next),
    'the plane that gets it': confirmed(first, 'submitter'),
    "the controller's key under another name": confirmed(controller, 'keeper'),
    'another key confirmed': confirmed(controller, 'controller', other),
    'one that was altered': { ...confirmed(controller, 'controller', other), data: said },
  }
  for (const [what, confirmation] of Object.entries(forged)) {
    t.type(tenures.rotate(rotated(confirmation)), 'string', what)
    t.equal(tenures.current('submitter')?.kid, from, what)
  }
  tenures.confirm(confirmed(first, 'submitter'))
  t.equal(tenures.confirmation('submitter'), undefined, 'only the controller confirms')
  const good = confirmed()
  tenures.confirm(good)
  t.equal(tenures.confirmation('submitter'), good)
  t.equal(tenures.rotate(rotated(good)), next.record)
  t.equal(tenures.signer('submitter', from, 3)?.kid, from, 'what it signed before holds')
  t.equal(tenures.signer('submitter', from, 4), undefined)
  t.equal(tenures.signer('submitter', kid, 4)?.kid, kid)
})
