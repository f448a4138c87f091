// What is entered by hand stands in the windows, and can be seen to be so.

import { accessible, expect, fits, quiet, signIn } from './wattwerk'
import { began, test } from './works'
import type { Locator } from '@playwright/test'

const shots = 'test-results'

test('a figure is entered, changed, marked in the windows, and deleted', async ({ page, works }) => {
  // Settles three times: long on a slow machine.
  test.setTimeout(300_000)
  const complaints = quiet(page)
  await page.setViewportSize({ width: 1400, height: 1000 })
  await signIn(page, works)
  const from = began + 2 * 86_400_000
  const at = `from=${from}&to=${from + 86_400_000}`
  await page.goto(`${works.url}/#/sensors?s=oven&${at}`)
  const panel = page.getByRole('region', { name: 'Figures by hand' })
  await panel.getByRole('button', { name: 'Enter a figure' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Begin').fill('2025-10-15T06:10')
  await dialog.getByLabel('End').fill('2025-10-15T12:00')
  await expect(dialog.getByText('An amount begins and ends at a quarter of an hour.')).toBeVisible()
  await dialog.getByLabel('Begin').fill('2025-10-15T06:00')
  await dialog.getByRole('textbox', { name: 'Amount', exact: true }).fill('12')
  await expect(dialog.getByRole('button', { name: 'Enter', exact: true })).toBeDisabled()
  await dialog.getByLabel('Where it is from').fill('shift log, page 12')
  await accessible(page)
  await page.screenshot({ path: `${shots}/figures-form.png` })
  await dialog.getByRole('button', { name: 'Enter', exact: true }).click()
  const list = page.getByRole('list', { name: 'Figures by hand' })
  await expect(list.getByText('shift log, page 12')).toBeVisible()
  await list.getByRole('button', { name: /^Change 12/ }).click()
  await dialog.getByRole('textbox', { name: 'Amount', exact: true }).fill('24')
  await dialog.getByRole('button', { name: 'Change', exact: true }).click()
  await expect(list.getByText(/^24/)).toBeVisible()
  await expect(list.getByRole('listitem')).toHaveCount(1)

  // 3 kW but for six hours of 4 kW.
  const day = async () => ((await (await works.api.get('api/v1/settled/sensors/oven?size=1d&from=2025-10-15&to=2025-10-16')).json()) as { amount: number[]; quality: string[] })
  await expect.poll(async () => { const { amount, quality } = await day(); return { amount, quality } }, { timeout: 60_000 }).toEqual({ amount: [78_000], quality: ['corrected'] })
  await page.reload()
  const energy = page.getByRole('region', { name: 'Energy and its quality' })
  await expect(energy.getByText('corrected', { exact: true })).toBeVisible()
  await expect(energy.getByTestId('figure')).toHaveAttribute('data-ready', 'true')
  await energy.screenshot({ path: `${shots}/figures-energy.png` })
  await panel.scrollIntoViewIfNeeded()
  await panel.screenshot({ path: `${shots}/figures-light.png` })
  await page.goto(`${works.url}/#/costs?s=oven&${at}`)
  const costs = page.getByRole('region', { name: 'Energy', exact: true })
  await costs.getByText('Figures', { exact: true }).click()
  await expect(costs.getByRole('cell', { name: 'corrected', exact: true }).first()).toBeVisible()
  await costs.screenshot({ path: `${shots}/figures-costs.png` })

  // The press was silent for six hours: estimated.
  const silent = began + 7 * 86_400_000
  await page.goto(`${works.url}/#/sensors?s=press&from=${silent}&to=${silent + 86_400_000}`)
  await expect(energy.getByTestId('figure')).toHaveAttribute('data-ready', 'true')
  await energy.screenshot({ path: `${shots}/figures-gap.png` })

  await page.setViewportSize({ width: 390, height: 844 })
  await page.goto(`${works.url}/#/sensors?s=oven&${at}`)
  // What is far below comes when it is near.
  await expect(async () => {
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight))
    await expect(list).toBeAttached({ timeout: 1000 })
  }).toPass({ timeout: 60_000 })
  await list.scrollIntoViewIfNeeded()
  await fits(page)
  await page.emulateMedia({ colorScheme: 'dark' })
  await panel.screenshot({ path: `${shots}/figures-phone.png` })
  await list.getByRole('button', { name: /^Delete 24/ }).click()
  await dialog.getByLabel('Why').fill('of another oven')
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
  await expect(page.getByText(/^No figure was entered by hand/)).toBeVisible()
  await expect.poll(async () => (await day()).amount, { timeout: 60_000 }).toEqual([72_000])
  complaints()
})

