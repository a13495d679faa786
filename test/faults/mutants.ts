/**
 * What a careless hand could leave out of the pipeline: each mutant takes one protection out of the
 * compiled output, and names the promise that must notice: a test file and the title of a test in it.
 *
 * @module
 */
import { mutantsOf } from '../support/mutation.ts'
import type { Mutant } from '../support/mutation.ts'

const controller = 'plugins/controller/controller.js'
const controllerTest = 'plugins/controller.test.js'
const keeper = 'plugins/keeper/keeper.js'
const keeperTest = 'plugins/keeper.test.js'
const mirror = 'plugins/mirror/mirror.js'
const mirrorTest = 'plugins/mirror.test.js'
const order = 'faults/order.test.js'

const journal: readonly Mutant[] = [
  ...mutantsOf(
    'core/journal/writer.js',
    ['journal/file.test.js', 'a journal on disk'],
    ['no sync', 'const synced = this.#file.datasync();', 'const synced = undefined;'],
  ),
  ...mutantsOf(
    'core/journal/commit.js',
    ['faults/disk.test.js', 'EIO: prov run ends with PROV_JOURNAL_POISONED'],
    ['a workspace is held beside a journal that stopped', 'this.#over.abort(failure);', ''],
  ),
  ...mutantsOf(
    'core/journal/file.js',
    ['journal/lock.test.js', 'a writer fenced while its sync runs does not acknowledge'],
    [
      'no epoch check after the sync',
      'const mark = await writer.write(frames);\n            assertHeld();',
      'const mark = await writer.write(frames);',
    ],
  ),
  ...mutantsOf(
    'core/journal/file.js',
    ['journal/lock.test.js', 'a fenced writer stays fenced when its successor is replaced too'],
    [
      'no epoch check before the write',
      'assertHeld();\n            const mark = await writer.write(frames);',
      'const mark = await writer.write(frames);',
    ],
  ),
  ...mutantsOf(
    'core/journal/lock.js',
    ['journal/lock.test.js', 'a lock held where we cannot look stays'],
    ['the lock of a live owner is taken', "if (state !== 'dead' && !supersede())", 'if (false)'],
  ),
  ...mutantsOf(
    'core/journal/recover.js',
    ['journal/verify.test.js', 'a record rewritten with a fitting CRC breaks the hash chain'],
    ['the hash chain is not checked', 'if (!found.previous.equals(hash))', 'if (false)'],
  ),
  ...mutantsOf(
    'core/journal/recover.js',
    ['journal/recover.test.js', 'J5 a sealed batch rewritten with a fitting CRC is refused'],
    ['the seal of a segment is not checked', '!header.sealedHash.equals(before.hash)', 'false'],
  ),
  ...mutantsOf(
    'core/journal/anchor-check.js',
    ['journal/anchor.test.js', 'an older state of a journal is refused'],
    ['an older copy of a journal goes on', 'if (found.batch < head.batch)', 'if (false)'],
  ),
  ...mutantsOf(
    'core/actor/turns.js',
    ['actor/kernel.test.js', 'nothing outside happens, and nobody is answered, before the step'],
    [
      'effects of a step before its commit',
      'return realm.writer.append(turn.entries, durable, refused);',
      'return durable(), realm.writer.append(turn.entries, () => {}, () => {});',
    ],
  ),
]

const tokens: readonly Mutant[] = mutantsOf(
  'core/protocol/tokens.js',
  ['protocol/tokens.test.js', 'each wrong token is refused under its own name'],
  ['no body-hash check', 'bodyDigest(claims) !== claims.op_digest', 'false'],
  [
    'no signature check',
    'if (!verifySignature(parts.record.publicKey, parts.input, parts.signature))',
    'if (false)',
  ],
  [
    'journal id not checked',
    'claims.aud !== context.audience && !context.former?.includes(claims.aud)',
    'false',
  ],
  ['expiry of a token ignored', 'if (timed && lateMs >= 0)', 'if (false)'],
  ['role of a key ignored', 'if (!rule.signers(record))', 'if (false)'],
  ['algorithm not pinned', 'if (alg !== record.alg)', 'if (false)'],
)

