import { expect, test } from 'vitest'
import { readPlace } from '../shell/place'
import { change, code, decode, encode, everything, held, moveChart, moveSeries, mostCharts, mostSeries, shifted, subtract, toggle, type Drawn, type Pick, type Selection } from './compare'
import { calendar, onto } from './span'

/** The same sequence each time. */
function dice(seed: number): (n: number) => number {
  let x = seed
  return (n) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    return Math.floor((x / 2 ** 32) * n)
  }
}

const odd = ['42', '1e3', 'true', 'null', '"x"', 'Küche/Herd, links', 'a.b*c_d-e', '__00fc', '_', '{"a":1}', '雪', '💡', '\ud800', ' ', '\n', '%2F', '+', 'c.sx', '<script>', '\u0000', '../..', 'x'.repeat(200)]

test('whatever is chosen comes back from an address as it was', () => {
  const roll = dice(7)
  for (let round = 0; round < 300; round++) {
    const selection: Selection = Array.from({ length: roll(5) }, (): Drawn => {
      const series = new Map<string, Pick>()
      for (let n = roll(6); n > 0; n--) {
        const made = Array.from({ length: 1 + roll(6) }, () => String.fromCharCode(roll(4) === 0 ? roll(0x10000) : 32 + roll(96))).join('')
        const p: Pick = { kind: roll(2) === 0 ? 'sensor' : 'group', id: roll(2) === 0 ? (odd[roll(odd.length)] ?? '') : made }
        series.set(code(p), p)
      }
      return { series: [...series.values()], before: (['previous', 'week', 'year'] as const).filter(() => roll(2) === 0), difference: roll(2) === 0 }
    })
    const c = encode(selection)
    expect(decode(c)).toEqual(selection)
    expect(encodeURIComponent(c)).toBe(c.replaceAll('*', encodeURIComponent('*')))
    // The router leaves it a text.
    if (selection.length > 0) expect(readPlace({ c }).c).toBe(c)
    expect(/^[\d{["]|^(true|false|null)$/.test(c)).toBe(false)
  }
})

test('different identifiers are written differently', () => {
  const names = odd.flatMap((id): Pick[] => [{ kind: 'sensor', id }, { kind: 'group', id }]).map(code)
  expect(new Set(names).size).toBe(names.length)
})

test('an address that makes no sense hurts nobody', () => {
  const roll = dice(11)
  for (let round = 0; round < 500; round++) {
    const s = Array.from({ length: roll(40) }, () => 'c*.sgpwyd_-0fA%ü "'[roll(18)] ?? '').join('')
    const selection = decode(s)
    expect(decode(encode(selection))).toEqual(selection)
  }
  expect(decode('')).toEqual([])
  expect(decode('c.sa.sa.xb.s.s_g0.gb')).toEqual([{ series: [{ kind: 'sensor', id: 'a' }, { kind: 'group', id: 'b' }], before: [], difference: false }])
})

test('there is an end to what one page compares', () => {
  expect(decode(Array.from({ length: 40 }, () => 'c').join('*'))).toHaveLength(mostCharts)
  const many = `c.${Array.from({ length: 90 }, (_, i) => `s${i}`).join('.')}`
  expect(everything(decode(`${many}*${many}`))).toHaveLength(mostSeries)
})

const s = (id: string): Pick => ({ kind: 'sensor', id })
const of = (...charts: string[][]): Selection => charts.map((ids) => ({ series: ids.map(s), before: [], difference: false }))
const ids = (x: Selection) => x.map((c) => c.series.map((p) => p.id))

test('series and charts are moved', () => {
  const x = of(['a', 'b', 'c'], ['d'])
  expect(ids(moveSeries(x, { chart: 0, at: 0 }, { chart: 0, at: 3 }))).toEqual([['b', 'c', 'a'], ['d']])
  expect(ids(moveSeries(x, { chart: 0, at: 2 }, { chart: 0, at: 0 }))).toEqual([['c', 'a', 'b'], ['d']])
  expect(ids(moveSeries(x, { chart: 0, at: 1 }, { chart: 1, at: 0 }))).toEqual([['a', 'c'], ['b', 'd']])
  expect(ids(moveSeries(x, { chart: 1, at: 0 }, { chart: 2, at: 0 }))).toEqual([['a', 'b', 'c'], [], ['d']])
  expect(ids(moveSeries(x, { chart: 7, at: 0 }, { chart: 0, at: 0 }))).toEqual(ids(x))
  expect(ids(moveSeries(of(['a'], ['a', 'b']), { chart: 0, at: 0 }, { chart: 1, at: 2 }))).toEqual([[], ['a', 'b']])
  expect(ids(moveChart(x, 0, 1))).toEqual([['d'], ['a', 'b', 'c']])
  expect(ids(moveChart(x, 0, -1))).toEqual(ids(x))
  expect(ids(toggle(toggle(x, 1, s('e')), 1, s('d')))).toEqual([['a', 'b', 'c'], ['e']])
  expect(change(x, 1, (c) => ({ ...c, difference: true }))[1]?.difference).toBe(true)
})

test('a value holds until it is too old, and nothing is not zero', () => {
  const l = { t: [0, 10, 20], avg: [1, null, 3] }
  expect(held(l, [-5, 0, 5, 10, 15, 20, 25, 31], 10)).toEqual([null, 1, 1, null, null, 3, 3, null])
  expect(subtract(l, { t: [5, 20], avg: [1, 1] }, 10, 10)).toEqual({ t: [0, 5, 10, 20], avg: [null, 0, null, 2] })
})

const utc = (x: string) => Date.parse(x)
const line = (from: string, n: number, by: number) => ({ key: 'a', label: '', unit: 'W', t: Array.from({ length: n }, (_, i) => utc(from) + i * by), avg: Array.from({ length: n }, (_, i) => i) })
const half = 1_800_000

test('a line that is moved onto the hour that is left out has nothing of that hour, and all of the next', () => {
  // 29 March 2026: after 02:00 comes 03:00.
  const day = calendar('day', utc('2026-03-29T12:00:00Z'), 'Europe/Berlin')
  const l = shifted(line('2026-03-22T00:00:00Z', 7, half), onto(day, 'week', 'Europe/Berlin'))
  expect(l.t.map((t) => new Date(t).toISOString())).toEqual(['00:00', '00:30', '01:00', '01:30', '02:00'].map((x) => `2026-03-29T${x}:00.000Z`))
  expect(l.avg).toEqual([0, 1, 4, 5, 6])
})

test('a line that is moved onto the hour that is there twice is drawn once, and empty after it', () => {
  // 25 October 2026: after 03:00 CEST comes 02:00 CET.
  const day = calendar('day', utc('2026-10-25T12:00:00Z'), 'Europe/Berlin')
  const l = shifted(line('2026-10-18T00:00:00Z', 4, half), onto(day, 'week', 'Europe/Berlin'))
  expect(l.t.map((t) => new Date(t).toISOString())).toEqual(['00:00', '00:30', '01:00', '02:00', '02:30'].map((x) => `2026-10-25T${x}:00.000Z`))
  expect(l.avg).toEqual([0, 1, null, 2, 3])
})

test('a line that is moved off a day with an hour twice never goes back', () => {
  const day = calendar('day', utc('2026-11-01T12:00:00Z'), 'Europe/Berlin')
  const l = shifted(line('2026-10-24T22:00:00Z', 50, half), onto(day, 'week', 'Europe/Berlin'))
  expect(l.t).toEqual(Array.from({ length: 48 }, (_, i) => day.from + i * half))
  expect(l.avg.slice(4, 8)).toEqual([4, 5, 8, 9])
})
