/**
 * Dead letters: messages that failed each time they were handled, set aside so that they block nobody
 * and are not lost. A person looks at them and sends them again.
 *
 *     20 deliveries ─▶ letter.buried ─▶ term      prov controller replay ─▶ { letter.replayed, outbox }
 *
 * @module
 */
import { newId, outboxEntry } from 'prov'
import type {
  Clock,
  Count,
  Delivery,
  Journal,
  JournalReader,
  JsonObject,
  JsonValue,
  ProvError,
} from 'prov'
import { controllerErrors } from './errors.ts'

const partition = 'controller.letters'

export interface Letter {
  /** Id of the message, without what a second sending added. */
  readonly id: string
  readonly subject: string
  readonly body: JsonValue
  readonly code: string
  readonly message: string
  /** RFC 3339: when it was set aside. */
  readonly at: string
  readonly deliveries: Count
  /** How often a person sent it again. */
  readonly replays: Count
}

/** Those of the journal, oldest first; empty without one. */
export async function readLetters(
  journal: JournalReader | undefined,
): Promise<ReadonlyMap<string, Letter>> {
  const letters = new Map<string, Letter>()
  for await (const { type, body } of journal?.read({ partition }) ?? []) {
    const { id } = body as { readonly id: string }
    const known = letters.get(id)
    if (type === 'letter.buried') {
      letters.set(id, { ...(body as unknown as Letter), replays: known?.replays ?? 0 })
    }
    if (type === 'letter.replayed' && known) {
      letters.set(id, { ...known, replays: known.replays + 1 })
    }
  }
  return letters
}

export class Letters {
  readonly #parts: { readonly journal: Journal; readonly clock: Clock }

  constructor(parts: { readonly journal: Journal; readonly clock: Clock }) {
    this.#parts = parts
  }

  /** Resolves when it is durable: only then may the bus forget it. */
  async bury({ id, subject, body, attempt }: Delivery, error: ProvError): Promise<void> {
    const { journal, clock } = this.#parts
    const { code, message } = error
    const at = new Date(clock.now()).toISOString()
    const letter = { id: ownId(id), subject, body, code, message, at, deliveries: attempt }
    await journal.append([{ partition, type: 'letter.buried', body: letter as JsonObject }])
  }

  /** Sends it again under a new message id; what it says is judged as ever. Throws PROV_CONTROLLER_NO_LETTER. */
  async replay(id: string): Promise<void> {
    const { journal, clock } = this.#parts
    const letter = (await readLetters(journal)).get(id)
    if (!letter) throw controllerErrors.PROV_CONTROLLER_NO_LETTER({ id })
    const { subject, body } = letter
    // A bus drops a message id that it has seen.
    const message = { subject, id: `${id}~${newId('again', clock)}`, body }
    await journal.append([
      { partition, type: 'letter.replayed', body: { id } },
      outboxEntry('controller', message),
    ])
  }
}

const ownId = (id: string): string => id.split('~')[0] ?? id
