import { expect, test } from 'vitest'
import { quantities as choices } from '../model/quantities'
import { text } from './format'
import { unitFor, valueFor, valuesFor } from './own'
import table from './quantities.json'
import { ownUnit, unitsOf } from './quantities'
import { counts } from './tree'

test.each([
  ['pressure', 'bar', 101_300, '1.01 bar'],
  ['pressure', 'Pa', 101_300, '101.3 kPa'],
  ['pressure', undefined, 101_300, '101.3 kPa'],
  ['volume', 'l', 0.75, '750.0 l'],
  ['volume', 'L', 0.75, '750.0 l'],
  ['temperature', '°F', 20, '68.0 °F'],
  ['temperature', 'K', 20, '293 K'],
  ['ratio', '%', 0.125, '12.5 %'],
  ['active_power', 'kW', 847, '0.847 kW'],
  // Another spelling: the page says the coherent unit, and means it.
  ['energy', 'kilowatt hours', 2500, '2.50 kWh'],
])('%s in %s', (quantity, unit, value, want) => {
  const coherent = unitsOf(quantity)[0] ?? ''
  const x = { unit: coherent, own: ownUnit({ quantity, ...(unit === undefined ? {} : { unit }) }) }
  expect(text(valueFor(x, value), unitFor(x), 'en')).toBe(want.replace(' ', '\u00a0'))
})

test('what is not known stays so', () => {
  const own = ownUnit({ quantity: 'temperature', unit: '°F' })
  expect(valueFor({ own }, null)).toBeNull()
  expect(valuesFor({ own }, [0, null, 100])).toEqual([32, null, 212])
})

test('a sensor counts as its kind says, or as its quantity does by nature', () => {
  for (const q of table) expect([q.quantity, counts({ quantity: q.quantity })]).toEqual([q.quantity, q.counter])
  expect(counts({ quantity: 'energy', kind: 'gauge' })).toBe(false)
  expect(counts({ quantity: 'active_power', kind: 'counter' })).toBe(true)
})

test('every quantity can be chosen', () => expect([...choices].sort()).toEqual(table.map((q) => q.quantity).sort()))
