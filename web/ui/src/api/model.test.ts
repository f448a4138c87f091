import { afterEach, expect, test, vi } from 'vitest'
import { seenAs } from './model'

const pages: Record<string, unknown> = {
  'api/v1/unassigned?q=volt1&limit=1000': { items: [{ sensor: 'a-volt1', quantity: 'energy' }], next: 'a-volt1' },
  'api/v1/unassigned?q=volt1&limit=1000&after=a-volt1': { items: [{ sensor: 'volt1', quantity: 'voltage', unit: 'V' }, { sensor: 'volt10' }] },
  'api/v1/unassigned?q=odd&limit=1000': { items: [{ sensor: 'odd' }] },
  'api/v1/unassigned?q=gone&limit=1000': { items: [] },
}

afterEach(() => vi.unstubAllGlobals())

test.each([
  ['volt1', { id: 'volt1', quantity: 'voltage', unit: 'V' }],
  ['odd', null],
  ['gone', null],
])('%s is known as it was seen', async (id, want) => {
  vi.stubGlobal('fetch', (url: string) => Promise.resolve(new Response(JSON.stringify(pages[url]))))
  expect(await seenAs(id)).toEqual(want)
})