const keepers: readonly Mutant[] = [
  ...mutantsOf(
    'plugins/keeper/inbox.js',
    [order, 'an operation on record is judged by its own intent'],
    ['another intent than the one on record is judged', 'if (row.intent !== digest)', 'if (false)'],
  ),
  ...mutantsOf(
    'plugins/keeper/inbox.js',
    [order, 'an intent is acknowledged after the keeper has it on disk'],
    ['an intent is acknowledged before it is kept', 'await keeper.begin({', 'void keeper.begin({'],
  ),
  ...mutantsOf(
    'plugins/keeper/decide.js',
    [keeperTest, 'who may not approve is refused by name'],
    ['vote of an agent counted', "if (kind !== 'human')", 'if (false)'],
    [
      'vote of the requester counted',
      'if (own && policy.compiled?.policy.requester_may_approve !== true)',
      'if (false)',
    ],
  ),
  ...mutantsOf(
    'plugins/keeper/decide.js',
    [keeperTest, 'a vote speaks of one plan under one policy'],
    ['vote on another policy counted', 'claims.policy_digest !== policy.digest', 'false'],
    ['vote on another state counted', '!sameVector(claims.state_vector, row.expected)', 'false'],
  ),
  ...mutantsOf(
    'plugins/keeper/decide.js',
    ['plugins/keeper-people.test.js', 'two keys of one person are one voice'],
    ['one person votes twice', 'if (voted && !(more && voted.kid === voter.kid))', 'if (false)'],
  ),
  ...mutantsOf(
    keeper,
    [order, 'an operation whose intent is over is not signed once more'],
    ['expiry of an intent ignored', 'this.#parts.clock.now() >= claims.exp * 1_000', 'false'],
  ),
  ...mutantsOf(
    keeper,
    [order, 'what another policy governs by now is not signed under the one before'],
    [
      'signed under a policy that is no more',
      '(policy?.digest ?? noPolicy.digest) !== this.#policy.digest',
      'false',
    ],
  ),
  ...mutantsOf(
    'core/protocol/follow.js',
    [keeperTest, 'publishing what no plane signed moves nothing'],
    ['what planes say is not verified', 'return good ? event : undefined;', 'return event;'],
  ),
]

const controllers: readonly Mutant[] = [
  ...mutantsOf(
    'plugins/controller/verify.js',
    [controllerTest, 'a command is claimed only while everything that was agreed still holds'],
    ['no policy check at claim', 'policy.digest !== approval.policy_digest', 'false'],
    ['expiry of a command ignored', 'if (lateMs >= 0)', 'if (false)'],
    ['a clock that is behind has no name', 'behindMs > clockSkewMs', 'false'],
    ['expiry of the intent inside ignored', 'if (lateIntentMs >= 0)', 'if (false)'],
    ['no check against the intent inside', 'if (altered !== undefined)', 'if (false)'],
    ['no version check at claim', 'if (found !== expected)', 'if (false)'],
    ['no hold', 'holder !== undefined && holder !== op', 'false'],
    ['no check of gates', "gate?.status !== 'open'", 'false'],
  ),
  ...mutantsOf(
    controller,
    [controllerTest, 'commands that the keeper did not sign, or not so, are refused by name'],
    ['approval reused', "if (place === 'reused')", 'if (false)'],
  ),
  ...mutantsOf(
    controller,
    [controllerTest, 'numbers are taken in order'],
    ['no order of numbers', "if (place === 'early')", 'if (false)'],
  ),
  ...mutantsOf(
    controller,
    [controllerTest, 'the very command again is quiet as a redelivery and audited as a replay'],
    ['a replay is acknowledged', '!isMessage(delivery.id, `command:${epoch}:${seq}`)', 'false'],
  ),
  ...mutantsOf(
    controller,
    [order, 'a command is acknowledged, and its effect begins, after its CLAIM is on disk'],
    [
      'a command is acknowledged before its CLAIM',
      'void started\n            .finally(() => this.#claiming.delete(op))\n            .then(() => delivery.ack())',
      'void delivery.ack().then(() => started)',
    ],
    [
      'the effect before its CLAIM',
      'const started = start(op, {',
      `void this.#parts.orchestrator.run({ op, token: provider_token, run: intent.op.run });
       const started = start(op, {`,
    ],
  ),
  ...mutantsOf(
    'core/actor/lives.js',
    [order, 'a command is acknowledged, and its effect begins, after its CLAIM is on disk'],
    [
      'an actor acts before its first record',
      'writer.append(entries, () => resolve(this.#up(cell, first, input)), reject);',
      'resolve(this.#up(cell, first, input)), writer.append(entries, () => {}, () => {});',
    ],
  ),
  ...mutantsOf(
    controller,
    [order, 'the token of a provider is made of journal and operation'],
    ['the token of the provider is not passed on', 'token: providerToken,', "token: '',"],
    ['the token of the provider changes with each life', 'op, step: ', 'op, epoch, step: '],
  ),
  ...mutantsOf(
    'plugins/controller/index.js',
    ['plugins/restored.test.js', 'a backup from before the claim is refused'],
    ['no anchor before the effect', 'deal.anchor().then(', 'Promise.resolve().then('],
  ),
  ...mutantsOf(
    controller,
    [controllerTest, 'what moved under an operation that ran leaves it in doubt'],
    ['state vector ignored at RESULT', "outcome.outcome === 'applied' && moved", 'false'],
  ),
  ...mutantsOf(
    controller,
    [controllerTest, 'what is in doubt is held over a restart too'],
    [
      'holds forgotten at restart',
      'for (const dimension of row.writes ?? [])',
      'for (const _ of [])',
    ],
  ),
]

