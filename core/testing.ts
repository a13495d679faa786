/**
 * The second face: the conformance kits that Prov's own parts and a stranger's both run.
 *
 * @module
 */
export { journalKit } from './journal/kit.ts'
export type { JournalHarness, KitTest } from './journal/kit.ts'
