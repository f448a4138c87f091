import { expect, test } from 'vitest'
import { again } from './again'

test('only whole readings can be offered again', () => {
  expect(again({ source: 'json', sample: '{"sensor":"a","value":1}' })).toEqual({ sensor: 'a', value: 1 })
  expect(again({ source: 'json', sample: '[{"sensor":"a","value":1}]' })).toHaveLength(1)
  expect(again({ source: 'json', sample: '{"Body":{"Data":{}}}' })).toBeUndefined()
  expect(again({ source: 'json', sample: '{"sensor":' })).toBeUndefined()
  expect(again({ source: 'influx', sample: '{"sensor":"a","value":1}' })).toBeUndefined()
  expect(again({ source: 'json', sample: JSON.stringify({ sensor: 'x'.repeat(2000), value: 1 }) })).toBeUndefined()
  expect(again({ source: 'json' })).toBeUndefined()
})
