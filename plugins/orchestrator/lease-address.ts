/** Where the lease of a token's machine lives. @module */
import type { Address } from 'prov'

export const leaseType = 'orchestrator.lease'

export const leaseAddress = (token: string): Address => `${leaseType}/${token}`

/** The token whose machine a lease has. */
export const leasedBy = (address: Address): string => address.slice(leaseType.length + 1)
