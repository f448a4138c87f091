import { expect, test } from 'vitest'
import { lastMoment, nameIn } from './download'

test('rows say how far they go', () => {
  expect(lastMoment('2025-10-26T00:00:00.000Z,1\r\n2025-10-26T00:15:00.000Z,2\r\n2025-10-2')).toBe(Date.parse('2025-10-26T00:15:00Z'))
  expect(lastMoment('sensor,,oven,Oven,2025-10-26T02:00:00+02:00,2025-10-26T02:15:00+02:00,Wh')).toBe(Date.parse('2025-10-26T00:15:00Z'))
  expect(lastMoment('{"sensor":"a","time":"2025-10-26T00:00:00.000Z","value":1}\n')).toBe(Date.parse('2025-10-26T00:00:00Z'))
  expect(lastMoment('PAR1')).toBeUndefined()
})

test('a file has the name that the server gives it', () => {
  expect(nameIn("attachment; filename*=UTF-8''k%C3%BChler.csv")).toBe('kühler.csv')
  expect(nameIn('attachment; filename="hall 1-15m.csv"')).toBe('hall 1-15m.csv')
  expect(nameIn('attachment; filename=hall.csv')).toBe('hall.csv')
  expect(nameIn("attachment; filename*=UTF-8''%zz")).toBeUndefined()
  expect(nameIn(null)).toBeUndefined()
})
