/**
 * What may be asked at a desk, and of which plane: the requests of the workspace's socket as far as each
 * is a read or bears a token. What needs no token there (another code for a plugin, a message that was
 * set aside) rests on who may open that socket, and is not taken from elsewhere.
 *
 * @module
 */
import type { JsonObject } from '../json.ts'
import type { PlaneName } from '../protocol/planes.ts'
import { peekToken } from '../protocol/tokens.ts'

const all = ['submitter', 'keeper', 'controller', 'mirror'] as const
const keeper = ['keeper'] as const
const submitter = ['submitter'] as const

/** The first of them that is there is asked. */
const planesOf: Readonly<Record<string, readonly PlaneName[]>> = {
  hello: all,
  trail: all,
  // Each hears all events; only these have the files of the workspace read.
  read: ['submitter', 'controller', 'keeper'],
  plan: submitter,
  phase: submitter,
  next: submitter,
  intent: submitter,
  key: keeper,
  keys: keeper,
  enrolled: keeper,
  enrol: keeper,
  ballot: keeper,
  unreviewed: keeper,
  rotation: keeper,
  policy: keeper,
  keeper,
  vote: keeper,
  act: keeper,
  vector: ['controller'],
  ledger: ['mirror'],
}

/** Empty for what nobody takes at a desk. */
export function planesFor(name: string, given: JsonObject): readonly PlaneName[] {
  if (name === 'act') {
    const { act } = peekToken(given['token'])
    if (act === 'op.withdraw') return submitter
    if (act === 'op.resolve') return ['controller']
  }
  return Object.hasOwn(planesOf, name) ? (planesOf[name] as readonly PlaneName[]) : []
}
