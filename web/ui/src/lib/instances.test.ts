import { expect, test } from 'vitest'
import { ranges, readersOf } from './instances'

test('numbers are said in ranges', () => {
  expect(ranges([])).toBe('')
  expect(ranges([3])).toBe('3')
  expect(ranges([7, 1, 0, 2, 9, 8, 4, 4])).toBe('0–2, 4, 7–9')
})

test('partitions of a reader are one line, and what waits nowhere is not old', () => {
  const lag = (reader: string, instance: string, partition: number, messages: number, seconds: number) => ({ reader, instance, partition, messages, seconds })
  expect(readersOf([lag('history', 'a', 1, 0, 5), lag('history', 'a', 0, 3, 2), lag('aggregate', 'a', 0, 0, 0), lag('history', 'b', 2, 1, 1)])).toEqual([
    { reader: 'aggregate', instance: 'a', partitions: [0], messages: 0, seconds: 0 },
    { reader: 'history', instance: 'a', partitions: [1, 0], messages: 3, seconds: 2 },
    { reader: 'history', instance: 'b', partitions: [2], messages: 1, seconds: 1 },
  ])
})
