/**
 * What the journal says of a machine beside what its provider says of it, line by line. Of a machine only
 * what its lease records is compared, so nothing here ever holds a key.
 *
 * @module
 */
import { leasedBy } from './lease-address.ts'
import type { Count, DiffLine, KeptState, Machine, ProviderEyes } from 'prov'
import type { LeaseContext, LeasedMachine } from 'prov/machines'

export interface DriftRow {
  readonly provider: string
  /** The machine, as the provider names it; null when the provider as a whole cannot be asked. */
  readonly machine: string | null
  /** The operation it is or was for, where that is known. */
  readonly op: string | null
  /** Step of its lease that was compared; null without a lease. */
  readonly step: Count | null
  readonly drift: 'none' | 'differs' | 'unknown'
  /** `- ` recorded and not seen, `+ ` seen and not recorded, two blanks for both. */
  readonly lines: readonly DiffLine[]
  /** Why it is so, or why nobody can tell. */
  readonly why: string
}

/** A lease that has a machine for certain: neither on its way there nor on its way out. */
export interface Recorded {
  readonly token: string
  readonly provider: string
  readonly op: string
  readonly step: Count
  readonly machine: LeasedMachine
}

const settled = new Set(['waiting-ssh', 'ready', 'in-use'])

export function recordedIn(leases: readonly KeptState[]): readonly Recorded[] {
  return leases.flatMap(({ address, sequence: step, value, context }) => {
    const { provider, machine, for: op } = context as unknown as LeaseContext
    const state = typeof value === 'string' ? value : (Object.keys(Object(value))[0] ?? '')
    if (!machine || !settled.has(state)) return []
    return [{ token: leasedBy(address), provider, op, step, machine }]
  })
}

type Seen = Awaited<ReturnType<ProviderEyes['find']>>

/** A lease and what its provider finds under its token. */
export function compared(recorded: Recorded, { machine: seen, authoritative }: Seen): DriftRow {
  const { provider, op, step, machine } = recorded
  const row = { provider, machine: machine.ref, op, step } as const
  const was = fieldsOf(machine)
  if (seen) {
    const lines = linesOf(was, fieldsOf({ ...seen, ref: seen.id }))
    const drift = lines.every((line) => line.startsWith('  ')) ? 'none' : 'differs'
    const why = drift === 'none' ? 'as it was recorded' : 'the provider has it otherwise'
    return { ...row, drift, lines, why }
  }
  if (!authoritative) {
    const why = 'the provider does not find it, which proves nothing there'
    return { ...row, drift: 'unknown', lines: [], why }
  }
  return { ...row, drift: 'differs', lines: linesOf(was, {}), why: 'the provider does not have it' }
}

/** A machine that bears the name of the workspace, and no lease of it lives. */
export function stray(provider: string, { id, host, port, labels }: Machine): DriftRow {
  const lines = linesOf({}, fieldsOf({ ref: id, host, port }))
  const why = 'no lease has it: nobody here gives it back'
  return {
    provider,
    machine: id,
    op: labels['op'] ?? null,
    step: null,
    drift: 'differs',
    lines,
    why,
  }
}

type Fields = Readonly<Record<string, string>>

const fieldsOf = ({ ref, host, port }: LeasedMachine): Fields => ({
  machine: ref,
  ...(host !== null && { host }),
  ...(port !== null && { port: String(port) }),
})

function linesOf(was: Fields, is: Fields): readonly DiffLine[] {
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((name): DiffLine[] => {
    if (was[name] === is[name]) return [`  ${name}: ${was[name]}`]
    const gone: DiffLine[] = was[name] === undefined ? [] : [`- ${name}: ${was[name]}`]
    return is[name] === undefined ? gone : [...gone, `+ ${name}: ${is[name]}`]
  })
}
