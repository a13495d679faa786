// @ts-check
/** Read models by name. Each is loaded when it is asked for, so this file stays light. */
export const reads = { quota: () => import('./quota.js') }
