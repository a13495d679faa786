// @ts-check
/** Commands by their words. Prov lists them from here without loading the plugin. */
export const commands = { quota: () => import('./quota.js') }
