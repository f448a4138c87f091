import { expect, test } from 'vitest'
import { entries, exists, find, hierarchyOf, nameOf, sourceOf, zoneOf } from './subject'
import { Index } from './tree'

const index = new Index({
  sites: [{ id: 'kiel', name: 'Kiel', zone: 'Europe/Berlin' }, { id: 'lord', zone: 'Australia/Lord_Howe' }],
  sensors: [
    { id: 'main', quantity: 'active_power' }, { id: 'oven', name: 'Oven 1', quantity: 'active_power', interval: '15m' }, { id: 'air', quantity: 'temperature', site: 'lord' },
  ],
  groups: [{ id: 'plant', members: [{ sensor: 'main', meter: true }, { group: 'hall' }] }, { id: 'hall', name: 'Hall 1', members: [{ sensor: 'oven' }] }, { id: 'alone' }],
  hierarchies: [{ id: 'place', name: 'Steel works', root: 'plant', site: 'kiel', tick: '2s' }],
})

test('groups and sensors are found by name, identifier and place', () => {
  const all = entries(index)
  expect(all.map((e) => e.key)).toEqual(['group:plant', 'group:hall', 'sensor:main', 'sensor:oven', 'sensor:air'])
  expect(find(all, ' hall  OVEN').map((e) => e.label)).toEqual(['Oven 1'])
  expect(find(all, '')).toBe(all)
  expect(entries(index, ['group'])).toHaveLength(2)
})

test('everything has its name, zone, unit and place', () => {
  expect(nameOf(index, { kind: 'group', id: 'plant' })).toBe('Steel works')
  expect(zoneOf(index, { kind: 'sensor', id: 'oven' })).toBe('Europe/Berlin')
  expect(zoneOf(index, { kind: 'sensor', id: 'air' })).toBe('Australia/Lord_Howe')
  expect(hierarchyOf(index, { kind: 'group', id: 'hall' })?.id).toBe('place')
  expect(exists(index, { kind: 'group', id: 'alone' })).toBe(false)
  expect(sourceOf(index, { kind: 'group', id: 'plant' })).toMatchObject({ hierarchy: 'place', column: 'meter', gap: 8000 })
  expect(sourceOf(index, { kind: 'sensor', id: 'oven' })).toMatchObject({ unit: 'W', gap: 2_700_000 })
  expect(sourceOf(index, { kind: 'sensor', id: 'gone' })).toBeUndefined()
})
