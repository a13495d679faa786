/**
 * What a careless hand could leave out of the kernel: each mutant takes one protection out of the
 * compiled output, and names the promise that must notice.
 *
 * @module
 */
import { mutantsOf } from '../support/mutation.ts'
import type { Mutant } from '../support/mutation.ts'

const core = (file: string): string => `core/actor/${file}.js`
const test = (file: string, promise: string) => [`actor/${file}.test.js`, promise] as const

const commits: readonly Mutant[] = [
  ...mutantsOf(core('turns'), test('kernel', 'nothing outside happens, and nobody is answered'), [
    'effects and answers before the commit',
    'return realm.writer.append(turn.entries, durable, refused);',
    'return durable(), realm.writer.append(turn.entries, () => {}, refused);',
  ]),
  ...mutantsOf(core('turns'), test('kernel', 'an event that the journal cannot hold'), [
    'a batch with one bad event fails whole',
    'if (items.length > 1) {',
    'if (false) {',
  ]),
  ...mutantsOf(core('turns'), test('clock-jumps', '+1 h while a step waits for the disk'), [
    'timers of a step read by the clock after its commit',
    "this.arm(cell, timers, gapMs);\n        if (cell.config.status === 'done')",
    "this.arm(cell, timers);\n        if (cell.config.status === 'done')",
  ]),
  ...mutantsOf(core('turns'), test('odd-values', 'a fault of the kernel’s own'), [
    'a throw in a turn stops the scheduler',
    'this.#ours(cell, thrown);\n            return 1;',
    'throw thrown;',
  ]),
  ...mutantsOf(core('turns'), test('odd-values', 'what a snapshot cannot hold'), [
    'what a snapshot cannot hold breaks the kernel down',
    'if (!isRefusal(error))\n                        realm.breakDown(error);',
    'realm.breakDown(error);',
  ]),
  ...mutantsOf(core('books'), test('recovery', 'a promise that an actor kept which'), [
    'a promise that was kept is not said to be',
    "this.note('actor.settled', { ids: [id] });",
    ';',
  ]),
  ...mutantsOf(core('books'), test('letters', 'a letter comes back at most so often'), [
    'a dead letter is replayed for ever',
    'if (replays >= replayCap)',
    'if (false)',
  ]),
  ...mutantsOf(core('lives'), test('recovery', 'a stopped address starts anew'), [
    'effect ids used twice',
    '(ledger.stored.get(address)?.sequence ?? ledger.floor) + 1',
    '1',
  ]),
  ...mutantsOf(core('lives'), test('kernel', 'a stop ends also who is just starting'), [
    'a stop passes over who is starting',
    'async stop(address) {\n        const { starting } = this.#realm;',
    'async stop(address) {\n        const starting = new Map();',
  ]),
  ...mutantsOf(core('partitions'), test('remote', 'a record from elsewhere'), [
    'a record is written as its maker gave it',
    'return { partition, type: kind, body, json };',
    'return entry;',
  ]),
  ...mutantsOf(core('partitions'), test('odd-values', 'what a maker of records hands over'), [
    'anybody writes where the kernel writes',
    '|| partition === kernel',
    '',
  ]),
]

const failures: readonly Mutant[] = [
  ...mutantsOf(core('warden'), test('supervise', 'restart: the message is tried again'), [
    'a message that failed is lost',
    '{} : { again: { key, tries } });\n        cell.unshift([message]);',
    '{} : { again: { key, tries } });',
  ]),
  ...mutantsOf(core('warden'), test('supervise', 'an open circuit takes nothing'), [
    'a circuit never closes',
    'rare.failures = noPast;',
    ';',
  ]),
  ...mutantsOf(core('warden'), test('simulate', 'an answer that waits while its actor restarts'), [
    'an effect that has answered runs again',
    '!cell.awaits(pending.id)',
    'true',
  ]),
  ...mutantsOf(core('warden'), test('supervise', 'restart aborts running effects'), [
    'a restart lets effects run',
    'effects.abort(cell.address);',
    ';',
  ]),
  ...mutantsOf(core('warden'), test('groups', 'a second restart takes the first one’s place'), [
    'two pauses end one after the other',
    '|| cell.restarts !== rounds[at]',
    '',
  ]),
  ...mutantsOf(core('warden'), test('groups', 'a temporary member is not restarted'), [
    'who is parked restarts with its group',
    "cell.status === 'parked' || ",
    '',
  ]),
  ...mutantsOf(
    core('supervise'),
    test('supervise', 'failures within the period raise the pause'),
    ['back-off without a cap', 'Math.min(maxMs, firstMs *', 'Math.min(Infinity, firstMs *'],
    [
      'old failures are never forgotten',
      'times.filter((time) => time > nowMs - periodMs)',
      'times.filter(() => true)',
    ],
  ),
  ...mutantsOf(
    core('supervise'),
    test('supervise', 'a message is tried again until it counts as poison'),
    ['poison once more', 'if (tries < poison.after)', 'if (tries <= poison.after)'],
    [
      'each try counts as a failure',
      'tries > 1 && recent.length > 0 ? recent :',
      'false ? recent :',
    ],
  ),
  ...mutantsOf(core('supervise'), test('supervise', 'jitter takes a share'), [
    'no jitter',
    'pauseMs * (1 - jitter * random())',
    'pauseMs',
  ]),
  ...mutantsOf(core('groups'), test('groups', 'a group is forgotten with its last member'), [
    'groups are never forgotten',
    'this.#byMember.delete(address);\n        this.#drop(node);',
    'this.#byMember.delete(address);',
  ]),
  ...mutantsOf(core('groups'), test('groups', 'a group is forgotten with its last member'), [
    'groups above are never forgotten',
    'this.#drop(parent);',
    ';',
  ]),
  ...mutantsOf(core('groups'), test('groups', 'rest_for_one restarts who failed'), [
    'who failed is left out',
    '[...node.members].filter(([, rank]) => rank >= from)',
    '[...node.members].filter(([, rank]) => rank > from)',
  ]),
  ...mutantsOf(
    core('groups'),
    test('groups', 'a group that was started again has a clean record'),
    ['a group remembers across its restart', 'node.times = [];', ';'],
  ),
  ...mutantsOf(core('groups'), test('odd-values', 'a group that is none'), [
    'a group may stand above itself',
    'if (below.includes(name))',
    'if (false)',
  ]),
]