/** How many columns of pixels of a figure are hatched: light and dark take turns in them far more often than over the lines of the grid. */
async function hatched(figure: Locator): Promise<number> {
  return figure.evaluate((el) => {
    const canvas = el.querySelector('canvas')
    const ctx = canvas?.getContext('2d')
    if (!canvas || !ctx) return -1
    const { width, height } = canvas
    const { data } = ctx.getImageData(0, 0, width, height)
    let columns = 0
    for (let x = 0; x < width; x++) {
      let turns = 0
      let was = 0
      for (let y = 0; y < height; y++) {
        const i = 4 * (y * width + x)
        const light = (data[i] ?? 0) + (data[i + 1] ?? 0) + (data[i + 2] ?? 0)
        if (y > 0 && Math.abs(light - was) > 60) turns++
        was = light
      }
      if (turns > 24) columns++
    }
    return columns
  })
}

test('what was interpolated is hatched, and said to be estimated', async ({ page, works }) => {
  test.setTimeout(180_000)
  const complaints = quiet(page)
  const day = began + 4 * 86_400_000
  // From 6 to 12 o'clock.
  const body = { kind: 'interpolate', from: new Date(day + 6 * 3_600_000).toISOString(), to: new Date(day + 12 * 3_600_000).toISOString(), why: 'the meter was moved' }
  const res = await works.api.post('api/v1/sensors/press/interventions', { data: body })
  expect(res.ok(), await res.text()).toBe(true)
  const hours = async () => ((await (await works.api.get('api/v1/settled/sensors/press?size=1h&from=2025-10-17&to=2025-10-18')).json()) as { quality: string[] }).quality
  await expect.poll(async () => { const h = await hours(); return [h[8], h[14]] }, { timeout: 60_000 }).toEqual(['estimated', 'measured'])

  await signIn(page, works)
  await page.goto(`${works.url}/#/sensors?s=press&from=${day}&to=${day + 86_400_000}`)
  const energy = page.getByRole('region', { name: 'Energy and its quality' })
  await expect(energy.getByText('estimated', { exact: true })).toBeVisible()
  const figure = energy.getByTestId('figure')
  await expect(figure).toHaveAttribute('data-ready', 'true')
  await energy.screenshot({ path: `${shots}/figures-interpolated.png` })
  // Three bars at least of the six are high enough to tell.
  await expect.poll(() => hatched(figure)).toBeGreaterThan(15)

  await page.goto(`${works.url}/#/costs?s=press&from=${day}&to=${day + 86_400_000}&size=1h`)
  const costs = page.getByRole('region', { name: 'Energy', exact: true })
  await expect(page.getByTestId('estimated')).not.toHaveText(/^0[.,]0\s*%$/)
  await expect(costs.getByTestId('figure')).toHaveAttribute('data-ready', 'true')
  await expect.poll(() => hatched(costs.getByTestId('figure'))).toBeGreaterThan(15)
  await costs.screenshot({ path: `${shots}/figures-interpolated-costs.png` })
  await page.emulateMedia({ colorScheme: 'dark' })
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark')
  await costs.screenshot({ path: `${shots}/figures-interpolated-dark.png` })
  // The day before was measured.
  await page.goto(`${works.url}/#/sensors?s=press&from=${day - 86_400_000}&to=${day}`)
  await expect(energy.getByTestId('figure')).toHaveAttribute('data-ready', 'true')
  await expect(energy.getByText('estimated', { exact: true })).toBeHidden()
  // A column of pixels through the names at the axis may take turns, too.
  await expect.poll(() => hatched(energy.getByTestId('figure'))).toBeLessThan(5)
  complaints()
})
