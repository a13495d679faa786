/** The domain's statecharts: pure, no clock, no I/O. @module */
export * from './answer.ts'
export * from './dimension.ts'
export * from './gate.ts'
export * from './lease.ts'
export * from './operation.ts'
