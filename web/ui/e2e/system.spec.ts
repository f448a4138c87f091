// The system as its administrator sees it.

import { expect, signIn, test } from './wattwerk'

test('says what runs and how far it is, and what was refused can be tried again', async ({ page, demo }) => {
  test.setTimeout(180_000)
  await signIn(page, demo)
  await page.goto(`${demo.url}/#/system`)
  await expect(page.getByRole('region', { name: 'Modules of this process' }).getByText('running').first()).toBeVisible()
  await expect(page.getByRole('region', { name: 'Partitions', exact: true }).getByRole('row').nth(1)).toBeVisible()

  // A reading of a time long past the window for live readings becomes a dead letter.
  await page.evaluate(() => fetch('api/v1/ingest/json', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"sensor": "toaster", "value": "very much"}' }))
  await page.getByRole('tab', { name: 'Intake' }).click()
  const letters = page.getByRole('list', { name: 'Dead letters' })
  await expect(letters.getByText('toaster').first()).toBeVisible({ timeout: 20_000 })
  await page.getByLabel('Search dead letters').fill('nothing like this')
  await expect(letters.getByRole('listitem')).toHaveCount(0)
  await page.getByLabel('Search dead letters').fill('very much')
  await letters.getByRole('button', { name: 'Try again' }).first().click()
  await expect(page.getByText('Refused again')).toBeVisible()

  await page.getByRole('tab', { name: 'Settling' }).click()
  await expect(page.getByRole('region', { name: 'Settled windows' })).toBeVisible()
  await page.getByRole('button', { name: 'Settle again' }).click()
  await expect(page.getByText('Done.')).toBeVisible({ timeout: 40_000 })
})
