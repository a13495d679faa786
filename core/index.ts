/**
 * The face: everything `prov` exports, by name. Heavy packages (rxjs, nats, jose, isomorphic-git,
 * xstate) are never loaded by it.
 *
 * @module
 */
export { defineActor, isActorDef } from './actor/define.ts'
export type { ActorDef, ActorEvent, ActorSpec, EffectContext } from './actor/define.ts'
export { address, parseAddress } from './actor/address.ts'
export type { Address } from './actor/address.ts'
export type { ActorRef, ActorSnapshot, ActorSystem } from './actor/system.ts'
export type { Bus, Delivery } from './bus/bus.ts'
export { defineCommand } from './cli/command.ts'
export type { Command, CommandContext, Flag, Paint } from './cli/command.ts'
export { table } from './cli/table.ts'
export type { Cell, TableOptions } from './cli/table.ts'
export { simulatedClock, sleep, systemClock } from './clock.ts'
export type { Clock, SimulatedClock, Timer } from './clock.ts'
export type { WorkspaceFiles } from './config/workspace.ts'
export { asProvError, defineErrors, errorRecord, ProvError } from './errors.ts'
export type { Disposition, ErrorReport, ErrorRow } from './errors.ts'
export { newId } from './ids.ts'
export type { Journal, JournalEntry, JournalReader, JournalRecord } from './journal/journal.ts'
export { canonicalJson, digestOf, digestOfText } from './json.ts'
export type { JsonObject, JsonValue } from './json.ts'
export type { Log, LogLine, LogSink } from './log.ts'
export { nearest } from './nearest.ts'
export { defined } from './optional.ts'
export { bus, home, journal, workspace } from './plugin/core-services.ts'
export type { Home } from './plugin/core-services.ts'
export { definePlugin } from './plugin/define.ts'
export type {
  CommandTable,
  LostNeed,
  Plugin,
  PluginContext,
  PluginLife,
  ReadTable,
} from './plugin/define.ts'
export { defineRead } from './plugin/read.ts'
export type { ReadContext, ReadModel } from './plugin/read.ts'
export { contribute, extensionPoint, serviceRef } from './plugin/service.ts'
export type { ServiceRef } from './plugin/service.ts'
export { isAudit } from './protocol/audit.ts'
export type { AuditData, AuditEvent, AuditType, Emitter } from './protocol/audit.ts'
export type { OpBody, OpRun, OpStep } from './protocol/op.ts'
export { defineProvider, providerPoint } from './protocol/provider.ts'
export type {
  Machine,
  MachineRequest,
  ProviderActs,
  ProviderBackend,
  ProviderClass,
  ProviderMaker,
  ProviderPlace,
  ProviderSpec,
  Tier,
} from './protocol/provider.ts'
export { providerErrors } from './protocol/provider-errors.ts'
export {
  auditTrail,
  controllerDesk,
  keeperDesk,
  ledger,
  orchestrator,
  submissions,
  topology,
} from './protocol/services.ts'
export type { Ledger, Orchestrator, RunOutcome } from './protocol/services.ts'
export { streamConfigs, streams, subjects } from './protocol/subjects.ts'
export { formatDuration, parseDuration } from './units.ts'
export type { Bytes, Count, Millis } from './units.ts'
