/**
 * Prov's own Nickel: read, evaluate and export configuration without another program.
 *
 * @module
 */
export type { Budget } from './budget.ts'
export { NickelError, type NickelErrorKind, type RenderOptions } from './error.ts'
export { dependencies, ENGINE, evaluate, exportJson, exportText, type Dependencies, type EvaluateOptions, type Evaluation, type ExportOptions } from './evaluate.ts' // prettier-ignore
export type { ExportFormat, JsonValue } from './export.ts'
export type { FileDependency, ImportOptions } from './import.ts'
export { contentKey } from './key.ts'
export { lintDeclarative, type LintFinding, type LintOptions } from './lint.ts'
export { locate, type ValuePath } from './locate.ts'
export type { Place } from './source.ts'
