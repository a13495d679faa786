/** A branch, moved as git does it: under a lock file, durable before it counts. @module */
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'

export const branch = 'refs/heads/main'

/** The caller's lock says that nobody else writes here; a lock file of git itself stands in the way. */
export async function moveRef(gitdir: string, ref: string, to: string): Promise<void> {
  const file = join(gitdir, ref)
  await mkdir(dirname(file), { recursive: true })
  const lock = await open(`${file}.lock`, 'wx')
  try {
    await lock.writeFile(`${to}\n`)
    await lock.sync()
  } finally {
    await lock.close()
  }
  await rename(`${file}.lock`, file)
  // With the name of its own folder, which may be new.
  for (const path of [dirname(file), dirname(dirname(file))]) {
    const folder = await open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }
}