const leases: readonly Mutant[] = [
  ...mutantsOf(
    'core/protocol/standing.js',
    ['planes/set-back.test.js', 'a used token is not run again when submitter and keeper heard'],
    [
      'a controller asks nobody whether its journal is the newest',
      'this.#good.catch(() => { });',
      'this.#agree(); this.#decided = true; this.#good.catch(() => { });',
    ],
  ),
  ...mutantsOf(
    'core/protocol/standing.js',
    ['planes/set-back.test.js', 'the newest journal goes on as soon as the keeper answered'],
    [
      'what nobody signed vouches for a journal',
      'if (!record || !verifySignature(record.publicKey, textOf(stand, journal), signature))',
      'if (false)',
    ],
  ),
  ...mutantsOf(
    'core/protocol/contract.js',
    ['planes/keeper-set-back.test.js', 'a keeper that was set back ends when controller heard'],
    [
      'a keeper asks nobody whether its journal is the newest',
      "standings = ['controller', 'keeper']",
      "standings = ['controller']",
    ],
  ),
  ...mutantsOf(
    'core/protocol/standing.js',
    ['planes/keeper-set-back.test.js', 'a keeper that another one followed is told so'],
    [
      'the grant of a successor is not looked at',
      "if (await this.#isReplaced(shown['grant']))",
      'if (false)',
    ],
  ),
  ...mutantsOf(
    'core/protocol/office.js',
    ['protocol/office.test.js', 'cut off from the server it decides nothing'],
    ['claimed without the lease', 'if (!this.#lease?.held())', 'if (false)'],
    ['the server is not asked before the effect', 'await lease.confirm();', ''],
  ),
]

const stolen = 'planes/stolen-keeper.test.js'
const stolenKeys: readonly Mutant[] = [
  ...mutantsOf(
    'plugins/controller/verify.js',
    [stolen, 'the next number, signed by somebody who has the keeper'],
    ['what is behind an approval is not looked at', 'if (what !== undefined)', 'if (false)'],
  ),
  ...mutantsOf(
    'core/protocol/keyring.js',
    [stolen, 'a vote that nobody signed is none'],
    [
      'a vote counts without its token',
      "if (isAudit(event, 'op.vote'))\n            return this.#vote(event);",
      '',
    ],
  ),
  ...mutantsOf(
    'core/protocol/hearing.js',
    [stolen, 'the next number, signed by somebody who has the keeper'],
    ['a retired key forks the chain', 'this.#options.retired?.(event.kid) === true', 'false'],
  ),
]

