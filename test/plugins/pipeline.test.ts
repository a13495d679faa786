/** The pipeline in one process, on the embedded bus; apart it is told in `test/planes/pipeline.test.ts`. */
import t from 'tap'
import { pipelineSuite } from './pipeline-suite.ts'
import type { World } from './pipeline-suite.ts'
import { live, people, ready, stage } from './stage.ts'
import type { Life, Stage } from './stage.ts'

pipelineSuite(t, async (t, policy): Promise<World> => {
  const begun: Life & { readonly on: Stage } =
    policy === null ? await withoutPolicy(t) : await ready(t)
  const { on } = begun
  let life: Life = begun
  t.teardown(() => life.close())
  return {
    on,
    get ops() {
      return life.ops
    },
    get desk() {
      return life.desk
    },
    get control() {
      return life.control
    },
    get deal() {
      return life.deal
    },
    until: (op, ...phases) => life.until(op, ...phases),
    events: (op) => life.events(op),
    refused: (code) => life.refused(code),
    async restart() {
      const closing = life.close()
      await on.clock.advance(10_000)
      await closing
      life = await live(on)
    },
  }
})

async function withoutPolicy(t: Parameters<typeof stage>[0]) {
  const on = stage(t, null)
  const life = await live(on)
  const record = await people(on).create({ actor: 'alice', kind: 'human', passphrase: '' })
  await life.deal.enrol({ record, as: 'alice' })
  return { ...life, on }
}
