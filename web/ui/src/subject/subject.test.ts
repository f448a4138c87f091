import { expect, test } from 'vitest'
import { Index } from '../lib/tree'
import { sensorSubject } from './subject'

const model = { sites: [], sensors: [{ id: 'oven', quantity: 'active_power' }], groups: [], hierarchies: [] }

test('what is in no model has the unit it was seen with, or none', () => {
  const index = new Index(model, [{ id: 'volt1', quantity: 'voltage' }, { id: 'water', quantity: 'volume' }])
  expect(sensorSubject(index, 'oven')).toMatchObject({ unit: 'W', counter: false })
  expect(sensorSubject(index, 'volt1')).toMatchObject({ unit: 'V', counter: false })
  expect(sensorSubject(index, 'water')).toMatchObject({ unit: 'm³', counter: true })
  expect(sensorSubject(index, 'other')).toMatchObject({ unit: '', counter: false })
})
