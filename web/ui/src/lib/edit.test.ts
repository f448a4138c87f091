import { expect, test } from 'vitest'
import type { Model } from '../api/client'
import { below, changedMember, changes, difference, firstHierarchy, moved, movedAll, newGroup, newID, patched, withoutGroup } from './edit'

const model: Model = {
  sites: [{ id: 'kiel', zone: 'Europe/Berlin' }],
  sensors: [{ id: 'a', quantity: 'active_power' }, { id: 'b', name: 'Bee', quantity: 'active_power' }],
  groups: [
    { id: 'plant', members: [{ group: 'hall1' }, { group: 'hall2' }] },
    { id: 'hall1', name: 'Hall 1', members: [{ sensor: 'a', meter: true }, { sensor: 'b', sign: -1 }] },
    { id: 'hall2' },
  ],
  hierarchies: [{ id: 'place', root: 'plant' }],
}
const members = (m: Model, g: string) => m.groups.find((x) => x.id === g)?.members

test('a move keeps the sign and makes a meter an ordinary member', () => {
  const m = patched(model, moved(model, { sensor: 'b' }, 'hall1', 'hall2', undefined))
  expect(members(m, 'hall1')).toEqual([{ sensor: 'a', meter: true }])
  expect(members(m, 'hall2')).toEqual([{ sensor: 'b', sign: -1 }])
  const n = patched(model, moved(model, { sensor: 'a' }, 'hall1', 'hall1', 1))
  expect(members(n, 'hall1')).toEqual([{ sensor: 'b', sign: -1 }, { sensor: 'a' }])
  expect(() => moved(model, { sensor: 'x' }, 'hall1', 'hall2', 0)).toThrow('x')
})

test('the first hierarchy is at the site there is, and keeps a group that is called so', () => {
  const none: Model = { sites: [], sensors: [], groups: [], hierarchies: [] }
  expect(firstHierarchy(none, 'Everything')).toEqual({ groups: [{ id: 'all', name: 'Everything' }], hierarchies: [{ id: 'all', name: 'Everything', root: 'all' }] })
  expect(firstHierarchy({ ...none, sites: model.sites, groups: [{ id: 'all', members: [{ sensor: 'a' }] }] }, 'Alles')).toEqual({ hierarchies: [{ id: 'all', name: 'Alles', root: 'all', site: 'kiel' }] })
})

test('several move at once and stand together', () => {
  const m = patched(model, movedAll(model, [{ thing: { sensor: 'a' }, from: 'hall1' }, { thing: { group: 'hall2' }, from: 'plant' }], 'plant', 0))
  expect(members(m, 'plant')).toEqual([{ sensor: 'a' }, { group: 'hall2' }, { group: 'hall1' }])
  expect(members(m, 'hall1')).toEqual([{ sensor: 'b', sign: -1 }])
  const n = patched(model, movedAll(model, [{ thing: { sensor: 'b' }, from: 'hall1' }, { thing: { sensor: 'a' }, from: 'hall1' }], 'hall1', undefined))
  expect(members(n, 'hall1')).toEqual([{ sensor: 'b', sign: -1 }, { sensor: 'a' }])
})

test('the difference of two models makes the one of the other, and its inverse brings it back', () => {
  const m = patched(patched(model, newGroup(model, 'plant', { id: 'hall3', name: 'Hall 3' })), { sensors: [{ id: 'c', quantity: 'voltage' }], removeSites: ['kiel'] })
  const p = difference(model, m)
  expect(difference(patched(model, p), m)).toEqual({})
  expect(difference(patched(m, difference(m, model)), model)).toEqual({})
  expect(changes(model, p).map((c) => `${c.what} ${c.kind} ${c.id}`)).toEqual(['removed sites kiel', 'added sensors c', 'changed groups plant', 'added groups hall3'])
  expect(changes(model, p)[2]?.fields).toEqual([{ field: 'members', was: '', is: 'hall3' }])
})

test('absent and empty, and a sign of one and none, are no difference', () => {
  const m: Model = { ...model, groups: model.groups.map((g) => ({ ...g, members: (g.members ?? []).map((x) => ({ sign: 1, ...x, meter: x.meter ?? false })) })) }
  expect(difference(model, m)).toEqual({})
})

test('a group goes with the groups below it, and its sensors stay', () => {
  expect(below(model, 'plant')).toEqual(['plant', 'hall1', 'hall2'])
  const m = patched(model, withoutGroup(model, 'plant', 'hall1'))
  expect(m.groups.map((g) => g.id)).toEqual(['plant', 'hall2'])
  expect(m.sensors).toHaveLength(2)
})

test('a member changes its sign alone', () => {
  expect(changes(model, changedMember(model, 'hall1', { sensor: 'b' }, { sign: 1 }))).toEqual([
    { kind: 'groups', id: 'hall1', name: 'Hall 1', what: 'changed', fields: [{ field: 'members', was: '−b', is: 'b' }] },
  ])
})

test('identifiers come out of names', () => {
  expect(newID('Große Halle Süd', () => false)).toBe('grosse-halle-sud')
  expect(newID('Halle', (id) => id === 'halle')).toBe('halle-2')
  expect(newID('…', () => false)).toBe('group')
})
