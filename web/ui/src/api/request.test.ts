import { describe, expect, test } from 'vitest'
import { address } from './request'

describe('address', () => {
  test('fills in the path and leaves out what is not there', () => {
    expect(address({ url: '/api/v1/groups/{id}/range', path: { id: 'hall 1/2' }, query: { from: '1', to: undefined, points: null } })).toBe('api/v1/groups/hall%201%2F2/range?from=1')
  })

  test('names each value, or lists them where the server reads a list', () => {
    const query = { state: ['late', 'silent'], sensor: ['a', 'b'] }
    expect(address({ url: '/x', query, lists: ['state'] })).toBe('x?state=late%2Csilent&sensor=a&sensor=b')
    expect(address({ url: '/x', query: { state: [] }, lists: ['state'] })).toBe('x')
  })
})