const keyChanges = 'plugins/keeper-keys.test.js'
const keys: readonly Mutant[] = [
  ...mutantsOf(
    'core/protocol/tokens.js',
    [keyChanges, 'a token of a revoked key that comes in by the bus is refused by name'],
    ['a revoked key signs', 'context.revoked?.(record.kid) === true', 'false'],
  ),
  ...mutantsOf(
    'plugins/controller/verify.js',
    [keyChanges, 'what a revoked key agreed to is void, before the signature and after it'],
    ['the vote of a revoked key is claimed on', 'approval.approvals.some(', '[].some('],
  ),
  ...mutantsOf(
    'plugins/controller/verify.js',
    [keyChanges, 'a command that was signed and not claimed dies with the key that asked for it'],
    ['what a revoked key asked for is claimed', 'question.revoked(intent.iss)', 'false'],
  ),
  ...mutantsOf(
    controller,
    [keyChanges, 'whoever kept a copy of the old key signs nothing that counts'],
    ['a retired key of the keeper signs', 'if (!keyring.retired(iss))', 'if (true)'],
  ),
  ...mutantsOf(
    'core/protocol/tenures.js',
    ['protocol/tenures.test.js', 'a key follows once the controller confirmed that very one'],
    [
      'a confirmation ahead of its offer is forgotten',
      'this.#confirmed.set(role, event);',
      'if (this.#offered.get(role)?.kid === kid) this.#confirmed.set(role, event);',
    ],
  ),
]

const carriers: readonly Mutant[] = [
  ...mutantsOf(
    'core/protocol/contract.js',
    [
      'protocol/contract.test.js',
      'what a frame says must go out goes out once, also after a crash',
    ],
    [
      'outbox dropped at restart',
      'for (const [role, items] of fold.unsent)',
      'for (const [role, items] of [])',
    ],
  ),
  ...mutantsOf(
    'core/protocol/hops.js',
    ['planes/hops.test.js', 'a message on ops.cmd that the bus took and lost goes out again'],
    ['nothing is sent again', 'if (!isHop(item.id))', 'if (true)'],
  ),
  ...mutantsOf(
    mirror,
    [mirrorTest, 'a forged event is put aside with its reason and stops nothing'],
    [
      'the mirror does not verify the stream',
      'if (fault)\n                throw fault;\n            return ledgerEntry',
      'return ledgerEntry',
    ],
  ),
  ...mutantsOf(
    mirror,
    [mirrorTest, 'an event that nobody signed stops the mirror'],
    [
      'the mirror does not verify the journal',
      'if (fault)\n                throw fault;\n            const last',
      'const last',
    ],
  ),
  ...mutantsOf(
    mirror,
    [mirrorTest, 'killed between commit and acknowledgement it doubles nothing'],
    [
      'the mirror is not idempotent',
      'if (n > seen.last(emitter))\n                    missing',
      'if (true)\n                    missing',
    ],
  ),
  ...mutantsOf(
    'plugins/mirror/set-back.js',
    [mirrorTest, 'a journal that was set back is told by the ledger'],
    ['a journal that the ledger knows to be older goes on', 'by === undefined || !known', 'true'],
  ),
  ...mutantsOf(
    'plugins/mirror/writer.js',
    [
      'plugins/mirror-ledger.test.js',
      "git's own index, spoilt by a power cut, is made again and keeps nothing out",
    ],
    ['what git shows stops the ledger', 'await mendGitIndex();', ''],
  ),
  ...mutantsOf(
    mirror,
    [mirrorTest, 'two genuine events with one number stop the mirror'],
    ['forks are not told', 'held !== undefined && held !== entry.digest', 'false'],
  ),
]

const deskTest = 'desk/desk.test.js'
const callTest = 'desk/call.test.js'
const desks: readonly Mutant[] = [
  ...mutantsOf(
    'core/desk/desk.js',
    [deskTest, 'each request that does not hold is refused under its own name'],
    [
      'the signature of a request is not checked',
      '!(await verifySignatureLater(record.publicKey, signed.text, signature))',
      'false',
    ],
    ['a revoked key is answered', 'if (keyring.revocation(kid))', 'if (false)'],
    [
      'a request for another project is taken',
      'asked.workspace !== workspace || asked.plane !== plane',
      'false',
    ],
    ['what needs no token is taken', '!planesFor(asked.do, asked.with).includes(plane)', 'false'],
    ['a request of yesterday is taken', 'if (skewMs > clockSkewMs)', 'if (false)'],
    ['who has not heard enough answers', 'await this.#caughtUp(asked, signal);', ''],
  ),
  ...mutantsOf(
    'core/desk/desk.js',
    [deskTest, 'a request counts once, and for one life of the plane'],
    ['a request counts twice', "if (fresh === 'known')", 'if (false)'],
    ['a request counts after a restart', "if (asked.do !== 'hello' && !lives)", 'if (false)'],
  ),
  ...mutantsOf(
    'core/bus/exchange.js',
    [deskTest, 'an answer goes to whoever asked, and nowhere else'],
    [
      'a plane says to a subject what a stranger wants',
      '!reply.startsWith(`${inboxes}.`)',
      'false',
    ],
  ),
  ...mutantsOf(
    'core/desk/desk.js',
    [deskTest, 'a flood is bounded, and who is known is still answered'],
    ['strangers are told for ever', 'this.#told >= this.#limits.strangers', 'false'],
    ['one key takes all the room', 'own >= this.#limits.each', 'false'],
  ),
  ...mutantsOf(
    'core/desk/call.js',
    [callTest, 'what the plane did not sign for this request is not believed'],
    [
      'the signature of an answer is not checked',
      'if (key?.kid !== kid || !holds(key))',
      'if (false)',
    ],
    [
      'an answer to another request is believed',
      'about !== to || of !== plane || workspace !== this.#options.project',
      'false',
    ],
  ),
  ...mutantsOf(
    'core/desk/known.js',
    [callTest, 'nobody makes up that a plane got another key'],
    [
      'what offers a key is not verified',
      '!verifySignature(key.publicKey, signedText(event), event.signature)',
      'false',
    ],
  ),
  ...mutantsOf(
    'core/protocol/tenures.js',
    [callTest, 'nobody makes up that a plane got another key'],
    ['a key follows without the controller', 'if (refused !== undefined)', 'if (false)'],
  ),
]

