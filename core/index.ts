/**
 * The face: everything `prov` exports, by name. Heavy packages (rxjs, nats, jose, isomorphic-git,
 * xstate) are never loaded by it.
 *
 * @module
 */
export { defineActor, isActorDef } from './actor/define.ts'
export type { ActorDef, ActorEvent, ActorSpec, EffectContext } from './actor/define.ts'
export { defineGroup } from './actor/groups.ts'
export type { Group, GroupSpec } from './actor/groups.ts'
export { address, parseAddress } from './actor/address.ts'
export type { Address } from './actor/address.ts'
export type { MemoryOptions } from './actor/passivate.ts'
export { keptStates } from './actor/kept.ts'
export type { KeptState } from './actor/kept.ts'
export { messageIn } from './actor/inspect.ts'
export type {
  Inspect,
  InspectByKind,
  InspectKind,
  Inspector,
  InspectRecord,
} from './actor/inspect.ts'
export type { FlightEntry, FlightQuery, FlightRecorder } from './actor/recorder.ts'
export type { DeadLetter, DeadLetters, LetterFilter } from './actor/letters.ts'
export type { Directive, SupervisionSpec } from './actor/supervise.ts'
export type {
  ActorRef,
  ActorRow,
  ActorSnapshot,
  ActorSystem,
  CrashReport,
  Replayed,
} from './actor/system.ts'
export { inspectAsXState } from './actor/xstate-inspect.ts'
export type { XStateInspectOptions } from './actor/xstate-inspect.ts'
export { openTelemetry } from './actor/telemetry.ts'
export type { Telemetry, TelemetryApi, TelemetryOptions, Tracing } from './actor/telemetry.ts'
export type { Bus, Delivery } from './bus/bus.ts'
export { defineCommand } from './cli/command.ts'
export type {
  Command,
  CommandContext,
  Completion,
  Flag,
  FlagValues,
  Paint,
  RowsOf,
} from './cli/command.ts'
export { shape } from './cli/shape.ts'
export type { Printed, Shape, ShapeTable } from './cli/shape.ts'
export { fields, section, table, wrap } from './cli/table.ts'
export type { Cell, TableOptions } from './cli/table.ts'
export { simulatedClock, sleep, systemClock } from './clock.ts'
export type { Clock, SimulatedClock, Timer } from './clock.ts'
export { replaceFile } from './small-file.ts'
export { ensureHome, homeOutside } from './config/home.ts'
export { passphraseFrom } from './config/passphrase.ts'
export type { WorkspaceFiles } from './config/workspace.ts'
export {
  asProvError,
  defineErrors,
  errorRecord,
  errorTable,
  exitCodes,
  ProvError,
} from './errors.ts'
export type { Disposition, ErrorReport, ErrorRow } from './errors.ts'
export { newId } from './ids.ts'
export type {
  Journal,
  JournalEntry,
  JournalReader,
  JournalRecord,
  Position,
} from './journal/journal.ts'
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
  ShapeModule,
  LostNeed,
  Plugin,
  PluginContext,
  PluginLife,
  ReadTable,
  RouteTable,
} from './plugin/define.ts'
export type { ActorHandle, ActorHandles } from './plugin/handles.ts'
export { defineRead } from './plugin/read.ts'
export type { Contribution, Contributions, ReadContext, ReadModel } from './plugin/read.ts'
export { defineRoute } from './plugin/route.ts'
export type { Route, RouteContext, RouteMethod, RouteName, RouteRequest } from './plugin/route.ts'
export type { PluginRow } from './plugin/host.ts'
export { contribute, extensionPoint, serviceRef } from './plugin/service.ts'
export type { ServiceRef } from './plugin/service.ts'
export { isAudit } from './protocol/audit.ts'
export type {
  AuditData,
  AuditEvent,
  AuditType,
  BrokenGlass,
  Emitter,
  RuleTrace,
  SeqRecord,
} from './protocol/audit.ts'
export { clockSkewMs, isOpBody, opDigest, planDigest, tokenRules } from './protocol/claims.ts'
export type { TokenClaims, TokenKind } from './protocol/claims.ts'
export type { Contract, ServiceRole } from './protocol/contract.ts'
export { actClaims, asksFor, intentClaims, opIdOf, voteClaims } from './protocol/drafts.ts'
export { crashPoint } from './protocol/crash.ts'
export { eventDigest, parseAuditEvent } from './protocol/emitter.ts'
export type { AuditDraft, AuditEmitter } from './protocol/emitter.ts'
export { auditErrors, keyErrors, opErrors, policyErrors, tokenErrors } from './protocol/errors.ts'
export { isFenced } from './protocol/evidence.ts'
export type { Evidence, LateAnswer } from './protocol/evidence.ts'
export { factRecorder, opFact } from './protocol/facts.ts'
export type { Acted, OpFact, Saying } from './protocol/facts.ts'
export {
  breakersOf,
  emptyModel,
  evidenceText,
  foldAudit,
  isTerminal,
  outcomeOf,
  seqKey,
} from './protocol/fold.ts'
export type {
  OpEvidence,
  OpNote,
  OpRow,
  OpsModel,
  OpVote,
  Refusal,
  SeqRow,
  Unreviewed,
} from './protocol/fold.ts'
export type { EventBus, EventsOptions } from './protocol/event-bus.ts'
export { followAudit } from './protocol/follow.ts'
export type { FollowOptions } from './protocol/follow.ts'
export {
  actorNamePattern,
  custodyBetween,
  parseKeyRecord,
  personOf,
  verifySignature,
} from './protocol/key.ts'
export type { ActorKind, KeyRecord, PublicJwk, Signer } from './protocol/key.ts'
export { keyActs, parseKeyRule, rootRole, ruleWords } from './protocol/key-rule.ts'
export type { KeyRule } from './protocol/key-rule.ts'
export { Keyring, rotationAct } from './protocol/keyring.ts'
export { makeKeyFile, openKeyFile, openKeyStore } from './protocol/keys.ts'
export type { KeyStore } from './protocol/keys.ts'
export type {
  ActClaims,
  ActName,
  ApprovalClaims,
  ApprovalNote,
  Custody,
  EvidenceClaims,
  IntentClaims,
  OpBody,
  OpOutcome,
  OpPhase,
  ComponentRun,
  OpRun,
  OpStep,
  StepRun,
  StateVector,
  Transition,
  VoteClaims,
} from './protocol/op.ts'
export { isComponentRun, opPhases } from './protocol/op.ts'
export { defineOpType, opTypePoint } from './protocol/op-type.ts'
export type {
  Component,
  ComponentCall,
  ComponentClass,
  ComponentDetail,
  OpType,
  OpTypeSpec,
} from './protocol/op-type.ts'
export { opsModel } from './protocol/ops-model.ts'
export { isMessage } from './protocol/hops.ts'
export { outboxEntry } from './protocol/outbox.ts'
export { audienceOf, rootOf } from './protocol/planes.ts'
export { parsePlan, planDrift, planFileDigest, planText } from './protocol/plan.ts'
export type { DiffLine, OpPlan, PlanChange, PlanProposal } from './protocol/plan.ts'
export { defineProvider, providerPoint } from './protocol/provider.ts'
export type {
  Machine,
  MachineRequest,
  ProviderActs,
  ProviderBackend,
  ProviderClass,
  ProviderEyes,
  ProviderMaker,
  ProviderPlace,
  ProviderSpec,
  Tier,
} from './protocol/provider.ts'
export { providerErrors } from './protocol/provider-errors.ts'
export { isRefusal, Refusals } from './protocol/refusals.ts'
export type { Turned } from './protocol/refusals.ts'
export { joinSignatures } from './protocol/signatures.ts'
export { TakenActs, TakenIds } from './protocol/replay.ts'
export {
  auditTrail,
  contract,
  controllerDesk,
  keeperDesk,
  keyStore,
  ledger,
  orchestrator,
  submissions,
  topology,
} from './protocol/services.ts'
export type {
  AuditTrail,
  ControllerDesk,
  GateView,
  KeeperDesk,
  Ledger,
  OpEnd,
  Orchestrator,
  PhaseChange,
  PlanBinding,
  Proposal,
  RunOutcome,
  Submissions,
  Topology,
} from './protocol/services.ts'
export { maskSecrets, secretParam } from './secrets.ts'
export { foreignJson } from './foreign-json.ts'
export { isShown } from './signs.ts'
export type { OpsStore, Selected } from './protocol/store.ts'
export { evidenceConsumer, streamConfigs, streams, subjects } from './protocol/subjects.ts'
export { retireEnded } from './protocol/retire.ts'
export {
  openToken,
  openTokenLater,
  openTokenNow,
  peekIntent,
  peekToken,
  signToken,
  signTokenNow,
} from './protocol/tokens.ts'
export type { OpenToken, TokenContext } from './protocol/tokens.ts'
export { auditEvents, eventIn, verifyTrail } from './protocol/trail.ts'
export type { TrailReport } from './protocol/trail.ts'
export { createRuntime } from './runtime.ts'
export type { OpHandle, Runtime, RuntimeOptions } from './runtime.ts'
export { formatDuration, parseDuration } from './units.ts'
export type { Bytes, Count, Millis } from './units.ts'
