import { expect, test } from 'vitest'
import { thingChanges } from './differences'

test('differences become changes, JSON becomes words', () => {
  const all = thingChanges({
    since: 3, revision: 1, total: 4,
    items: [
      { what: 'renamed', kind: 'group', id: 'hall2', name: 'Hall 2', from: 'Shed', to: 'Hall 2', text: '' },
      { what: 'moved', kind: 'sensor', id: 'a', from: 'hall1', text: '' },
      { what: 'changed', kind: 'sensor', id: 'a', name: 'A', fields: [{ field: 'unit', from: '"kW"' }, { field: 'register', to: '{"width":8}' }], text: '' },
      { what: 'changed', kind: 'group', id: 'g', fields: [{ field: 'members' }], text: '' },
    ],
  })
  expect(all).toEqual([
    { kind: 'groups', id: 'hall2', name: 'Hall 2', what: 'renamed', fields: [{ field: 'name', was: 'Shed', is: 'Hall 2' }] },
    { kind: 'sensors', id: 'a', name: 'a', what: 'moved', fields: [{ field: 'group', was: 'hall1', is: '' }] },
    { kind: 'sensors', id: 'a', name: 'A', what: 'changed', fields: [{ field: 'unit', was: 'kW', is: '' }, { field: 'register', was: '', is: '{"width":8}' }] },
    { kind: 'groups', id: 'g', name: 'g', what: 'changed', fields: [{ field: 'members', was: '', is: '⇅' }] },
  ])
})