const evidence = 'plugins/controller/evidence.js'
const evidenceTest = 'plugins/controller-evidence.test.js'

const evidences: readonly Mutant[] = [
  ...mutantsOf(
    evidence,
    [evidenceTest, 'forged evidence is refused by name'],
    ['evidence of the epoch of now', 'if (epoch >= own)', 'if (false)'],
    ['evidence of another run', 'if (row.providerToken !== provider_token)', 'if (false)'],
    ['evidence from before the claim', 'claimed === undefined || epoch >= claimed', 'true'],
  ),
  ...mutantsOf(
    'core/protocol/claims.js',
    [evidenceTest, 'forged evidence is refused by name'],
    [
      'any plane gives evidence',
      "kind === 'service' && role === 'controller'",
      "kind === 'service'",
    ],
  ),
  ...mutantsOf(
    evidence,
    [evidenceTest, 'evidence is kept once, over restarts too'],
    ['the same evidence again', 'again ||= event.data.evidence === digest;', ';'],
  ),
  ...mutantsOf(
    'core/protocol/fold.js',
    [evidenceTest, 'evidence is kept once, over restarts too'],
    [
      'evidence moves the operation',
      'return { ...row, evidence: [',
      "return { ...row, phase: 'applied', evidence: [",
    ],
  ),
  ...mutantsOf(
    'core/protocol/evidence.js',
    ['protocol/evidence.test.js', 'an answer that came too late is published'],
    ['evidence tells secrets', 'if (namesSecret(name))', 'if (false)'],
  ),
  ...mutantsOf(
    'core/protocol/evidence.js',
    ['protocol/evidence.test.js', 'the end waits for answers that are under way'],
    [
      'the end of a fenced process waits for ever',
      'Promise.all(underWay), late',
      'Promise.all(underWay)',
    ],
    ['the end of a fenced process waits for nothing', 'Promise.all(underWay), late', '0'],
  ),
  ...mutantsOf(
    'core/boot.js',
    ['protocol/evidence.test.js', 'a runtime that was replaced ends only'],
    ['the end of a fenced process is not held', 'await opened.evidence.hold();', ';'],
  ),
  ...mutantsOf(
    'plugins/orchestrator/book.js',
    ['plugins/orchestrator-book.test.js', 'an answer that another process has the journal for'],
    [
      'a late answer is dropped',
      'isFenced(thrown) ? answerIn(type, body) : undefined',
      'undefined',
    ],
  ),
  ...mutantsOf(
    'core/socket/server.js',
    ['socket/hostile.test.js', 'a holder that was replaced takes nothing'],
    ['the socket of a successor is removed', 'if (isOurs())', 'if (true)'],
    [
      'the socket is bound under its name',
      'listening(server, boundAt(path))',
      'listening(server, path)',
    ],
  ),
]

export const mutants: readonly Mutant[] = [
  ...evidences,
  ...journal,
  ...tokens,
  ...keepers,
  ...controllers,
  ...leases,
  ...stolenKeys,
  ...keys,
  ...carriers,
  ...desks,
]
