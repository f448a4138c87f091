// Long exports say how far they are, and can be left.

import { readFileSync } from 'node:fs'
import { accessible, expect, quiet, signIn } from './wattwerk'
import { at, test } from './works'
import type { Page } from '@playwright/test'

declare global {
  interface Window {
    /** Goes on with an export: with text, or to its end. */
    feed: (text?: string) => void
    left: boolean
  }
}

/** A server whose exports are as slow as the test wants. */
async function slow(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const real = window.fetch.bind(window)
    window.left = false
    window.fetch = (to, init) => {
      const url = typeof to === 'string' ? to : to instanceof URL ? to.href : to.url
      if (!url.includes('/export')) return real(to, init)
      const body = new ReadableStream<Uint8Array>({
        start(c) {
          window.feed = (text) => (text === undefined ? c.close() : c.enqueue(new TextEncoder().encode(text)))
          init?.signal?.addEventListener('abort', () => {
            window.left = true
            c.error(new DOMException('left', 'AbortError'))
          })
        },
      })
      return Promise.resolve(new Response(body, { headers: { 'Content-Type': 'text/csv', 'Content-Disposition': 'attachment; filename="oven-raw.csv"' } }))
    }
  })
}

test('a long export says how far it is, goes on on another page, and can be cancelled', async ({ page, works }) => {
  const complaints = quiet(page)
  await slow(page)
  await signIn(page, works)
  const [from, to] = [at('2025-10-20T00:00:00+02:00'), at('2025-10-27T00:00:00+01:00')]
  await page.goto(`${works.url}/#/costs?s=oven&from=${from}&to=${to}&size=1h`)
  const energy = page.getByRole('region', { name: 'Energy', exact: true })
  const ask = async () => {
    await energy.getByRole('button', { name: /^Export / }).click()
    await page.getByRole('menuitem', { name: 'Settled windows (CSV)' }).click()
  }
  await ask()
  const told = page.getByRole('group', { name: /^Export .*\.csv$/ })
  await expect(told.getByRole('status')).toHaveText('The server makes the file…')
  const half = new Date((from + to) / 2).toISOString()
  await page.evaluate((t) => window.feed(`${'x'.repeat(2_000_000)}\r\nsensor,place,oven,Oven,${t},,Wh\r\n`), half)
  await expect(told.getByRole('status')).toHaveText(/^2\.0\sMB so far, 50\s*%$/)
  await expect(told.getByRole('progressbar')).toHaveAttribute('aria-valuenow', '50')
  await accessible(page)
  await page.screenshot({ path: 'test-results/export-running.png' })
  // It is not lost when something else is looked at.
  await page.getByRole('link', { name: 'Alerts', exact: true }).click()
  await expect(told).toBeVisible()
  const download = page.waitForEvent('download')
  await page.evaluate(() => window.feed())
  const file = await download
  expect(file.suggestedFilename()).toBe('oven-raw.csv')
  expect(readFileSync(await file.path()).length).toBeGreaterThan(2_000_000)
  await expect(told.getByRole('status')).toHaveText(/^Done: 2\.0\sMB\.$/)
  await told.getByRole('button', { name: 'Close' }).click()

  await page.goBack()
  await ask()
  await told.getByRole('button', { name: /^Cancel the export/ }).click()
  await expect(told.getByRole('status')).toHaveText('Cancelled. Nothing was kept.')
  await expect.poll(() => page.evaluate(() => window.left)).toBe(true)
  complaints()
})

test('exports come as files from every place that offers them, and what is refused is told', async ({ page, works }) => {
  await signIn(page, works)
  const span = `from=${at('2025-10-20T00:00:00+02:00')}&to=${at('2025-10-21T00:00:00+02:00')}`
  await page.goto(`${works.url}/#/sensors?s=oven&${span}`)
  const readings = page.getByRole('region', { name: 'Readings', exact: true })
  const take = async (act: () => Promise<void>) => {
    const [file] = await Promise.all([page.waitForEvent('download'), act()])
    return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) }
  }
  await readings.scrollIntoViewIfNeeded()
  const raw = await take(async () => {
    await readings.getByRole('button', { name: /^Export / }).click()
    await page.getByRole('menuitem', { name: 'CSV', exact: true }).last().click()
  })
  expect(raw.name).toBe('oven.csv')
  expect(raw.bytes.toString().trim().split('\r\n')).toHaveLength(98) // the header, and readings at both ends

  await page.goto(`${works.url}/#/costs?s=oven&${span}`)
  await page.getByRole('button', { name: 'Report' }).click()
  const report = await take(() => page.getByRole('menuitem', { name: 'Excel (XLSX)' }).click())
  expect(report.bytes.subarray(0, 2).toString()).toBe('PK')

  await page.goto(`${works.url}/#/data?tab=export`)
  await page.getByLabel('Begin').fill('2025-10-20T00:00')
  await page.getByLabel('End').fill('2025-10-21T00:00')
  const table = await take(() => page.getByRole('button', { name: 'As Excel (XLSX)' }).click())
  expect(table.name).toBe('plant-15m.xlsx')
  await page.route('**/api/v1/settled/**/export*', (r) => r.fulfill({ status: 422, json: { status: 422, detail: 'that would be too many rows' } }))
  await page.getByRole('button', { name: 'As CSV' }).click()
  await expect(page.getByText('It broke off: that would be too many rows')).toBeVisible()
})