const mail: readonly Mutant[] = [
  ...mutantsOf(core('asks'), test('asks', 'a question that is over leaves'), [
    'an answered question listens on',
    'asked.calm?.();',
    ';',
  ]),
  ...mutantsOf(core('asks'), test('kernel', 'a question is answered, or its deadline'), [
    'no deadline',
    'this.#deadlines.setMonotonic(this.#glance.monotonicMs + timeoutMs, asked)',
    '0',
  ]),
  ...mutantsOf(core('asks'), test('asks', 'a question that comes back to who asks it'), [
    'no look for cycles',
    'refuseCycle(to, chain);',
    ';',
  ]),
  ...mutantsOf(core('asks'), test('asks', 'an answer to another question'), [
    'any answer will do',
    'asked.number !== number',
    'false',
  ]),
  ...mutantsOf(core('mail'), test('mail', 'a ring is a queue'), [
    'a ring that is full begins anew where it stands',
    'this.#head = 0;\n        this.#mask = slots - 1;\n    }\n    get slots',
    'this.#mask = slots - 1;\n    }\n    get slots',
  ]),
  ...mutantsOf(core('mail'), test('odd-values', 'a proxy that was revoked'), [
    'an envelope is told by looking at the event',
    'return #envelope in item;',
    'return item instanceof Mail;',
  ]),
  ...mutantsOf(core('cell'), test('overflow', 'messages about one thing coalesce'), [
    'a message takes the place of one that is gone',
    'this.#rare?.keys?.delete(item.key);',
    ';',
  ]),
  ...mutantsOf(core('post'), test('kernel', 'a full mailbox refuses'), [
    'one more than there is room for',
    'cell.depth < cell.kind.capacity ?',
    'cell.depth <= cell.kind.capacity ?',
  ]),
  ...mutantsOf(core('overflow'), test('overflow', 'nothing is dropped that somebody waits for'), [
    'who waits for an answer loses the message',
    '(first.waiter ?? first.cause ?? first.timer) !== undefined',
    'false',
  ]),
  ...mutantsOf(core('letters'), test('letters', 'a flood keeps the newest'), [
    'letters that made room before they were written are forgotten',
    'if (left && this.#count > known)',
    'if (false)',
  ]),
  ...mutantsOf(core('letters'), test('letters', 'a flood keeps the newest'), [
    'dead letters without a bound',
    'while (this.#held.size > letterCap ||',
    'while (false ||',
  ]),
]

