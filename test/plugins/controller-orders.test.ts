/** The keeper's numbers in random orders, doubled, dropped, late, reused: each has one record (D-30). */
import t from 'tap'
import { bus } from '../../core/plugin/core-services.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { seeded } from '../support/power.ts'
import { placed, ready, signedApproval } from './stage.ts'
import type { Life, Stage } from './stage.ts'

const count = 8

t.test('each number has exactly one record, and claims follow their order', async (t) => {
  const seeds = process.env['PROV_SEED']
    ? [Number(process.env['PROV_SEED'])]
    : Array.from({ length: 6 }, () => Math.floor(Math.random() * 2 ** 31))
  for (const seed of seeds) await t.test(`seed ${seed}`, (t) => order(t, seed))
})

async function order(t: Parameters<typeof ready>[0], seed: number): Promise<void> {
  const random = seeded(seed)
  const life = await ready(t)
  const { ops, until, on, deal } = life
  const held: string[] = []
  for (let nth = 0; nth < count; nth++) {
    const { op } = await ops.submit({ type: 'spread', target: `d/${nth}`, as: 'alice' })
    await until(op, 'held')
    held.push(op)
  }
  const letters = await Promise.all(held.map((op, at) => commandOf(life, op, at + 1)))
  // The last one comes, or nobody would know that those before it are missing.
  const dropped = new Set([...letters.keys()].filter((at) => at < count - 1 && random() < 0.25))
  const sent = letters
    .map((letter, at) => ({ letter, at }))
    .filter(({ at }) => !dropped.has(at))
    .flatMap((one) => (random() < 0.4 ? [one, one] : [one]))
    .sort(() => random() - 0.5)
  for (const { letter, at } of sent) {
    // A doubled one is a redelivery under its own id or a replay under another.
    const id = random() < 0.5 ? `command:1:${at + 1}` : `other:${random()}`
    await knock(life, letter, id)
  }
  // Each gap waits on its own.
  for (let gap = 0; gap <= dropped.size; gap++) {
    await placed(life)
    await on.clock.advance(31_000)
  }
  await placed(life)
  await Promise.all(
    held.filter((_, at) => !dropped.has(at)).map((op) => until(op, 'applied', 'refused')),
  )
  // What comes late has no force; another body under a number that was used has none either.
  for (const at of dropped) await knock(life, letters[at] as string, `late:${at}`)
  await knock(life, await commandOf(life, held[0] as string, count), 'reuse')
  await placed(life)
  await on.clock.advance(31_000)

  const records = (await life.events()).filter(
    ({ emitter, data }) => emitter === 'controller' && 'seq' in data,
  )
  const seqOf = ({ data }: (typeof records)[number]) => (data as unknown as { seq: number }).seq
  const numbers = records.map(seqOf)
  t.same(
    [...numbers].sort((a, b) => a - b),
    Array.from({ length: count }, (_, at) => at + 1),
  )
  const claims = records.filter(({ type }) => type === 'prov.op.claimed').map(seqOf)
  t.same(
    claims,
    [...claims].sort((a, b) => a - b),
    'claims follow the numbers',
  )
  t.equal(claims.length, count - dropped.size)
  for (const [at, op] of held.entries()) {
    t.equal(on.effects.get(op) ?? 0, dropped.has(at) ? 0 : 1, `number ${at + 1}: effects`)
    t.equal(
      deal.store.get().numbers.get(1, at + 1)?.used,
      dropped.has(at) ? 'seq.skipped' : 'op.claimed',
    )
  }
}

const knock = (life: Life, token: string, id: string) =>
  life.prov
    .service(bus)
    .publish(subjects.command('my-infra'), { id, body: { kind: 'command', token } })

/** A command as the keeper would sign it, under that number. */
const commandOf = (life: Life & { readonly on: Stage }, op: string, seq: number) =>
  signedApproval(life, op, { jti: `jti_${op}_${seq}`, seq })
