import { expect, test } from 'vitest'
import { colourIndex, palette, strokes } from './colour'

test('the colour of a name never changes, and names spread over the palette', () => {
  expect(colourIndex('hall-1/press')).toBe(colourIndex('hall-1/press'))
  const used = new Array<number>(palette).fill(0)
  for (let i = 0; i < 1000; i++) used[colourIndex(`sensor-${i}`)] = (used[colourIndex(`sensor-${i}`)] ?? 0) + 1
  expect(Math.min(...used)).toBeGreaterThan(50)
})

test('no two of a chart look the same', () => {
  const all = strokes(Array.from({ length: 20 }, (_, i) => `sensor-${i}`)).map((s) => `${s.index} ${s.dash.join()}`)
  expect(new Set(all).size).toBe(20)
})
