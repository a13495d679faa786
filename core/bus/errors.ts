/** What a bus can refuse. @module */
import { defineErrors } from '../errors.ts'

export const busErrors = defineErrors<{
  PROV_BUS_OVERLAP: { what: string; with: string; pattern: string }
  PROV_BUS_DIFFERS: { what: string; name: string; differences: readonly string[] }
  PROV_BUS_NAME_INVALID: { what: string; name: string }
  PROV_BUS_NO_STREAM: { name: string }
  PROV_BUS_NO_CONSUMER: { stream: string; consumer: string }
  PROV_BUS_FULL: { stream: string; limit: number }
  PROV_BUS_TOO_LARGE: { subject: string; limitBytes: number }
  PROV_BUS_UNAVAILABLE: { what: string; reason: string }
  PROV_BUS_UNREACHABLE: { reason: string }
  PROV_BUS_DENIED: { what: string }
  PROV_BUS_CLOSED: { kind: string }
  PROV_BUS_OVERRUN: { limit: number }
  PROV_BUS_TOPOLOGY_INVALID: { file: string; where: string; what: string }
  PROV_BUS_SERVER_OLD: { version: string; wants: string }
  PROV_BUS_NO_JETSTREAM: { server: string }
  PROV_BUS_OFF: { url: string }
  PROV_BUS_SILENT: { waiting: number; dropped: number; why: string }
  PROV_BUS_ELSEWHERE: { url: string; from: string; other: string; where: string }
  PROV_BUS_NO_SYNC: { server: string }
  PROV_BUS_UNWELL: { server: string; says: string }
  PROV_BUS_REDELIVERS: { consumer: string; count: number; ordered: boolean }
  PROV_BUS_FENCED: { office: string; epoch: number; newest: number }
}>({
  PROV_BUS_OVERLAP: {
    disposition: 'usage',
    text: (detail) => `${detail.what} wants ${detail.pattern}, which ${detail.with} already takes`,
    remedy: 'give each its own subjects; `prov doctor` lists who takes what',
  },
  PROV_BUS_DIFFERS: {
    disposition: 'conflict',
    text: ({ what, name, differences }) =>
      `${what} ${name} exists with other settings: ${differences.join('; ')}`,
    remedy:
      'use the settings it has, or another name; `prov nats apply` makes the changes that are safe',
  },
  PROV_BUS_NAME_INVALID: {
    disposition: 'usage',
    text: ({ what, name }) => `"${name}" cannot be the name of a ${what}`,
    remedy:
      'use letters, digits, - and _ (and dots between tokens of a subject); see `core/bus/README.md`',
  },
  PROV_BUS_NO_STREAM: {
    disposition: 'usage',
    text: ({ name }) => `no stream takes ${name}`,
    remedy: 'load the plugin that owns the stream; `prov plugins` lists what is loaded',
  },
  PROV_BUS_NO_CONSUMER: {
    disposition: 'usage',
    text: ({ stream, consumer }) => `stream ${stream} has no consumer ${consumer}`,
    remedy: 'load the plugin that owns the consumer; `prov plugins` lists what is loaded',
  },
  PROV_BUS_FULL: {
    disposition: 'retry',
    text: ({ stream, limit }) =>
      `stream ${stream} holds ${limit} messages and takes no more for now`,
    remedy: 'wait for its consumers; `prov doctor` shows how far behind each one is',
  },
  PROV_BUS_TOO_LARGE: {
    disposition: 'usage',
    text: ({ subject, limitBytes }) =>
      `a message for ${subject} is larger than the ${limitBytes} bytes that the bus takes`,
    remedy: 'send a digest and a place instead of the content; see `core/bus/README.md`',
  },
  PROV_BUS_UNAVAILABLE: {
    disposition: 'unknown',
    text: ({ what, reason }) => `the bus did not answer to ${what}: ${reason}`,
    remedy:
      'publishing again under the same id is safe; `prov doctor` shows whether the server answers',
  },
  PROV_BUS_UNREACHABLE: {
    disposition: 'retry',
    text: ({ reason }) => `no server could be reached, nothing was asked of it: ${reason}`,
    remedy:
      'start the server, or name the one that runs (`export NATS_URL=…`); `prov nats status` shows which one is meant',
  },
  PROV_BUS_DENIED: {
    disposition: 'refuse',
    text: ({ what }) => `the server does not allow this role to ${what}`,
    remedy: 'grant it in the server configuration; `prov doctor` names the role that is used',
  },
  PROV_BUS_CLOSED: {
    disposition: 'retry',
    text: ({ kind }) => `the ${kind} bus is closed`,
    remedy: 'run the command again once Prov is up; `prov doctor` shows whether it is',
  },
  PROV_BUS_OVERRUN: {
    disposition: 'fail',
    text: ({ limit }) => `a source produced faster than the bus took: more than ${limit} waiting`,
    remedy: 'feed from a source that can wait, or raise the buffer; see `core/bus/README.md`',
  },
  PROV_BUS_TOPOLOGY_INVALID: {
    disposition: 'usage',
    text: ({ file, where, what }) => `${file}: ${where} ${what}`,
    remedy: ({ file }) => `correct ${file}; \`prov nats topology\` prints one to start from`,
  },
  PROV_BUS_SERVER_OLD: {
    disposition: 'refuse',
    text: ({ version, wants }) =>
      `the server is NATS ${version}, which forgets acknowledgements when it is killed; ${wants} or newer is needed`,
    remedy:
      'install nats-server 2.10 or newer, or use the embedded bus; `prov doctor` shows which one answers',
  },
  PROV_BUS_NO_JETSTREAM: {
    disposition: 'refuse',
    text: ({ server }) => `the server ${server} keeps nothing: JetStream is off`,
    remedy: 'start it with -js, or with the configuration that `prov nats config` prints',
  },
  PROV_BUS_FENCED: {
    disposition: 'refuse',
    text: ({ office, epoch, newest }) =>
      `${office} went on under somebody else: epoch ${epoch} is over, ${newest} came after it`,
    remedy: 'end this process; `prov nats status` shows who leads now',
  },
  PROV_BUS_OFF: {
    disposition: 'retry',
    text: ({ url }) => `events stay on this machine: nats_events.enabled is not true (${url})`,
    remedy:
      'set enabled = true under nats_events in .ontoref/config.ncl, or leave it: nothing else needs a server',
  },
  PROV_BUS_SILENT: {
    disposition: 'retry',
    text: ({ waiting, dropped, why }) =>
      `${waiting} events wait to be published and ${dropped} were not: ${why}`,
    remedy: ({ dropped }) =>
      dropped > 0
        ? '`prov events` shows them here; what was refused does not go out any more: allow it, then start what runs anew, which counts from zero'
        : '`prov events` shows them here; what waits goes out by itself once the server takes it',
  },
  PROV_BUS_ELSEWHERE: {
    disposition: 'usage',
    text: ({ url, from, other, where }) =>
      `${url} holds here (${from}), but ${where} says ${other}`,
    remedy: ({ url, from, where }) =>
      /^process \d+$/.test(where)
        ? `end it (\`kill ${where.slice('process '.length)}\`) and start it anew: it takes ${url} up`
        : `take url out of ${from} if ${where} is right, else write ${url} there; then start what runs anew (\`prov run\`)`,
  },
  PROV_BUS_NO_SYNC: {
    disposition: 'retry',
    text: ({ server }) =>
      `${server} acknowledges before it syncs: a power cut loses minutes, and what was sent comes again from the journals`,
    remedy: 'set sync_interval: always under jetstream; `prov nats config` prints it',
  },
  PROV_BUS_UNWELL: {
    disposition: 'retry',
    text: ({ server, says }) => `${server} says that it is not well: ${says}`,
    remedy:
      'mend what it names, as its log says, and start it anew; `prov doctor` asks its /healthz again',
  },
  PROV_BUS_REDELIVERS: {
    disposition: 'retry',
    text: ({ consumer, count, ordered }) =>
      `${consumer} has ${count} messages in flight that came before${ordered ? '' : ', and they may come out of order'}`,
    remedy:
      'take each id once (the id of the event), acknowledge after the work; where order matters set max_ack_pending to 1 in the file that nats_events.streams_config names (`prov nats topology` prints one) and run `prov nats apply`',
  },
})
