/** Every way the plugin host says no, by name. @module */
import { defineErrors } from '../errors.ts'

export const pluginErrors = defineErrors<{
  PROV_PLUGIN_MANIFEST_INVALID: { file: string; field: string; wanted: string }
  PROV_PLUGIN_UNKNOWN: { id: string; known: readonly string[] }
  PROV_PLUGIN_UNTRUSTED: { id: string; why: 'new' | 'changed'; digest: string; pinned?: string }
  PROV_PLUGIN_NOT_GRANTED: { id: string; service: string }
  PROV_PLUGIN_TS_UNSUPPORTED: { entry: string; node: string }
  PROV_PLUGIN_IMPORT_FAILED: { id: string; reason: string }
  PROV_PLUGIN_NOT_A_PLUGIN: { id: string; found: string }
  PROV_PLUGIN_SHAPE_INVALID: { plugin: string; field: string; wanted: string }
  PROV_PLUGIN_API_MISMATCH: { plugin: string; wants: number; speaks: string }
  PROV_PLUGIN_NAME_TAKEN: { plugin: string; by: string }
  PROV_PLUGIN_PROVIDE_TAKEN: { plugin: string; service: string; by: string }
  PROV_PLUGIN_CONTRIBUTION_TAKEN: { plugin: string; point: string; name: string; by: string }
  PROV_PLUGIN_NEED_MISSING: { plugin: string; service: string; reason: string }
  PROV_PLUGIN_NEED_CYCLE: { plugin: string; cycle: readonly string[] }
  PROV_PLUGIN_CONFIG_REFUSED: { plugin: string; reason: string }
  PROV_PLUGIN_TIMEOUT: { plugin: string; afterMs: number }
  PROV_PLUGIN_SETUP_FAILED: { plugin: string; reason: string }
  PROV_PLUGIN_COMMAND_FAILED: { plugin: string; command: string; reason: string }
  PROV_PLUGIN_SERVICE_NOT_PROVIDED: { plugin: string; services: readonly string[] }
  PROV_PLUGIN_LIFE_FAILED: { plugin: string; reason: string }
  PROV_PLUGIN_STALLED: { plugin: string; doing: string; afterMs: number }
  PROV_PLUGIN_EXITED: { plugin: string; doing: string; how: string }
  PROV_PLUGIN_MEMORY: { plugin: string; doing: string; limitMb: number }
  PROV_PLUGIN_GARBAGE: { plugin: string; what: string }
  PROV_PLUGIN_PATCHES: { plugin: string }
  PROV_PLUGIN_FLOODS: { plugin: string; what: string; limit: number }
  PROV_PLUGIN_OVERSIZED: { plugin: string; doing: string; mb: number; limitMb: number }
  PROV_PLUGIN_HOLDS_THREADS: { plugin: string; count: number }
  PROV_PLUGIN_CANNOT_CROSS: { plugin: string; what: string }
  PROV_PLUGIN_THREAD_ONLY: { plugin: string; what: string }
  PROV_PLUGIN_DOWN: { plugin: string; reason: string }
  PROV_PLUGIN_EFFECT_LOST: { plugin: string; effect: string; reason: string }
  PROV_PLUGIN_CALL_LOST: { plugin: string; reason: string }
  PROV_PLUGIN_POISON: {
    plugin: string
    address: string
    event: string
    reason: string
    /** The kernel gives the message up at once. */
    final: true
  }
  PROV_PLUGIN_NOT_ISOLATED: { id: string }
  PROV_PLUGIN_SANDBOX_MISSING: { id: string; reason: string }
  PROV_PLUGIN_RELOAD_FAILED: { plugin: string; reason: string }
  PROV_PLUGIN_BLOCKS: { plugin: string; doing: string; forMs: number }
  PROV_PLUGIN_SERVICE_MISSING: { service: string; reason: string }
  PROV_READ_UNKNOWN: { name: string; suggestion?: string }
  PROV_READ_ARGS_UNEXPECTED: { name: string; keys: readonly string[] }
  PROV_READ_CIRCLE: { circle: readonly string[] }
}>({
  PROV_PLUGIN_MANIFEST_INVALID: {
    disposition: 'usage',
    text: ({ file, field, wanted }) => `${file}: "${field}" of its prov field must be ${wanted}`,
    remedy: ({ file }) => `correct ${file}; \`plugins/README.md\` shows a whole manifest`,
  },
  PROV_PLUGIN_UNKNOWN: {
    disposition: 'usage',
    text: ({ id, known }) =>
      `no plugin "${id}" is found here` + (known.length ? `; found: ${known.join(', ')}` : ''),
    remedy: 'run `prov plugins` to list what is found, loaded and refused',
  },
  PROV_PLUGIN_UNTRUSTED: {
    disposition: 'refuse',
    text: ({ id, why }) =>
      why === 'new'
        ? `plugin ${id} comes with the workspace and nobody trusted it yet; it was not run`
        : `plugin ${id} changed since it was trusted; it was not run`,
    remedy: ({ id }) => `read its code, then run \`prov plugins trust ${id}\``,
  },
  PROV_PLUGIN_NOT_GRANTED: {
    disposition: 'refuse',
    text: ({ id, service }) =>
      `plugin ${id} needs ${service}, behind which keys, signing or raw writing stand; nobody granted it`,
    remedy: ({ id, service }) =>
      `read its code, then run \`prov plugins trust ${id} --grant ${service}\``,
  },
  PROV_PLUGIN_TS_UNSUPPORTED: {
    disposition: 'usage',
    text: ({ entry, node }) => `Node ${node} cannot run ${entry}: nothing here strips its types`,
    remedy:
      'run `npm install @swc/wasm-typescript` beside Prov, use Node 22.13 or newer, or compile it to .js',
  },
  PROV_PLUGIN_IMPORT_FAILED: {
    disposition: 'fail',
    text: ({ id, reason }) => `plugin ${id} could not be imported: ${reason}`,
    remedy: ({ id }) => `mend ${id} and start again; \`prov plugins\` shows how it stands`,
  },
  PROV_PLUGIN_NOT_A_PLUGIN: {
    disposition: 'usage',
    text: ({ id, found }) => `${id} is not a plugin: its default export is ${found}`,
    remedy: 'export default definePlugin({ … }); `extensions/template` shows the smallest one',
  },
  PROV_PLUGIN_SHAPE_INVALID: {
    disposition: 'usage',
    text: ({ plugin, field, wanted }) => `plugin ${plugin}: "${field}" must be ${wanted}`,
    remedy: 'see the contract in `plugins/README.md`',
  },
  PROV_PLUGIN_API_MISMATCH: {
    disposition: 'usage',
    text: ({ plugin, wants, speaks }) =>
      `plugin ${plugin} is written for api ${wants}; this Prov speaks ${speaks}`,
    remedy: 'install a release of the plugin or of Prov that agree; `prov --version` prints ours',
  },
  PROV_PLUGIN_NAME_TAKEN: {
    disposition: 'usage',
    text: ({ plugin, by }) => `a plugin named ${plugin} is already loaded from ${by}`,
    remedy: 'remove one of the two; `prov plugins` shows where each comes from',
  },
  PROV_PLUGIN_PROVIDE_TAKEN: {
    disposition: 'usage',
    text: ({ plugin, service, by }) =>
      `plugin ${plugin} wants to provide ${service}, which ${by} already provides`,
    remedy: 'remove one of the two; `prov plugins` shows who provides what',
  },
  PROV_PLUGIN_CONTRIBUTION_TAKEN: {
    disposition: 'usage',
    text: ({ plugin, point, name, by }) =>
      `plugin ${plugin} adds "${name}" to ${point}, where ${by} already has that name`,
    remedy: 'rename the addition or remove one of the two; `prov plugins` lists both',
  },
  PROV_PLUGIN_NEED_MISSING: {
    disposition: 'usage',
    text: ({ plugin, service, reason }) => `plugin ${plugin} needs ${service}: ${reason}`,
    remedy: 'install or mend the plugin that provides it; `prov plugins` shows who provides what',
  },
  PROV_PLUGIN_NEED_CYCLE: {
    disposition: 'usage',
    text: ({ cycle }) => `plugins need each other in a circle: ${cycle.join(' → ')}`,
    remedy: 'let one of them offer an extension point instead; see `plugins/README.md`',
  },
  PROV_PLUGIN_CONFIG_REFUSED: {
    disposition: 'usage',
    text: ({ plugin, reason }) => `plugin ${plugin} refuses its config: ${reason}`,
    remedy: ({ plugin }) => `correct "prov": { "config": { "${plugin}": … } } in \`package.json\``,
  },
  PROV_PLUGIN_TIMEOUT: {
    disposition: 'fail',
    text: ({ plugin, afterMs }) => `plugin ${plugin} did not finish its setup within ${afterMs} ms`,
    remedy: 'run `prov plugins --tree` to see what takes the time',
  },
  PROV_PLUGIN_SETUP_FAILED: {
    disposition: 'fail',
    text: ({ plugin, reason }) => `plugin ${plugin} failed to start: ${reason}`,
    remedy: 'run `prov plugins --tree` to see what still runs; others go on without it',
  },
  PROV_PLUGIN_COMMAND_FAILED: {
    disposition: 'fail',
    text: ({ plugin, command, reason }) =>
      `\`prov ${command}\`, which plugin ${plugin} brings, failed: ${reason}`,
    remedy: ({ plugin }) => `mend ${plugin}; \`prov plugins\` shows where it comes from`,
  },
  PROV_PLUGIN_SERVICE_NOT_PROVIDED: {
    disposition: 'fail',
    text: ({ plugin, services }) =>
      `plugin ${plugin} declares ${services.join(', ')} but its setup did not provide it`,
    remedy: 'call provide.<name>(service) before setup returns; see `plugins/README.md`',
  },
  PROV_PLUGIN_LIFE_FAILED: {
    disposition: 'fail',
    text: ({ plugin, reason }) => `plugin ${plugin} ended: ${reason}`,
    remedy: 'run `prov plugins` to see what still runs, then start again',
  },
  PROV_PLUGIN_STALLED: {
    disposition: 'fail',
    text: ({ plugin, doing, afterMs }) =>
      `plugin ${plugin} did not let go of its thread for ${afterMs} ms, in ${doing}; it was ended`,
    remedy: ({ plugin }) =>
      `mend the endless loop in ${plugin}; \`prov plugins\` shows how it stands`,
  },
  PROV_PLUGIN_EXITED: {
    disposition: 'fail',
    text: ({ plugin, doing, how }) => `plugin ${plugin} ended its own life, in ${doing}: ${how}`,
    remedy: ({ plugin }) => `mend ${plugin}; \`prov plugins\` shows how it stands`,
  },
  PROV_PLUGIN_MEMORY: {
    disposition: 'fail',
    text: ({ plugin, doing, limitMb }) =>
      `plugin ${plugin} wanted more than ${limitMb} MB of memory, in ${doing}; it was ended`,
    remedy: ({ plugin }) => `mend ${plugin}; \`prov plugins\` shows how it stands`,
  },
  PROV_PLUGIN_GARBAGE: {
    disposition: 'fail',
    text: ({ plugin, what }) => `plugin ${plugin} answered with ${what}`,
    remedy: 'mend the plugin; `plugins/README.md` says what may cross',
  },
  PROV_PLUGIN_PATCHES: {
    disposition: 'fail',
    text: ({ plugin }) =>
      `plugin ${plugin} changed built-in objects, and steps come out otherwise in its thread; it was ended`,
    remedy: ({ plugin }) =>
      `look in ${plugin} and what it imports for writes to prototypes such as Array.prototype; \`prov plugins\` shows how it stands`,
  },
  PROV_PLUGIN_FLOODS: {
    disposition: 'retry',
    text: ({ plugin, what, limit }) =>
      `plugin ${plugin} has ${limit} ${what} open; one more is refused`,
    remedy: 'await calls before making more of them; see `plugins/README.md`',
  },
  PROV_PLUGIN_OVERSIZED: {
    disposition: 'fail',
    text: ({ plugin, doing, mb, limitMb }) =>
      `plugin ${plugin} began a message of ${mb} MB, in ${doing}, where ${limitMb} MB are the most; it was ended`,
    remedy:
      'hand it over in parts, as an Observable or an async iterable does; `plugins/README.md` says what may cross',
  },
  PROV_PLUGIN_HOLDS_THREADS: {
    disposition: 'fail',
    text: ({ plugin, count }) =>
      `plugin ${plugin} holds the threads that Node has for files, with ${count} reads, lookups, keys or the like that do not end; everybody in this process waits for them`,
    remedy: ({ plugin }) =>
      `give it a process of its own, \`"isolation": { "${plugin}": "process" }\` in the \`prov\` field of package.json, and start Prov again`,
  },
  PROV_PLUGIN_CANNOT_CROSS: {
    disposition: 'usage',
    text: ({ plugin, what }) => `${what} cannot leave or enter the thread of plugin ${plugin}`,
    remedy: ({ plugin }) =>
      `hand over plain data and functions, or let it run unprotected: \`prov plugins trust ${plugin} --isolation none\``,
  },
  PROV_PLUGIN_THREAD_ONLY: {
    disposition: 'usage',
    text: ({ plugin, what }) =>
      `plugin ${plugin} runs in a thread, where ${what} is not to be had: it would reach beyond the thread`,
    remedy:
      'let it run in a process: `"prov": { "isolation": "process" }` in its package.json or in the workspace’s, then `prov plugins trust`',
  },
  PROV_PLUGIN_DOWN: {
    disposition: 'retry',
    text: ({ plugin, reason }) => `plugin ${plugin} does not run now: ${reason}`,
    remedy: 'run `prov plugins` to see why, mend it and start again',
  },
  PROV_PLUGIN_EFFECT_LOST: {
    disposition: 'unknown',
    text: ({ plugin, effect, reason }) =>
      `effect ${effect} of plugin ${plugin} was lost with its thread: ${reason}; it may have happened`,
    remedy: 'look at what it acts on before trying again; `prov plugins` names the trouble',
  },
  PROV_PLUGIN_CALL_LOST: {
    disposition: 'unknown',
    text: ({ plugin, reason }) =>
      `a call of plugin ${plugin} was lost with its thread: ${reason}; what it asked for may have happened`,
    remedy: 'look at what it acts on before asking again; `prov plugins` names the trouble',
  },
  PROV_PLUGIN_POISON: {
    disposition: 'fail',
    text: ({ plugin, address, event, reason }) =>
      `${event} at ${address} ends the thread of plugin ${plugin}: ${reason}`,
    remedy: ({ plugin }) =>
      `mend what ${plugin} does with this event; \`prov actors\` shows the actor`,
  },
  PROV_PLUGIN_NOT_ISOLATED: {
    disposition: 'refuse',
    text: ({ id }) => `plugin ${id} wants to run inside this process, and nobody allowed that`,
    remedy: ({ id }) => `read its code, then run \`prov plugins trust ${id} --isolation none\``,
  },
  PROV_PLUGIN_SANDBOX_MISSING: {
    disposition: 'refuse',
    text: ({ id, reason }) => `plugin ${id} demands a sandbox, and there is none here: ${reason}`,
    remedy: 'install bubblewrap; `prov doctor` says whether it works',
  },
  PROV_PLUGIN_RELOAD_FAILED: {
    disposition: 'fail',
    text: ({ plugin, reason }) =>
      `plugin ${plugin} was not reloaded: ${reason}; the old one goes on`,
    remedy: ({ plugin }) =>
      `mend ${plugin} and try again, or start Prov again; see \`plugins/README.md\``,
  },
  PROV_PLUGIN_BLOCKS: {
    disposition: 'fail',
    text: ({ plugin, doing, forMs }) =>
      `${plugin} blocks everything for ${forMs} ms now, in ${doing}`,
    remedy: 'end the process; the next start goes on where the journal ends; then mend `plugins/`',
  },
  PROV_PLUGIN_SERVICE_MISSING: {
    disposition: 'retry',
    text: ({ service, reason }) => `nobody provides ${service} now: ${reason}`,
    remedy: 'run `prov plugins` to see which plugin should, and why it does not',
  },
  PROV_READ_UNKNOWN: {
    disposition: 'usage',
    text: ({ name, suggestion }) =>
      `there is no read model "${name}"` +
      (suggestion === undefined ? '' : `; did you mean "${suggestion}"?`),
    remedy: 'run `prov --help`: every read model is also a command',
  },
  PROV_READ_ARGS_UNEXPECTED: {
    disposition: 'usage',
    text: ({ name, keys }) => `read model "${name}" takes no ${keys.join(', ')}`,
    remedy: ({ name }) => `call read('${name}') without arguments; see \`plugins/README.md\``,
  },
  PROV_READ_CIRCLE: {
    disposition: 'crash',
    text: ({ circle }) => `read models wait for each other: ${circle.join(' → ')}`,
    remedy: 'run `prov doctor --json` and report its output with this message',
  },
})
