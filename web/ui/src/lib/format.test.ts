import { describe, expect, it } from 'vitest'
import { ago, axisText, axisTexts, figure, kilowattHours, percent, power, scaled, signedPercent, text, unitOf } from './format'
import quantities from './quantities.json'

describe('power', () => {
  it.each([
    [0, '0.0 W'],
    [-0.04, '0.0 W'],
    [7.25, '7.3 W'],
    [847.4, '847 W'],
    [1000, '1.00 kW'],
    [12_470, '12.47 kW'],
    [-12_470, '-12.47 kW'],
    [123_456, '123.5 kW'],
    [4_200_000, '4.20 MW'],
    [7.5e9, '7.50 GW'],
  ])('%d', (v, want) => expect(power(v, 'en')).toBe(want.replace(' ', '\u00a0')))

  it('shows null as a dash, not as 0', () => {
    expect(power(null)).toBe('–')
    expect(power(undefined)).toBe('–')
    expect(power(Number.NaN)).toBe('–')
  })

  it('follows the locale', () => expect(scaled(12_470, 'W', 'de').value).toBe('12,47'))
})

describe('other values', () => {
  it.each([
    [0.96, '', '0.96'],
    [0.004, '1', '0.004'],
    [-0.0123, 'cos φ', '-0.012'],
    [5, '×', '5'],
    [-0, '', '0'],
    [1234.567, '', '1,234.57'],
    [49.98, 'Hz', '49.98 Hz'],
    [50, 'Hz', '50.00 Hz'],
    [1500, 'Hz', '1.50 kHz'],
    [0.0123, 'm³', '0.0123 m³'],
    [0, 'm³', '0.00 m³'],
    [812.34, 'm³', '812.3 m³'],
    [1.013, 'bar', '1.01 bar'],
    [21.46, '°C', '21.5 °C'],
    [229.8, 'V', '230 V'],
  ])('%d %s', (v, unit, want) => expect(text(v, unit, 'en')).toBe(want.replace(' ', '\u00a0')))

  it('has no unit that nobody reads, at an axis neither', () => {
    expect(scaled(null, 'cos φ')).toEqual({ value: '–', unit: '' })
    expect(axisTexts([0, 0.5, 1], 0.5, '1', 'en')).toEqual(['0.0', '0.5', '1.0'])
    expect(axisText([1], 'cos φ', 'en')(0.5)).toBe('0.5')
    expect(figure(0.9, '1', 'en')).toBe('0.9')
  })

  it('knows the unit of each quantity as the program has it', () => {
    for (const q of quantities) expect(text(1000.5, unitOf(q.quantity), 'en')).toBe(text(1000.5, q.units[0]?.symbol ?? '', 'en'))
    expect(unitOf('')).toBe('')
  })
})

describe('axisTexts', () => {
  it('has one prefix, and the digits that the steps need', () => {
    expect(axisTexts([0, 50_000, 100_000, 250_000], 50_000, 'W', 'en')).toEqual(['0\u00a0kW', '50\u00a0kW', '100\u00a0kW', '250\u00a0kW'])
    expect(axisTexts([-500, 0, 500, 1000], 500, 'W', 'de')).toEqual(['-0,5\u00a0kW', '0,0\u00a0kW', '0,5\u00a0kW', '1,0\u00a0kW'])
    expect(axisTexts([0, 0.025, 0.05], 0.025, 'W', 'en')).toEqual(['0.000\u00a0W', '0.025\u00a0W', '0.050\u00a0W'])
    expect(axisTexts([229.8, 230, 230.2], 0.2, 'V', 'en')).toEqual(['229.8\u00a0V', '230.0\u00a0V', '230.2\u00a0V'])
    expect(axisTexts([0, 2000], 2000, 'm³', 'en')).toEqual(['0\u00a0m³', '2,000\u00a0m³'])
    expect(axisTexts([], 1, 'W', 'en')).toEqual([])
  })
  it('is told of one value, too', () => {
    const small = axisText([0.33, null, 0.29], 'Wh', 'en')
    expect([0, 0.05, 0.1].map(small)).toEqual(['0\u00a0Wh', '0.05\u00a0Wh', '0.1\u00a0Wh'])
    expect([0, 500, 1500].map(axisText([1490], 'W', 'de'))).toEqual(['0\u00a0kW', '0,5\u00a0kW', '1,5\u00a0kW'])
    expect([0, 0.5].map(axisText([undefined], '', 'en'))).toEqual(['0', '0.5'])
  })
})

describe('kilowattHours', () => {
  it.each([
    [0, '0.000', 'kWh'],
    [1234, '1.234', 'kWh'],
    [123_456, '123.46', 'kWh'],
    [1_234_567, '1,234.6', 'kWh'],
    [12_345_678, '12,346', 'kWh'],
    [123_456_789, '123.46', 'MWh'],
    [null, '–', 'kWh'],
  ])('%s', (v, value, unit) => expect(kilowattHours(v, 'en')).toEqual({ value, unit }))
})

it('says how much something changed', () => {
  expect(signedPercent(0.034, 'en')).toBe('+3.4\u00a0%')
  expect(signedPercent(-0.5, 'en')).toBe('−50\u00a0%')
  expect(signedPercent(0.0001, 'en')).toBe('±0.0\u00a0%')
  expect(signedPercent(null)).toBe('–')
  expect(percent(0.256, 0, 'en')).toBe('26\u00a0%')
})

it('says how long ago', () => {
  expect(ago(5000, 'en')).toBe('5 sec. ago')
  expect(ago(5 * 60_000, 'en')).toBe('5 min. ago')
  expect(ago(5 * 3_600_000, 'en')).toBe('5 hr. ago')
  expect(ago(50 * 3_600_000, 'en')).toBe('2 days ago')
})

it('leaves out the unit of nothing', () => expect(text(null, 'V')).toBe('–'))
