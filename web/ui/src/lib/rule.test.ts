import { expect, test } from 'vitest'
import type { Rule } from '../api/generated/types.gen'
import { emptyRule, formOf, ruleOf } from './rule'

test('a rule becomes a form and the same rule again, with what the form does not show', () => {
  const rule: Rule = {
    name: 'Peak', subject: { group: 'hall:1' }, condition: { kind: 'demand', limit: 400_000, clear: 380_000, window: '30m' }, for: '30s', severity: 'critical', to: ['mail'],
    quiet: [{ from: '22:00', to: '06:00' }],
  }
  const form = formOf(rule, 'W')
  expect(form).toMatchObject({ limit: 400, clear: 380, subject: 'group:hall:1' })
  expect(form && ruleOf(form, 'W', rule)).toEqual(rule)
})

test('limits are written in kW and kept in W; other units as they are', () => {
  expect(ruleOf({ ...emptyRule, name: 'x', subject: 'sensor:a', limit: 2.3 }, 'W').condition).toEqual({ kind: 'above', limit: 2300 })
  expect(ruleOf({ ...emptyRule, name: 'x', subject: 'sensor:a', limit: 253 }, 'V').condition).toEqual({ kind: 'above', limit: 253 })
  expect(ruleOf({ ...emptyRule, name: 'x', subject: 'group:a', kind: 'budget', limit: 100, cost: true }, 'W').condition).toEqual({ kind: 'budget', limit: 100, period: 'month', of: 'cost' })
  expect(ruleOf({ ...emptyRule, name: 'x', subject: 'below:a', kind: 'missing', intervals: 5, limit: 7 }, 'W').condition).toEqual({ kind: 'missing', intervals: 5 })
})

test('what a form cannot show stays JSON', () => {
  expect(formOf({ subject: { sensor: 'a' }, condition: { kind: 'deviation' } }, 'W')).toBeUndefined()
  expect(formOf({ condition: { kind: 'above' } }, 'W')).toBeUndefined()
})
