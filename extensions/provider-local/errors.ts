/** What the local backend can refuse or fail at. @module */
import { defineErrors } from 'prov'

export const localErrors = defineErrors<{
  PROV_PROVIDER_LOCAL_CONFIG: { what: string }
  PROV_PROVIDER_LOCAL_START_FAILED: { machine: string; why: string }
  PROV_PROVIDER_LOCAL_NO_ISOLATION: { why: string }
  PROV_PROVIDER_LOCAL_STATE: { file: string; why: string }
  PROV_PROVIDER_LOCAL_STUCK: { machine: string; left: string }
}>({
  PROV_PROVIDER_LOCAL_CONFIG: {
    disposition: 'usage',
    text: ({ what }) => `the local provider does not understand its config: ${what}`,
    remedy: 'see the table of settings in `extensions/provider-local/README.md`',
  },
  PROV_PROVIDER_LOCAL_START_FAILED: {
    disposition: 'fail',
    text: ({ machine, why }) =>
      `the process of machine ${machine} ended before it listened: ${why}`,
    remedy: 'run `prov doctor`; the last lines stand in `.prov/machines/<id>/machine.log`',
  },
  PROV_PROVIDER_LOCAL_NO_ISOLATION: {
    disposition: 'usage',
    text: ({ why }) => `isolation "bubblewrap" was asked for and does not work here: ${why}`,
    remedy: 'install bubblewrap (`prov doctor` checks it), or set isolation to "auto"',
  },
  PROV_PROVIDER_LOCAL_STATE: {
    disposition: 'fail',
    text: ({ file, why }) => `the state of a local machine cannot be read from ${file}: ${why}`,
    remedy: 'look at that file; remove its folder once `prov doctor` says that nothing runs in it',
  },
  PROV_PROVIDER_LOCAL_STUCK: {
    disposition: 'retry',
    text: ({ machine, left }) => `machine ${machine} could not be removed whole: ${left}`,
    remedy: 'destroying again is safe and goes on; `prov doctor` names what is left',
  },
})
