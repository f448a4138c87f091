import { expect, it } from 'vitest'
import { address } from './client'

it.each([
  [{ url: '/api/v1/me' }, 'api/v1/me'],
  [{ url: '/api/v1/groups/{id}/range', path: { id: 'a/b ü?' }, query: { points: 0, column: 'sum' } }, 'api/v1/groups/a%2Fb%20%C3%BC%3F/range?points=0&column=sum'],
  [{ url: '/api/v1/stream', query: { preview: true, sensor: ['a&b', 'c'], group: [], hierarchy: null, limit: undefined } }, 'api/v1/stream?preview=true&sensor=a%26b&sensor=c'],
])('writes the address of %j', (asked, want) => {
  expect(address(asked)).toBe(want)
})