const time: readonly Mutant[] = [
  ...mutantsOf(
    core('alarm'),
    test('alarm', 'setting, cancelling and ringing at random'),
    [
      'what takes a place only sinks',
      'if (place > 0 && this.#before(due, moved, parent))',
      'if (false)',
    ],
    ['a used handle cancels another timer', 'place < 0 || order !== setting', 'place < 0'],
  ),
  ...mutantsOf(core('alarm'), test('alarm', 'timers ring in order of their time'), [
    'equal times in any order',
    'return ((this.#orders[slot] - this.#orders[other]) | 0) < 0;',
    'return true;',
  ]),
  ...mutantsOf(core('alarm'), test('alarm', 'a time that is no number'), [
    'a heap with a NaN in it',
    'if (Number.isNaN(due))',
    'if (false)',
  ]),
  ...mutantsOf(core('timers'), test('clock-jumps', 'killed, then back by 1 h'), [
    'a clock that was set back is believed',
    'Math.max(nowMs, lastMs)',
    'nowMs',
  ]),
  ...mutantsOf(core('timers'), test('clock-jumps', 'back while it runs, and then a restart'), [
    'a wait beyond its delay',
    'Math.min(leftMs, delayOf(timer) ?? Infinity)',
    'leftMs',
  ]),
  ...mutantsOf(core('scheduler'), test('scheduler', 'lanes take turns by steps'), [
    'no quantum',
    'const quantum = 256;',
    'const quantum = 1e9;',
  ]),
  ...mutantsOf(core('scheduler'), test('scheduler', 'actors and effects that answer each other'), [
    'the event loop never gets its turn',
    'if (this.#steps >= mostSteps)\n            return true;',
    'return false;',
  ]),
  ...mutantsOf(core('scheduler'), test('scheduler', 'slow steps count by their time'), [
    'slow steps cost as much as fast ones',
    'lane.credit = Math.min(lane.credit, 0) - (late - 1) * quantum;',
    ';',
  ]),
]

const states: readonly Mutant[] = [
  ...mutantsOf(core('state'), test('state', 'whatever becomes of timers'), [
    'a timer that goes takes another one’s place',
    'gone.push(place);',
    'gone.push(place + 1);',
  ]),
  ...mutantsOf(core('state'), test('state', 'one of a thousand timers'), [
    'all timers in each record',
    'if (stay === 0)',
    'if (true)',
  ]),
  ...mutantsOf(core('versions'), test('versions', 'what a later version told parks'), [
    'a later version is read as this one',
    'if (from > def.version)',
    'if (false)',
  ]),
  ...mutantsOf(core('versions'), test('versions', 'an event climbs one version'), [
    'upcasts from the newest down',
    'for (let at = from; at < def.version; at++)',
    'for (let at = def.version - 1; at >= from; at--)',
  ]),
  ...mutantsOf(core('passivate'), test('passivate', 'one waits for the disk, has mail'), [
    'who waits for the disk rests',
    'if ((flags & held) !== 0 || cell.box !== undefined)',
    'if (cell.box !== undefined)',
  ]),
  ...mutantsOf(core('passivate'), test('passivate', 'nobody rests whom something still holds'), [
    'who owes a promise rests',
    'ledger.outbox.owns(address) || ',
    '',
  ]),
  ...mutantsOf(core('program/compile'), test('program/compile', 'a throw leaves nothing behind'), [
    'a context can be written into',
    "freezeNew(context, before, this.def.durability !== 'volatile');",
    ';',
  ]),
  ...mutantsOf(core('program/compile'), test('equivalence', '300 random machines choose alike'), [
    'history is forgotten by a restore',
    'const remembered = rememberedOf(root, history);',
    'const remembered = rememberedOf(root, undefined);',
  ]),
  ...mutantsOf(
    core('program/transitions'),
    test('program/compile', 'of transitions that would leave'),
    [
      'the last in the document wins',
      'for (const one of new Set(transitions)) {',
      'for (const one of new Set([...transitions].reverse())) {',
    ],
  ),
  ...mutantsOf(core('program/transitions'), test('program/random', '120 random machines'), [
    'of several targets the first alone',
    'const found = new Set();\n    for (const target of (one.target ?? [])) {',
    'const found = new Set();\n    for (const target of (one.target ?? []).slice(0, 1)) {',
  ]),
  ...mutantsOf(core('program/compile'), test('program/divergences', 'so many eventless'), [
    'eventless transitions go round for ever',
    'if (steps > this.#longest)',
    'if (false)',
  ]),
  ...mutantsOf(core('program/freeze'), test('plain-context', 'volatile: what goes in circles'), [
    'a circle is frozen for ever',
    'if (!kept)\n        Object.freeze(value);',
    ';',
  ]),
  ...mutantsOf(core('writer'), test('recovery', 'a start reads a few thousand records at most'), [
    'what short lives leave behind adds up',
    'this.#since = options.since;',
    'this.#since = 0;',
  ]),
  ...mutantsOf(core('writer'), test('recovery', 'a start reads no fewer where much is kept'), [
    'a large snapshot is written as often as a small one',
    'Math.max(fewest, perThing * (actors.length + outbox.length))',
    'fewest',
  ]),
  ...mutantsOf(core('program/actions'), test('odd-values', 'a delay that is no number'), [
    'any number is a delay',
    'if (Number.isFinite(delayMs))',
    'if (true)',
  ]),
]

export const mutants: readonly Mutant[] = [...commits, ...failures, ...mail, ...time, ...states]
