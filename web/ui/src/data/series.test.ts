import { expect, test, vi } from 'vitest'
import { live } from '../api/live'
import { Feed, type Source } from './series'

test('a feed made anew of the same answer goes on with what came behind it', () => {
  vi.stubGlobal('requestAnimationFrame', () => 1)
  vi.stubGlobal('cancelAnimationFrame', () => undefined)
  const source: Source = { kind: 'sensor', id: 'kettle', label: 'Kettle', unit: 'W', gap: 15_000 }
  const now = Math.floor(Date.now() / 5000) * 5000
  const range = { from: now - 3_600_000, to: now, step: 5000, t: [now - 10_000], min: [1], avg: [1], max: [1] }
  const answer = { range: { ...range, count: [1], sensor: 'kettle', unit: 'W' }, before: undefined, from: range.from, to: now }
  const first = new Feed([source], [answer], 3_600_000)
  const stop = first.subscribe(() => undefined)
  live.seed('kettle', now - 5000, 2)
  live.seed('kettle', now, 3)
  stop()
  // As when another series joins the chart.
  const other: Source = { ...source, id: 'lamp', label: 'Lamp' }
  const second = new Feed([source, other], [answer, undefined], 3_600_000)
  expect(second.shown().lines[0]).toMatchObject({ t: [now - 10_000, now - 5000, now], avg: [1, 2, 3] })
  vi.unstubAllGlobals()
})
