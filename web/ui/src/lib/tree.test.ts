import { i18n } from '@lingui/core'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Model } from '../api/client'
import { duration, find, Index, keysTo, maxAge, rows } from './tree'

const model: Model = {
  sites: [{ id: 'kiel', name: 'Kiel', zone: 'Europe/Berlin' }, { id: 'home' }],
  sensors: [{ id: 's1', name: 'Server 1', quantity: 'active_power' }, { id: 's2', quantity: 'active_power' }, { id: 'main', quantity: 'active_power' }],
  groups: [
    { id: 'dc', name: 'Data centre', members: [{ group: 'rack' }, { sensor: 'main', meter: true }] },
    { id: 'rack', members: [{ sensor: 's1' }, { sensor: 's2', sign: -1 }] },
    { id: 'house', members: [{ sensor: 's1' }] },
  ],
  hierarchies: [{ id: 'place', name: 'By place', site: 'kiel', root: 'dc' }, { id: 'cost', site: 'kiel', root: 'rack' }, { id: 'house', site: 'home', root: 'house' }],
}

beforeAll(() => i18n.loadAndActivate({ locale: 'en', messages: {} }))

const shape = (rs: ReturnType<typeof rows>) => rs.map((r) => `${' '.repeat(r.level)}${r.kind} ${r.label} ${r.position}/${r.siblings}`)

describe('rows', () => {
  it('shows everything unfolded', () => {
    expect(shape(rows(new Index(model), () => true))).toEqual([
      ' site Kiel 1/2',
      '  group By place 1/2',
      '   group rack 1/3',
      '    sensor Server 1 1/2',
      '    sensor s2 2/2',
      '   sensor main 2/3',
      '   unaccounted Unaccounted 3/3',
      '  group rack 2/2',
      '   sensor Server 1 1/2',
      '   sensor s2 2/2',
      ' site home 2/2',
      '  group house 1/1',
      '   sensor Server 1 1/1',
    ])
  })

  it('has rows for sites only where they help', () => {
    const one = { ...model, hierarchies: model.hierarchies.slice(0, 1) }
    expect(shape(rows(new Index(one), () => false))).toEqual([' group By place 1/1'])
    const each = { ...model, hierarchies: model.hierarchies.filter((h) => h.id !== 'cost') }
    const got = rows(new Index(each), () => false)
    expect(shape(got)).toEqual([' group By place 1/2', ' group house 2/2'])
    expect(got[0]).toMatchObject({ site: 'Kiel' })
  })

  it('has keys that differ', () => {
    const keys = rows(new Index(model), () => true).map((r) => r.key)
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('survives a model that is none', () => {
    const none: Model = { sites: [], sensors: [], groups: [], hierarchies: [] }
    const loop: Model = { ...none, groups: [{ id: 'a', members: [{ group: 'a' }, {}] }], hierarchies: [{ id: 'h', root: 'a' }, { id: 'i', root: 'gone' }] }
    expect(rows(new Index(loop), () => true).length).toBeLessThan(10)
    expect(rows(new Index(none), () => true)).toEqual([])
    expect(new Index(loop).path('h', 'b')).toEqual([])
    expect(new Index(loop).path('i', 'a')).toEqual([])
  })

  it('finds the way', () => {
    expect(new Index(model).path('place', 'rack')).toEqual(['dc', 'rack'])
    expect(new Index(model).path('house', 'rack')).toEqual([])
  })
})

it('reads durations', () => {
  expect(duration('1m30s')).toBe(90_000)
  expect(duration('1.5h')).toBe(5_400_000)
  expect(duration('soon')).toBeUndefined()
  expect(maxAge({})).toBe(180_000)
  expect(maxAge({ interval: '1s' })).toBe(3000)
  expect(maxAge({ maxAge: 'unlimited' })).toBe(Infinity)
})

describe('find', () => {
  const index = new Index({ ...model, sensors: [...model.sensors, { id: 'spare', quantity: 'active_power' }] })
  const found = (q: string) => {
    const f = find(index, q)
    return shape(rows(index, (_k, _l, g) => g === undefined || (f?.open.has(g) ?? true), f, true))
  }

  it('shows what fits, and the way to it', () => {
    expect(found('server 1')).toEqual([
      ' site Kiel 1/2', '  group By place 1/2', '   group rack 1/1', '    sensor Server 1 1/1', '  group rack 2/2', '    sensor Server 1 1/1'.replace('    ', '   '),
      ' site home 2/2', '  group house 1/1', '   sensor Server 1 1/1',
    ])
  })

  it('shows a group that fits with all that is in it', () => {
    const f = find(index, 'rack')
    expect(shape(rows(index, () => true, f))).toContain('    sensor s2 2/2')
  })

  it('shows what stands in no group', () => {
    expect(found('SPARE')).toEqual([' loose In no group 1/1', '  sensor spare 1/1'])
    expect(found('')).toContain(' loose In no group 3/3')
    expect(find(index, '  ')).toBeUndefined()
  })

  it('knows the way to a group, and the place of a sensor', () => {
    expect(keysTo(index, 'place', 'rack')).toEqual(['@kiel', '@kiel/place', '@kiel/place/rack'])
    expect(rows(index, () => true).map((r) => r.key)).toEqual(expect.arrayContaining(keysTo(index, 'place', 'rack')))
    expect(keysTo(index, 'place', 'house')).toEqual([])
    expect(index.placeOf('s2')).toEqual({ hierarchy: 'place', group: 'rack' })
    expect(index.placeOf('spare')).toBeUndefined()
  })
})
