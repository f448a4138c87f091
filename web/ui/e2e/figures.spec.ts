// What is entered by hand stands in the windows, and can be seen to be so.

import { accessible, expect, fits, quiet, signIn } from './wattwerk'
import { began, test } from './works'

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
  await expect.poll(async () => (await day()).amount, { timeout: 60_000 }).toEqual([78_000])
  expect((await day()).quality).toEqual(['corrected'])
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
