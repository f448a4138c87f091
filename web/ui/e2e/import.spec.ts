// A file of strangers is brought, understood, tried, imported, taken back.

import { accessible, expect, signIn, test } from './wattwerk'

const shots = 'test-results'

// Two days in June of quarters of an hour, as a grid operator of Germany writes them.
const rows = Array.from({ length: 192 }, (_, i) => {
  const at = new Date(Date.UTC(2026, 5, 1 + Math.floor(i / 96), 0, 15 * (i % 96)))
  const two = (n: number) => String(n).padStart(2, '0')
  return `${two(at.getUTCDate())}.06.2026 ${two(at.getUTCHours())}:${two(at.getUTCMinutes())};${10 + (i % 4)},5`
})
const csv = `Zeitpunkt;Verbrauch (kWh)\r\n${rows.join('\r\n')}\r\n`

test('a file goes through all steps, is taken back and counts again', async ({ page, empty }) => {
  test.setTimeout(180_000)
  await signIn(page, empty)
  await page.goto(`${empty.url}/#/data`)
  await page.getByRole('button', { name: 'Import a file' }).click()
  await page.locator('input[type=file]').setInputFiles({ name: 'june.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) })
  await expect(page.getByRole('heading', { name: 'Import june.csv' })).toBeVisible()
  await page.getByRole('textbox', { name: 'Sensor of Verbrauch (kWh)' }).fill('hall3')
  await expect(page.getByText('will be made')).toBeVisible()
  await page.getByRole('textbox', { name: 'Unit of Verbrauch (kWh)' }).fill('kWh')
  await page.getByRole('combobox', { name: 'It is' }).click()
  await page.getByRole('option', { name: 'an amount per interval' }).click()
  await page.getByRole('textbox', { name: 'Interval of Verbrauch (kWh)' }).fill('15m')
  await page.getByRole('combobox', { name: 'Time zone' }).fill('Europe/Berlin')
  await page.getByRole('option', { name: 'Europe/Berlin' }).click()
  await accessible(page)
  await page.screenshot({ path: `${shots}/import-light.png` })
  await page.getByRole('button', { name: 'Look at it' }).click()
  await expect(page.getByText(/^192 rows, times of Europe\/Berlin/)).toBeVisible()
  await page.getByRole('button', { name: 'Try it' }).click()
  await expect(page.getByRole('heading', { name: 'What it would store' })).toBeVisible({ timeout: 30_000 })
  // 192 quarters, 10.5 to 13.5 kWh: 2304 kWh.
  await expect(page.getByRole('group', { name: 'Sensors of the import' })).toContainText('2,304.0 kWh')
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.screenshot({ path: `${shots}/import-dark.png` })
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'What was stored' })).toBeVisible({ timeout: 30_000 })
  await page.getByRole('button', { name: 'Done' }).click()

  const list = page.getByRole('region', { name: 'Files that were brought' })
  await expect(list.getByText('stored')).toBeVisible()
  await list.getByRole('button', { name: 'Take back june.csv' }).click()
  await page.getByRole('dialog').getByLabel('Why').fill('wrong meter')
  await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click()
  await expect(list.getByText('taken back')).toBeVisible()
  await list.getByRole('button', { name: 'Have june.csv count again' }).click()
  await page.getByRole('dialog').getByLabel('Why').fill('it was right')
  await page.getByRole('dialog').getByRole('button', { name: 'Count again' }).click()
  await expect(list.getByRole('button', { name: 'Take back june.csv' })).toBeVisible()
})
