// The page that a measurement device shows to its household: without a script, in two languages,
// for those who see, hear or touch it. The device is one of a survey that runs whole.

import type { Page } from '@playwright/test'
import { accessible, expect, fits, startAs, test as base, type Program } from './wattwerk'

const test = base.extend<object, { survey: Program; device: string }>({
  survey: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads the names from here
    async ({}, use) => {
      const r = await startAs(['survey', 'demo'], '-n', '1', '--listen', '127.0.0.1:0')
      await use(r.program)
      await r.stop()
    },
    { scope: 'worker', timeout: 90_000 },
  ],
  device: [
    async ({ survey }, use) => {
      const page = /PAGE\n(?:.*\s)(http:\/\/127\.0\.0\.1:\d+)/
      await expect.poll(() => survey.said(), { timeout: 60_000 }).toMatch(page)
      await use(page.exec(survey.said())?.[1] ?? '')
    },
    { scope: 'worker', timeout: 90_000 },
  ],
})

/** As it looks in light and dark colours and on a phone; nothing is wider than the screen. */
async function looks(page: Page, name: string): Promise<void> {
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme })
    await accessible(page)
    await page.screenshot({ path: `test-results/${name}-${scheme}.png`, fullPage: true })
  }
  await page.emulateMedia({ colorScheme: 'light' })
  const wide = page.viewportSize() ?? { width: 1280, height: 800 }
  await page.setViewportSize({ width: 390, height: 844 })
  await fits(page)
  await accessible(page)
  await page.screenshot({ path: `test-results/${name}-phone.png`, fullPage: true })
  await page.setViewportSize(wide)
}

test('a household sees its device, and takes its consent back in two steps', async ({ page, device }) => {
  test.setTimeout(300_000)
  // Until it was told of its consent it does not measure.
  await expect
    .poll(
      async () => {
        await page.goto(`${device}/?lang=en`)
        return page.getByText('granted', { exact: true }).count()
      },
      { timeout: 120_000, intervals: [1000] },
    )
    .toBeGreaterThan(0)
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
  await expect(page.getByRole('table')).toBeVisible()
  await looks(page, 'device-overview')

  await page.getByRole('link', { name: 'Deutsch' }).click()
  await expect(page.locator('html')).toHaveAttribute('lang', 'de')
  await accessible(page)
  await page.getByRole('link', { name: 'English' }).click()

  await page.getByRole('link', { name: 'Registration' }).click()
  await expect(page.getByText('MT175').or(page.getByText('EHZ')).or(page.getByText('DD3')).or(page.getByText('MT681')).or(page.getByText('EASY')).first()).toBeVisible()
  await looks(page, 'device-registration')

  await page.getByRole('link', { name: 'Measurements' }).click()
  await expect(page.getByLabel('Meter')).toBeVisible()
  await looks(page, 'device-measurements')

  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()])
  expect(file.suggestedFilename()).toMatch(/\.(zip|json|csv)$/)

  await page.getByRole('link', { name: 'Consent' }).first().click()
  await looks(page, 'device-consent')
  await page.getByRole('button', { name: /revoke|withdraw/i }).click()
  await looks(page, 'device-revoke')
  // Nothing is revoked by a press alone.
  await page.getByRole('button', { name: /revoke|withdraw/i }).click()
  await expect(page.getByRole('alert')).toBeVisible()
  await accessible(page)
  await page.getByRole('checkbox').check()
  await page.getByRole('button', { name: /revoke|withdraw/i }).click()
  await expect(page.getByText('revoked', { exact: true }).first()).toBeVisible()
  await looks(page, 'device-revoked')
})
