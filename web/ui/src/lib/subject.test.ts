import { expect, test } from 'vitest'
import { entries, exists, find, hierarchyOf, missing, nameOf, shownIn, sourceOf, zoneOf } from './subject'
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

test('what an address speaks of and the model does not have is named', () => {
  expect(missing(index, {})).toBeUndefined()
  expect(missing(index, { h: 'place', g: 'hall', s: 'oven' })).toBeUndefined()
  // A sensor says all there is to say, wherever it was thought to stand.
  expect(missing(index, { h: 'gone', g: 'gone', s: 'air' })).toBeUndefined()
  expect(missing(index, { g: 'hall', s: 'gone' })).toEqual({ kind: 'sensor', id: 'gone', loose: false })
  expect(missing(index, { h: 'place', g: 'gone' })).toEqual({ kind: 'group', id: 'gone', loose: false })
  expect(missing(index, { g: 'alone' })).toEqual({ kind: 'group', id: 'alone', loose: true })
  expect(missing(index, { h: 'gone' })).toEqual({ kind: 'hierarchy', id: 'gone', loose: false })
})

test('a group is shown in the hierarchy it stands in', () => {
  expect(shownIn(index, undefined, undefined)?.id).toBe('place')
  expect(shownIn(index, 'gone', 'hall')?.id).toBe('place')
  expect(shownIn(index, 'place', 'hall')?.id).toBe('place')
  expect(shownIn(index, 'place', 'alone')).toBeUndefined()
})
