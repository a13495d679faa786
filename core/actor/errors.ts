/**
 * What actors and their runtime can refuse.
 *
 * @module
 */
import { defineErrors } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import type { Millis } from '../units.ts'

const perhaps = (suggestion: string | undefined) =>
  suggestion === undefined ? '' : `; did you mean \`${suggestion}\`?`

export const actorErrors = defineErrors<{
  PROV_ACTOR_ADDRESS_INVALID: { address: string }
  PROV_ACTOR_DEF_INVALID: { type: string; what: string }
  PROV_ACTOR_TYPE_TAKEN: { type: string }
  PROV_ACTOR_UNSUPPORTED: { type: string; what: string; instead: string }
  PROV_ACTOR_UNREGISTERED: { type: string }
  PROV_ACTOR_UNKNOWN: { address: string; suggestion?: string }
  PROV_ACTOR_TYPE_UNKNOWN: { type: string; known: readonly string[]; suggestion?: string }
  PROV_ACTOR_EVENT_INVALID: { address: string; event: string }
  PROV_ACTOR_MAILBOX_FULL: { address: string; capacity: number }
  PROV_ACTOR_STOPPED: { address: string }
  PROV_ACTOR_PARKED: { address: string; why: string; code: string }
  PROV_ACTOR_STEP_FAILED: { address: string; event: string; state: JsonValue; what: string }
  PROV_ACTOR_EFFECT_FAILED: { address: string; effect: string; what: string }
  PROV_ACTOR_START_FAILED: { address: string; what: string }
  PROV_ACTOR_TIMEOUT: { address: string; timeoutMs: Millis }
  PROV_ACTOR_ABORTED: { address: string; event: string }
  PROV_ACTOR_ASK_CYCLE: { address: string; path: string }
  PROV_ACTOR_CLOSE_UNFINISHED: { deadlineMs: Millis }
  PROV_ACTOR_PARTITION_FOREIGN: { type: string; partition: string; own: string }
  PROV_ACTOR_VERSION_UNKNOWN: { address: string; found: number; known: number }
  PROV_ACTOR_RESTORE_FAILED: { address: string; what: string }
  PROV_ACTOR_EVENT_UNREADABLE: {
    address: string
    event: string
    found: number
    known: number
    what: string
  }
  PROV_ACTOR_LETTER_UNKNOWN: { letter: number }
  PROV_ACTOR_LETTER_SPENT: { letter: number; replays: number }
  PROV_ACTOR_LETTER_BODILESS: { letter: number; event: string; why: string }
  PROV_ACTOR_RECORD_UNKNOWN: { kind: string }
  PROV_ACTOR_JOURNAL_MISSING: { type: string; durability: string }
  PROV_ACTOR_INSPECTOR_LET_GO: { hears: string; what: string }
  PROV_ACTOR_SPILL_REFUSED: { path: string; what: string }
  PROV_ACTOR_SPILL_UNREADABLE: { path: string; what: string }
  PROV_ACTOR_CHILD_UNKNOWN: { address: string; child: string; src: string }
  PROV_ACTOR_CHILD_VALUE: { address: string; child: string; what: string }
  PROV_ACTOR_CHILD_FLOODS: { address: string; child: string }
  PROV_ACTOR_CHILD_TAKEN: { address: string; child: string; place: string }
}>({
  PROV_ACTOR_ADDRESS_INVALID: {
    disposition: 'usage',
    text: ({ address }) => `"${address}" is not an actor address: it must read type/id`,
    remedy: 'run `prov actors` to list the addresses that exist',
  },
  PROV_ACTOR_DEF_INVALID: {
    disposition: 'usage',
    text: ({ type, what }) => `actor type ${type}: ${what}`,
    remedy: 'correct its `defineActor` call; core/actor/define.ts says what each field may hold',
  },
  PROV_ACTOR_TYPE_TAKEN: {
    disposition: 'usage',
    text: ({ type }) => `another actor type is already registered as ${type}`,
    remedy: 'put your plugin name in front of the type; `prov actors` lists the known ones',
  },
  PROV_ACTOR_UNSUPPORTED: {
    disposition: 'usage',
    text: ({ type, what }) => `actor type ${type} uses ${what}, which the kernel does not run`,
    remedy: ({ instead }) => `${instead}; \`core/actor/README.md\` lists what machines may use`,
  },
  PROV_ACTOR_UNREGISTERED: {
    disposition: 'usage',
    text: ({ type }) => `actor type ${type} was not registered before it was used`,
    remedy: 'list it under `actors` of its plugin, or call `system.register(def)` first',
  },
  PROV_ACTOR_UNKNOWN: {
    disposition: 'usage',
    text: ({ address, suggestion }) => `there is no actor ${address}${perhaps(suggestion)}`,
    remedy: 'run `prov actors` to list the addresses that exist',
  },
  PROV_ACTOR_TYPE_UNKNOWN: {
    disposition: 'usage',
    text: ({ type, known, suggestion }) =>
      `no actor type ${type} is declared or kept here${perhaps(suggestion)}` +
      (known.length > 0 ? `; known: ${known.slice(0, 12).join(', ')}` : ''),
    remedy: 'run `prov actors` to list the actors with their types',
  },
  PROV_ACTOR_EVENT_INVALID: {
    disposition: 'usage',
    text: ({ address, event }) => `${address} was sent "${event}", which is not an event type`,
    remedy:
      'send an object whose `type` is a name outside `xstate.`; `prov actors` shows the actor',
  },
  PROV_ACTOR_MAILBOX_FULL: {
    disposition: 'retry',
    text: ({ address, capacity }) => `the mailbox of ${address} holds its ${capacity} messages`,
    remedy: 'send again later; `prov actors` shows how deep its mailbox is',
  },
  PROV_ACTOR_STOPPED: {
    disposition: 'conflict',
    text: ({ address }) => `${address} has stopped and takes no more events`,
    remedy: 'run `prov actors` to see why; spawning its address starts it anew',
  },
  PROV_ACTOR_PARKED: {
    disposition: 'held',
    text: ({ address, why }) => `${address} is parked until a person resumes it: ${why}`,
    remedy: ({ address, code }) =>
      /_(VERSION_UNKNOWN|RESTORE_FAILED|EVENT_UNREADABLE)$/.test(code)
        ? `\`prov actors ${address}\` shows its state; a version of its type that can read it lifts it by itself`
        : `\`prov actors ${address}\` shows why; \`prov actors resume ${address}\` tries again, \`--skip\` gives the message up`,
  },
  PROV_ACTOR_STEP_FAILED: {
    disposition: 'fail',
    text: ({ address, event, what }) => `${address} failed at ${event}, its state stays: ${what}`,
    remedy: ({ address }) => `\`prov actors ${address}\` shows the state; correct its machine`,
  },
  PROV_ACTOR_EFFECT_FAILED: {
    disposition: 'fail',
    text: ({ address, effect, what }) => `effect ${effect} of ${address} failed: ${what}`,
    remedy: ({ address }) =>
      `\`prov actors ${address}\` shows what it made of that; correct the effect, or throw an error with a code of your own`,
  },
  PROV_ACTOR_START_FAILED: {
    disposition: 'fail',
    text: ({ address, what }) => `${address} could not take its first state: ${what}`,
    remedy:
      'correct the input, or the initial context of its machine; `prov actors` lists the rest',
  },
  PROV_ACTOR_TIMEOUT: {
    disposition: 'unknown',
    text: ({ address, timeoutMs }) => `${address} did not answer within ${timeoutMs} ms`,
    remedy: 'run `prov actors` to see whether it took the question before asking again',
  },
  PROV_ACTOR_ABORTED: {
    disposition: 'unknown',
    text: ({ address, event }) => `nobody waits for ${event} at ${address} any more`,
    remedy: 'run `prov actors` to see whether it was taken before sending it again',
  },
  PROV_ACTOR_CLOSE_UNFINISHED: {
    disposition: 'unknown',
    text: ({ deadlineMs }) =>
      `the journal did not answer within ${deadlineMs} ms while the actors were closed: whether the last steps are kept is not known`,
    remedy:
      '`prov doctor` looks at the disk; after the next start `prov actors` shows what is kept',
  },
  PROV_ACTOR_PARTITION_FOREIGN: {
    disposition: 'refuse',
    text: ({ type, partition }) =>
      `actor type ${type} writes records into ${JSON.stringify(partition)}, which is not its own`,
    remedy: ({ own }) =>
      `write them into ${own} or ${own}.<name>; \`prov plugins\` lists who owns which type`,
  },
  PROV_ACTOR_ASK_CYCLE: {
    disposition: 'fail',
    text: ({ address, path }) => `${address} would wait for its own answer: ${path}`,
    remedy:
      'answer with what is known, or `tell` instead of asking; `prov actors` lists who is who',
  },
  PROV_ACTOR_VERSION_UNKNOWN: {
    disposition: 'held',
    text: ({ address, found, known }) =>
      `${address} was kept by version ${found}; version ${known} cannot read it`,
    remedy: ({ address, found, known }) =>
      found > known
        ? `install the release that wrote it, nothing is lost; \`prov actors ${address}\` shows the state`
        : `add \`migrate\` for version ${found} to its \`defineActor\`; \`prov actors ${address}\` shows the state`,
  },
  PROV_ACTOR_RESTORE_FAILED: {
    disposition: 'held',
    text: ({ address, what }) => `${address} could not be brought back: ${what}`,
    remedy:
      'raise the version in its `defineActor` and add `migrate`; `prov actors` shows its state',
  },
  PROV_ACTOR_EVENT_UNREADABLE: {
    disposition: 'held',
    text: ({ address, event, found, known, what }) =>
      `${event} for ${address} was written under version ${found}; version ${known} cannot read it: ${what}`,
    remedy: ({ address, found, known }) =>
      found > known
        ? `install the release that wrote it, nothing is lost; \`prov actors ${address}\` shows who waits`
        : `correct \`upcast\` for version ${found} in its \`defineActor\`; \`prov actors ${address}\` shows who waits`,
  },
  PROV_ACTOR_LETTER_UNKNOWN: {
    disposition: 'usage',
    text: ({ letter }) => `there is no dead letter ${letter}: it was replayed, or is too old`,
    remedy: 'run `prov actors letters` to list those that are kept',
  },
  PROV_ACTOR_LETTER_SPENT: {
    disposition: 'refuse',
    text: ({ letter, replays }) =>
      `dead letter ${letter} was replayed ${replays} times and failed each time`,
    remedy: '`prov actors letters` shows why; correct its actor and send a new message',
  },
  PROV_ACTOR_LETTER_BODILESS: {
    disposition: 'refuse',
    text: ({ letter, event, why }) =>
      `dead letter ${letter} (${event}) cannot be replayed: its body is not kept, ${why}`,
    remedy: '`prov actors letters` shows whom it was for; send a new message',
  },
  PROV_ACTOR_RECORD_UNKNOWN: {
    disposition: 'usage',
    text: ({ kind }) =>
      `the journal says \`${kind}\` of its actors, which this Prov does not know: a later one wrote it`,
    remedy:
      'nothing was changed; use the Prov that wrote it or a newer one: `prov --version` says which this is',
  },
  PROV_ACTOR_JOURNAL_MISSING: {
    disposition: 'usage',
    text: ({ type, durability }) =>
      `actor type ${type} is kept as ${durability}, without a journal`,
    remedy:
      'open it with `createRuntime`, which brings a journal, or say `durability: "volatile"` in `defineActor`',
  },
  PROV_ACTOR_INSPECTOR_LET_GO: {
    disposition: 'usage',
    text: ({ hears, what }) => `an inspector of ${hears} threw three times and was let go: ${what}`,
    remedy: 'repair the function given as `inspect` to `createRuntime`',
  },
  PROV_ACTOR_SPILL_REFUSED: {
    disposition: 'retry',
    text: ({ path, what }) => `passive actors stay in memory, ${path} takes nothing: ${what}`,
    remedy: ({ path }) =>
      `make room in the folder of ${path}, or give access to it; \`prov doctor\` looks at the disk`,
  },
  PROV_ACTOR_SPILL_UNREADABLE: {
    disposition: 'retry',
    text: ({ path, what }) => `a passive actor could not be read back from ${path}: ${what}`,
    remedy: 'start again: the journal holds it; `prov doctor` looks at the disk',
  },
  PROV_ACTOR_CHILD_UNKNOWN: {
    disposition: 'usage',
    text: ({ address, child, src }) =>
      `${address} cannot start its child ${child}: nothing is known as ${src}`,
    remedy: 'give it under `actors` of the machine’s `setup`, or `children` of its `defineActor`',
  },
  PROV_ACTOR_CHILD_VALUE: {
    disposition: 'fail',
    text: ({ address, child, what }) =>
      `child ${child} of ${address} said something that JSON cannot say: ${what}`,
    remedy: 'hand over plain objects; core/actor/plain.ts says what counts as plain',
  },
  PROV_ACTOR_CHILD_TAKEN: {
    disposition: 'conflict',
    text: ({ address, child, place }) =>
      `${address} cannot start its child ${child}: another actor stands at ${place}`,
    remedy: 'give the parents different ids; `prov actors` shows who stands there',
  },
  PROV_ACTOR_CHILD_FLOODS: {
    disposition: 'fail',
    text: ({ address, child }) => `child ${child} of ${address} says more than its parent can hold`,
    remedy: 'let it wait for answers, or raise `mailbox.capacity` in the parent’s `defineActor`',
  },
})
