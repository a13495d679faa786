/**
 * The machines of this workspace as the journal has them, against what their providers see now. It asks
 * providers to look and never to act, starts nothing and takes no lock.
 *
 * A machine may come or go between the look into the journal and the one at its provider. So what differs
 * is looked at again: a difference is what both looks found in the same step of the same lease.
 *
 * @module
 */
import { asProvError, defineRead, keptStates, ProvError, providerPoint } from 'prov'
import type { Contribution, ProviderBackend, ProviderEyes, ReadContext } from 'prov'
import { compared, recordedIn, stray } from '../drift.ts'
import type { DriftRow } from '../drift.ts'
import { runErrors } from '../errors.ts'
import { leasedBy, leaseType } from '../lease-address.ts'

export const read = defineRead<void, readonly DriftRow[]>({
  name: 'drift',
  describe: 'machines as they are recorded against what their providers see, line by line',
  async run(_, context) {
    const first = await look(context)
    if (first.every(({ drift }) => drift !== 'differs')) return first
    const told = new Set(first.map((row) => JSON.stringify(row)))
    return (await look(context)).map((row): DriftRow => {
      if (row.drift !== 'differs' || told.has(JSON.stringify(row))) return row
      return { ...row, drift: 'unknown', lines: [], why: 'it changes right now: look again' }
    })
  },
})

async function look({
  journal,
  contributions,
  files,
  clock,
}: ReadContext): Promise<readonly DriftRow[]> {
  const end = new AbortController()
  const leases = await keptStates(journal, leaseType)
  const recorded = recordedIn(leases)
  const tokens = new Set(leases.map(({ address }) => leasedBy(address)))
  const backends = await contributions(providerPoint)
  const known = backends.map(({ name }) => name)
  const names = [...new Set([...known, ...recorded.map(({ provider }) => provider)])].sort()
  const place = { stateDir: files.stateDir, clock, signal: end.signal }

  const seenBy = async (provider: string): Promise<readonly DriftRow[]> => {
    const own = recorded.filter((one) => one.provider === provider)
    const rows: DriftRow[] = []
    try {
      const backend = backends.find(({ name }) => name === provider)
      if (!backend) throw runErrors.PROV_RUN_PROVIDER_UNKNOWN({ provider, known })
      const eyes = await eyesOf(backend, place)
      for (const one of own) {
        const { machine, authoritative } = await eyes.find({ token: one.token })
        const certain = authoritative && backend.value.class !== 'opaque'
        rows.push(compared(one, { machine, authoritative: certain }))
      }
      for await (const machine of eyes.list({ labels: { workspace: files.name } })) {
        if (!tokens.has(machine.token)) rows.push(stray(provider, machine))
      }
      return rows
    } catch (thrown) {
      const { code, message } = asProvError(thrown)
      const why = `it cannot be asked: ${message} (${code})`
      const unknown = { provider, drift: 'unknown', lines: [], why } as const
      const left = own.slice(rows.length)
      return [
        ...rows,
        ...left.map(({ machine: { ref: machine }, op, step }) => ({
          ...unknown,
          machine,
          op,
          step,
        })),
        ...(left.length === 0 ? [{ ...unknown, machine: null, op: null, step: null }] : []),
      ]
    }
  }
  try {
    return (await Promise.all(names.map(seenBy))).flat()
  } finally {
    end.abort()
  }
}

/** Of the plugin that runs here; else made for this look. */
async function eyesOf(
  { value, config }: Contribution<ProviderBackend>,
  place: Omit<Parameters<NonNullable<ProviderBackend['look']>>[0], 'config'>,
): Promise<ProviderEyes> {
  try {
    return await value.open(place)
  } catch (thrown) {
    const cold = ProvError.is(thrown) && thrown.code === 'PROV_PROVIDER_NOT_STARTED'
    if (!cold || !value.look) throw thrown
    return value.look({ ...place, config })
  }
}
