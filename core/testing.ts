/**
 * The second face: the conformance kits that Prov's own parts and a stranger's both run.
 *
 * @module
 */
export { busKit } from './bus/kit.ts'
export { leadershipKit } from './bus/leadership-kit.ts'
export type { LeadershipHarness, LeadershipKitOptions } from './bus/leadership-kit.ts'
export type { BusHarness, BusKitOptions } from './bus/kit.ts'
export { journalKit } from './journal/kit.ts'
export type { JournalHarness } from './journal/kit.ts'
export { simulatedDisk } from './journal/simulated-disk.ts'
export type { SimulatedDisk, SimulatedDiskOptions } from './journal/simulated-disk.ts'
export { codeOf } from './kit.ts'
export type { KitTest } from './kit.ts'
export { pluginKit } from './plugin/kit.ts'
export type { PluginKitOptions } from './plugin/kit.ts'
export { providerKit } from './protocol/provider-kit.ts'
export type { ProviderKitOptions } from './protocol/provider-kit.ts'
export { machineLaws } from './actor/kit.ts'
export type { MachineLawsOptions } from './actor/kit.ts'
export { actorCrashPoints, simulateActors } from './actor/simulate.ts'
export type {
  ActorCrashPoint,
  ActorLife,
  ActorWorld,
  EffectRun,
  SimulateActorsOptions,
  StepTaken,
} from './actor/simulate.ts'
export { simulate } from './simulate.ts'
export type { SimulatedRuntime, SimulateOptions, World } from './simulate.ts'
