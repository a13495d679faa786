/** How running an operation can end badly, and what the leases of its machines can say. @module */
import { defineErrors } from 'prov'

export const runErrors = defineErrors<{
  PROV_RUN_GRAPH_INVALID: { step: string; what: string }
  PROV_RUN_GRAPH_CYCLE: { cycle: readonly string[] }
  PROV_RUN_PROVIDER_UNKNOWN: { provider: string; known: readonly string[] }
  PROV_RUN_TIER_UNKNOWN: { provider: string; tier: string }
  PROV_RUN_TOKEN_REUSED: { token: string }
  PROV_RUN_NO_MACHINE: { provider: string; code: string }
  PROV_RUN_MACHINE_LOST: { provider: string; done: number; steps: number }
  PROV_RUN_SSH_UNREACHABLE: { host: string; why: string }
  PROV_RUN_SSH_REFUSED: { host: string; why: string }
  PROV_RUN_HOST_KEY: { host: string }
  PROV_RUN_STEP_FAILED: { step: string; exit: number; log: string }
  PROV_RUN_STEP_TIMEOUT: { step: string; timeoutMs: number; log: string }
  PROV_RUN_STEP_UNABLE: { step: string; why: string }
  PROV_PROVIDER_STEP_UNKNOWN: { step: string; why: string }
  PROV_PROVIDER_OPAQUE: { provider: string }
  PROV_PROVIDER_UNSETTLED: { provider: string }
  PROV_RUN_FENCED: { provider: string }
  PROV_RUN_UNDO_FAILED: { step: string; why: string; because: string }
  PROV_RUN_PRIORITY: { priority: number; highest: number }
  PROV_RUN_COMPONENT_ABSENT: { component: string }
  PROV_RUN_COMPONENT_LOST: { component: string }
  PROV_RUN_CONFIG: { what: string }
  PROV_RUN_STOPPING: { op: string }
  PROV_LEASE_NOT_GRANTED: { lease: string }
  PROV_LEASE_NAME_TAKEN: { lease: string }
  PROV_LEASE_SSH_TIMEOUT: { lease: string }
  PROV_LEASE_MACHINE_LOST: { lease: string }
  PROV_LEASE_HEARTBEAT_LOST: { lease: string }
  PROV_LEASE_TTL_SPENT: { lease: string }
}>({
  PROV_RUN_GRAPH_INVALID: {
    disposition: 'usage',
    text: ({ step, what }) => `step ${step} cannot be run: ${what}`,
    remedy: 'correct `run.steps` of the operation type in `.ontology/provisioning.ncl`',
  },
  PROV_RUN_GRAPH_CYCLE: {
    disposition: 'usage',
    text: ({ cycle }) => `steps wait for each other: ${cycle.join(' → ')}`,
    remedy: 'take one `dependsOn` out of the circle in `.ontology/provisioning.ncl`',
  },
  PROV_RUN_PROVIDER_UNKNOWN: {
    disposition: 'usage',
    text: ({ provider, known }) =>
      `no plugin brings a provider "${provider}"${known.length > 0 ? `; there is ${known.join(', ')}` : ''}`,
    remedy: 'install and trust it (`prov plugins trust`), or name another one in provisioning.ncl',
  },
  PROV_RUN_TIER_UNKNOWN: {
    disposition: 'usage',
    text: ({ provider, tier }) => `provider ${provider} has no machine of size ${tier}`,
    remedy: 'choose another `run.tier` (s, m, l, xl) in .ontology/provisioning.ncl',
  },
  PROV_RUN_TOKEN_REUSED: {
    disposition: 'refuse',
    text: () => 'this token already stands for another graph of steps',
    remedy: 'submit a new operation with `prov op submit`; a token has one graph for ever',
  },
  PROV_RUN_NO_MACHINE: {
    disposition: 'fail',
    text: ({ provider, code }) => `provider ${provider} gave no machine (${code}); nothing was run`,
    remedy: 'see `prov help errors` for that code, then submit the operation again',
  },
  PROV_RUN_MACHINE_LOST: {
    disposition: 'fail',
    text: ({ provider, done, steps }) =>
      `the machine at ${provider} is gone after ${done} of ${steps} steps; none was under way`,
    remedy: 'look at what the finished steps left (`.prov/runs/`), then `prov op submit` again',
  },
  PROV_RUN_SSH_UNREACHABLE: {
    disposition: 'retry',
    text: ({ host, why }) => `${host} does not answer over SSH: ${why}`,
    remedy: 'it is tried again; `prov actors` shows the lease that waits for it',
  },
  PROV_RUN_SSH_REFUSED: {
    disposition: 'refuse',
    text: ({ host, why }) => `${host} did not let us in: ${why}`,
    remedy: 'the provider delivered a key that its machine does not take: `prov doctor`',
  },
  PROV_RUN_HOST_KEY: {
    disposition: 'refuse',
    text: ({ host }) => `${host} shows another host key than the machine that was made`,
    remedy: 'find out what answers at that address before `prov op submit` is tried again',
  },
  PROV_RUN_STEP_FAILED: {
    disposition: 'fail',
    text: ({ step, exit }) => `step ${step} ended with exit code ${exit}`,
    remedy: ({ log }) => `read its output in \`${log}\``,
  },
  PROV_RUN_STEP_TIMEOUT: {
    disposition: 'fail',
    text: ({ step, timeoutMs }) => `step ${step} was ended after its ${timeoutMs} ms`,
    remedy: ({ log }) => `read its output in \`${log}\`, raise \`timeoutMs\` if it needs longer`,
  },
  PROV_RUN_STEP_UNABLE: {
    disposition: 'fail',
    text: ({ step, why }) => `step ${step} was not started, the machine cannot: ${why}`,
    remedy:
      'the machine needs sh, a home folder and room in it: see `plugins/orchestrator/README.md`',
  },
  PROV_PROVIDER_STEP_UNKNOWN: {
    disposition: 'unknown',
    text: ({ step, why }) => `nobody knows whether step ${step} ran to its end: ${why}`,
    remedy: 'find out what it did, then `prov op resolve <op> --as applied|failed --reason …`',
  },
  PROV_PROVIDER_OPAQUE: {
    disposition: 'unknown',
    text: ({ provider }) => `provider ${provider} takes one attempt, and its answer was lost`,
    remedy: 'look in the console of the provider, then `prov op resolve`',
  },
  PROV_PROVIDER_UNSETTLED: {
    disposition: 'unknown',
    text: ({ provider }) =>
      `provider ${provider} shows no machine, and a request that was lost may still make one`,
    remedy: 'look in the console of the provider, then `prov op resolve`',
  },
  PROV_RUN_FENCED: {
    disposition: 'unknown',
    text: ({ provider }) =>
      `provider ${provider} goes on for a controller that took over; this one knows nothing of the outcome`,
    remedy: 'see what the newer one says: `prov op list` there; `prov nats status` shows who leads',
  },
  PROV_RUN_UNDO_FAILED: {
    disposition: 'unknown',
    text: ({ step, why, because }) =>
      `after ${because} what was done is taken back only in part; the undo of ${step}: ${why}`,
    remedy: 'take back the rest by hand, then `prov op resolve <op> --as failed --reason …`',
  },
  PROV_RUN_PRIORITY: {
    disposition: 'usage',
    text: ({ priority, highest }) => `a run cannot have priority ${priority}: 0 to ${highest}`,
    remedy: 'correct `run.priority` of the operation type in `.ontology/provisioning.ncl`',
  },
  PROV_RUN_COMPONENT_ABSENT: {
    disposition: 'fail',
    text: ({ component }) => `no plugin that is here carries out ${component}; nothing was done`,
    remedy: 'see `prov plugins` for the plugin that brings it, then submit the operation again',
  },
  PROV_RUN_COMPONENT_LOST: {
    disposition: 'unknown',
    text: ({ component }) => `${component} was begun, and how it ended was lost with the process`,
    remedy: 'look at what it acts on, then `prov op resolve`',
  },
  PROV_RUN_CONFIG: {
    disposition: 'usage',
    text: ({ what }) => `the orchestrator does not understand its config: ${what}`,
    remedy: 'see the table of settings in `plugins/orchestrator/README.md`',
  },
  PROV_RUN_STOPPING: {
    disposition: 'retry',
    text: ({ op }) => `Prov stops while ${op} runs; what it started goes on`,
    remedy: 'start Prov again: `prov op show` tells how the operation went on',
  },
  PROV_LEASE_NOT_GRANTED: {
    disposition: 'retry',
    text: ({ lease }) => `there was no room for ${lease}`,
    remedy: '`prov actors` lists the leases that are under way; submit again later',
  },
  PROV_LEASE_NAME_TAKEN: {
    disposition: 'conflict',
    text: ({ lease }) => `something that is not ours has the name of ${lease}`,
    remedy:
      'look in the console of the provider, nothing there was touched; `prov actors` names it',
  },
  PROV_LEASE_SSH_TIMEOUT: {
    disposition: 'fail',
    text: ({ lease }) => `the machine of ${lease} did not answer over SSH in time`,
    remedy: '`prov doctor` checks what the local provider needs; then submit again',
  },
  PROV_LEASE_MACHINE_LOST: {
    disposition: 'fail',
    text: ({ lease }) => `the machine of ${lease} went away, and not by us`,
    remedy: 'look in the console of the provider, then `prov op submit` again',
  },
  PROV_LEASE_HEARTBEAT_LOST: {
    disposition: 'fail',
    text: ({ lease }) => `nobody was heard of that uses ${lease}`,
    remedy: '`prov op show` tells how far the operation came',
  },
  PROV_LEASE_TTL_SPENT: {
    disposition: 'fail',
    text: ({ lease }) => `${lease} was used for longer than it may`,
    remedy: 'give its steps shorter times in `.ontology/provisioning.ncl`, or split the operation',
  },
})
