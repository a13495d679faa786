/** What the core's commands print with `--json`, by their words. @module */
import type { ShapeTable } from '../shape.ts'
import { actorShapes } from './actors.ts'
import { eventShapes } from './events.ts'
import { journalShapes } from './journal.ts'
import { natsShapes } from './nats.ts'
import { planeShapes } from './planes.ts'
import { pluginShapes } from './plugins.ts'
import { toolShapes } from './tools.ts'

export const shapes: ShapeTable = {
  ...actorShapes,
  ...eventShapes,
  ...journalShapes,
  ...natsShapes,
  ...planeShapes,
  ...pluginShapes,
  ...toolShapes,
}
