import { describe, expect, test } from 'vitest'
import { className, sharesOf, stretches, treesOf } from './objects'

const at = (n: number) => new Date(n).toISOString()

describe('states over time', () => {
  test('without a change it was as it is', () => expect(stretches([], 0, 100, 'late')).toEqual([{ from: 0, to: 100, state: 'late' }]))
  test('between changes', () => {
    const list = stretches([{ object: 'sensor/a', at: at(10), is: 'live' }, { object: 'sensor/a', at: at(40), was: 'live', is: 'down' }, { object: 'sensor/a', at: at(400), was: 'down', is: 'live' }], 0, 100, 'down')
    expect(list).toEqual([{ from: 0, to: 10, state: undefined }, { from: 10, to: 40, state: 'live' }, { from: 40, to: 100, state: 'down' }])
    expect(sharesOf(list)).toEqual({ live: 1 / 3, down: 2 / 3 })
  })
})

describe('spaces as trees', () => {
  test('by name, with what has no parent, and circles', () => {
    const list = [{ id: 'r10', name: 'Room 10', parent: 'h' }, { id: 'r9', name: 'Room 9', parent: 'h' }, { id: 'h', name: 'Hall' }, { id: 'x', parent: 'gone' }, { id: 'a', parent: 'b' }, { id: 'b', parent: 'a' }]
    const ids = (n: ReturnType<typeof treesOf>): unknown => n.map((x) => [x.of.id, ids(x.below)])
    expect(ids(treesOf(list))).toEqual([['h', [['r9', []], ['r10', []]]], ['x', []], ['a', [['b', []]]]])
  })
})

test('names of classes', () => expect(className('brick:Active_Power_Sensor')).toBe('Active Power Sensor'))
