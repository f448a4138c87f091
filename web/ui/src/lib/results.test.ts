import { describe, expect, test } from 'vitest'
import { billsOf, dayOf, isMoment, partsOf, words } from './results'

test('names of fields as words', () => expect(['savedKWh', 'ownUse', 'costYear', 'limitCvrmse', 'took_ms'].map(words)).toEqual(['saved kWh', 'own use', 'cost year', 'limit cvrmse', 'took ms']))
test('moments', () => expect([isMoment('from', 1_767_600_000_000), isMoment('wh', 1_767_600_000_000), isMoment('from', 3)]).toEqual([true, false, false]))

test('bills of members and of users', () => {
  const totals = { currency: 'EUR', total: '1.00' }
  expect(billsOf({ bills: [{ member: 'm1', name: 'Flat 1', revision: 2, lines: [], totals, notes: ['late'] }, { user: 'ada', lines: [], totals }, { odd: 1 }] }).map((b) => [b.who, b.revision, b.notes])).toEqual([['Flat 1', 2, ['late']], ['ada', undefined, []]])
  expect(billsOf(null)).toEqual([])
})

describe('a day ahead', () => {
  const band = { low: 1, mean: 2, high: 3 }
  test('with and without a generation', () => expect(dayOf({ from: 0, to: 2, step: 1, intervals: [{ from: 0, load: band }, { from: 1, load: band, generation: band }] })).toEqual({ from: 0, to: 2, step: 1, at: [0, 1], load: [band, band], generation: [null, band] }))
  test('something else', () => expect(dayOf({ intervals: [] })).toBeUndefined())
})

test('a document as facts, tables and notes', () => {
  expect(partsOf({ a: 1, why: ['x'], list: [{ b: 2, c: { d: 1 } }], deep: { e: null }, none: [] })).toEqual([
    { is: 'facts', title: '', of: [['a', 1]] }, { is: 'notes', title: 'why', of: ['x'] }, { is: 'table', title: 'list', columns: ['b'], rows: [{ b: 2, c: { d: 1 } }] }, { is: 'facts', title: 'deep', of: [['e', null]] },
  ])
})
