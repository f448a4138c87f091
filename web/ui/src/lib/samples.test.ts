import { describe, expect, test } from 'vitest'
import { exampleOf, moment, refusedOf, samplesOf } from './samples'

const zone = 'Europe/Berlin'
const at = Date.parse('2026-01-05T08:00:00Z')

describe('moments', () => {
  test.each([
    ['1767600000000', at], ['1767600000', at], ['2026-01-05T08:00:00Z', at], ['2026-01-05 09:00', at], ['2026-01-05T09:00:00.250', at + 250], ['2026-01-05T09:00:00+01:00', at], ['yesterday', undefined], ['', undefined],
  ])('%s', (s, want) => expect(moment(s, zone)).toBe(want))
})

describe('samples', () => {
  test('lines with a header, other separators, no value, a key and a source', () => {
    const text = 'time;value;key;source\n2026-01-05 09:00;1,5\n\n# a remark\n1767600000\t\t\n2026-01-05T08:00:00Z,-2e3,box,other'
    expect(samplesOf(text, 'usual', zone)).toEqual({
      samples: [{ source: 'usual', time: at, value: 1.5 }, { source: 'usual', time: at, value: null }, { source: 'other', time: at, value: -2000, key: 'box' }],
      faults: [],
    })
  })
  test('what cannot be read is told by its line', () => {
    const { samples, faults } = samplesOf('2026-01-05 09:00; 1\nsoon; 1\n2026-01-05 09:01; much\nword', 'usual', zone)
    expect(samples).toHaveLength(1)
    expect(faults.map((f) => [f.is, 'line' in f ? f.line : 0])).toEqual([['time', 2], ['value', 3], ['columns', 4]])
  })
  test('without a source', () => expect(samplesOf('1767600000; 1', undefined, zone).faults).toMatchObject([{ is: 'source', line: 1 }]))
  test('JSON', () => {
    expect(samplesOf('[{"time":1767600000000,"value":null,"source":"a"},{"time":"2026-01-05T08:00:00Z","value":2}]', 'b', zone)).toEqual({ samples: [{ source: 'a', time: at, value: null }, { source: 'b', time: at, value: 2 }], faults: [] })
    expect(samplesOf('[{"time":1}', 'b', zone).faults).toMatchObject([{ is: 'json' }])
    expect(samplesOf('[3, {"time":1767600000000,"value":"x"}]', 'b', zone).faults).toMatchObject([{ is: 'time' }, { is: 'value' }])
  })
  test('too many', () => expect(samplesOf('1767600000; 1\n'.repeat(10_001), 'a', zone).faults).toEqual([{ is: 'many', count: 10_001 }]))
  test('the example can be read', () => {
    const { samples, faults } = samplesOf(exampleOf(at, (x) => new Date(x).toISOString()), 'a', zone)
    expect([samples.length, faults.length, samples[0]?.time]).toEqual([120, 0, at - 7_200_000])
  })
})

describe('dead letters', () => {
  test.each([
    ['manifest "a \\"b\\"", processor "x": it is no number', ['a "b"'], { processor: 'x', why: 'it is no number' }],
    ['manifest "id-1", processor "x: y": sink "s" refused a result: no', ['name', 'id-1'], { processor: 'x: y', why: 'sink "s" refused a result: no' }],
    ['manifest "other", processor "x": no', ['name'], undefined],
    ['something else', ['name'], undefined],
  ])('%s', (reason, names, want) => expect(refusedOf(reason, names)).toEqual(want))
})
