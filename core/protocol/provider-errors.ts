/** What every provider backend may have to say, whichever it is. @module */
import { defineErrors } from '../errors.ts'

export const providerErrors = defineErrors<{
  PROV_PROVIDER_NOT_STARTED: { provider: string }
  PROV_PROVIDER_UNKNOWN: { provider: string; what: string }
  PROV_PROVIDER_MACHINE_LOST: { provider: string; machine: string }
  PROV_PROVIDER_FENCED: { provider: string; epoch: number; highest: number }
}>({
  PROV_PROVIDER_NOT_STARTED: {
    disposition: 'usage',
    text: ({ provider }) => `provider ${provider} is declared but its plugin does not run here`,
    remedy: 'run `prov plugins` to see why it did not start',
  },
  PROV_PROVIDER_UNKNOWN: {
    disposition: 'unknown',
    text: ({ provider, what }) =>
      `provider ${provider} gave no answer to ${what}: it may have acted`,
    remedy: 'look before acting again: `prov op list` shows what waits for an answer',
  },
  PROV_PROVIDER_MACHINE_LOST: {
    disposition: 'fail',
    text: ({ provider, machine }) =>
      `the machine ${machine} of provider ${provider} existed and is gone; its token gives no second one`,
    remedy: 'submit a new operation: `prov op submit` makes a new machine under a new token',
  },
  PROV_PROVIDER_FENCED: {
    disposition: 'unknown',
    text: ({ provider, epoch, highest }) =>
      `provider ${provider} was asked for this machine by controller ${highest} and does nothing for the older ${epoch}`,
    remedy: 'nothing to do where another controller took over: `prov nats status` shows who leads',
  },
})
