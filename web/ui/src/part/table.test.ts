import { expect, test } from 'vitest'
import { csv, tableOf, xlsx, type Table } from './table'

const table: Table = {
  columns: [{ name: 'Time', unit: '' }, { name: 'Hall, "one"', unit: 'W' }],
  rows: [
    [{ at: Date.parse('2026-10-25T00:30:00Z') }, 1.5],
    [{ at: Date.parse('2026-10-25T01:30:00Z') }, null],
    ['=1+1', 0],
  ],
  zone: 'Europe/Berlin',
}

test('CSV keeps both hours of a clock change apart, null empty, and formulas text', () => {
  expect(csv(table)).toBe('Time,"Hall, ""one"" (W)"\r\n2026-10-25T02:30:00+02:00,1.5\r\n2026-10-25T02:30:00+01:00,\r\n\'=1+1,0\r\n')
})

test('XLSX is a zip file', async () => {
  const blob = await xlsx(table)
  expect([...new Uint8Array(await blob.arrayBuffer()).slice(0, 2)]).toEqual([0x50, 0x4b])
})

test('lines of different times share one column of times', () => {
  const t = tableOf(
    [
      { key: 'a', label: 'A', unit: 'W', t: [1000, 2000], avg: [1, 2] },
      { key: 'b', label: 'B', unit: 'V', t: [2000, 3000, 9000], avg: [20, 30, 90], min: [19, 29, 89], max: [21, 31, 91] },
    ],
    0, 5000, 'UTC', { time: 'Time', min: 'min', max: 'max' },
  )
  expect(t.columns.map((c) => c.name)).toEqual(['Time', 'A', 'B', 'B, min', 'B, max'])
  expect(t.rows).toEqual([
    [{ at: 1000 }, 1, null, null, null],
    [{ at: 2000 }, 2, 20, 19, 21],
    [{ at: 3000 }, null, 30, 29, 31],
  ])
})
