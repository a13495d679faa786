import { generateKeyPairSync, sign } from 'node:crypto'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { CheckThreads } from '../../core/protocol/check-threads.ts'
import type { PublicJwk } from '../../core/protocol/key.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const { x = '' } = publicKey.export({ format: 'jwk' })
const key: PublicJwk = { kty: 'OKP', crv: 'Ed25519', x }

const signatureOf = (text: string) =>
  sign(null, Buffer.from(text), privateKey).toString('base64url')

/** Adds so many, of which those at the places are signed for another text; answers with those found bad. */
async function found(threads: CheckThreads, count: number, places: readonly number[]) {
  const bad: number[] = []
  for (let at = 0; at < count; at++) {
    const text = `text ${at}`
    const signed = places.includes(at) ? 'another text' : text
    await threads.add([key, text, signatureOf(signed)], () => void bad.push(at))
  }
  await threads.settled()
  return bad.toSorted((one, two) => one - two)
}

/** Told of each thread that is started meanwhile. */
async function watching<T>(told: (worker: Worker) => void, act: () => Promise<T>): Promise<T> {
  process.on('worker', told)
  try {
    return await act()
  } finally {
    process.off('worker', told)
  }
}

t.test('what is not signed is found wherever it stands, and nothing else', async (t) => {
  const threads = new CheckThreads(2)
  t.teardown(() => threads.close())
  const ended: Promise<unknown>[] = []
  const follow = (worker: Worker) =>
    void ended.push(new Promise((over) => worker.once('exit', over)))
  const places = [0, 127, 128, 700, 999]
  t.same(await watching(follow, () => found(threads, 1_000, places)), places)
  t.equal(ended.length, 2, 'in as many threads as there may be')
  t.same(await found(threads, 3, [1]), [1], 'a few are checked here')
  await threads.close()
  await Promise.all(ended)
})

t.test('a thread that ends unasked costs no answer', async (t) => {
  const threads = new CheckThreads(1)
  t.teardown(() => threads.close())
  let started = 0
  const kill = (worker: Worker): void => {
    started++
    void worker.terminate()
  }
  t.same(await watching(kill, () => found(threads, 1_000, [5, 500])), [5, 500])
  t.ok(started > 0)
})
