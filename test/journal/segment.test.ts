import t from 'tap'
import { randomBytes, randomUUID } from 'node:crypto'
import {
  crc32,
  decodeSegmentHeader,
  encodeSegmentHeader,
  segmentNumbers,
  segmentName,
  tableCrc32,
} from '../../core/journal/segment.ts'

t.test('the own CRC agrees with the known check value and with zlib', (t) => {
  t.equal(tableCrc32(Buffer.from('123456789')), 0xcbf43926)
  for (const size of [0, 1, 7, 4_096]) {
    const bytes = randomBytes(size)
    t.equal(tableCrc32(bytes), crc32(bytes))
  }
  t.end()
})

t.test('a segment header comes back as it was written', (t) => {
  const header = {
    segment: 7,
    journal: randomUUID(),
    epoch: 3,
    firstBatch: 2 ** 40,
    firstPosition: 2 ** 50,
    createdMs: 1_767_225_600_000.5,
    sealedBytes: 16_777_216,
    sealedHash: randomBytes(32),
  }
  t.same(decodeSegmentHeader(encodeSegmentHeader(header)), header)
  t.equal(decodeSegmentHeader(Buffer.alloc(4_096)), undefined)
  t.equal(decodeSegmentHeader(encodeSegmentHeader(header).subarray(0, 100)), undefined)
  t.end()
})

t.test('segments are found by name and in order of number', (t) => {
  const names = [12, 2, 100_000_000].map(segmentName)
  t.same(
    segmentNumbers([...names, 'segment-3.log', 'segment-00000004.log.tmp', 'lock']),
    [2, 12, 100_000_000],
  )
  t.end()
})
