// Alerts are raised by rules made here, seen, acknowledged, silenced.

import { accessible, expect, looks, quiet, signIn, test } from './wattwerk'


test('a rule made here raises an alert, which is acknowledged; it is changed and removed', async ({ page, empty }) => {
  test.setTimeout(180_000)
  await signIn(page, empty)
  const model = {
    sites: [{ id: 'kiel', zone: 'Europe/Berlin' }], sensors: [{ id: 'oven', name: 'Oven', quantity: 'active_power', interval: '1m', maxAge: 'unlimited' }],
    groups: [{ id: 'hall', name: 'Hall', members: [{ sensor: 'oven' }] }], hierarchies: [{ id: 'place', root: 'hall', site: 'kiel' }],
  }
  await page.evaluate(async (m) => fetch('api/v1/model', { method: 'PUT', headers: { 'If-Match': '*', 'Content-Type': 'application/json' }, body: JSON.stringify(m) }), model)
  await page.goto(`${empty.url}/#/alerts?tab=rules`)
  await page.reload()
  await page.getByRole('button', { name: 'Add a rule' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Oven too hot')
  await dialog.getByRole('combobox', { name: 'About' }).fill('Oven')
  await page.getByRole('option', { name: 'Oven', exact: true }).click()
  await dialog.getByLabel('Limit (kW)').fill('1.5')
  await dialog.getByLabel('What to do then').fill('Open the door.')
  await accessible(page)
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByRole('region', { name: 'Rules' }).getByRole('cell', { name: '1.50 kW' })).toBeVisible()

  // Readings above the limit, until the alert is there.
  await page.getByRole('tab', { name: 'Now' }).click()
  await expect(page.getByText('No alert lasts.')).toBeVisible()
  const list = page.getByRole('list', { name: 'What lasts' })
  await expect
    .poll(
      async () => {
        await page.evaluate(() => fetch('api/v1/ingest/json', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"sensor": "oven", "value": 2000}' }))
        return list.getByText('Oven too hot').isVisible()
      },
      { timeout: 40_000, message: 'no alert is raised' },
    )
    .toBe(true)
  await list.getByRole('button', { name: 'Acknowledge Oven too hot' }).click()
  await dialog.getByLabel('Note').fill('The door is open')
  await dialog.getByRole('button', { name: 'Acknowledge' }).click()
  await expect(list.getByText('The door is open')).toBeVisible()
  await page.getByRole('tab', { name: 'History' }).click()
  await expect(page.getByRole('list', { name: 'History' }).getByText('Oven too hot')).toBeVisible()

  // Changed by the form and as JSON.
  await page.getByRole('tab', { name: 'Rules' }).click()
  await page.getByRole('button', { name: 'Change Oven too hot' }).click()
  await dialog.getByLabel('Limit (kW)').fill('3')
  await dialog.getByText('JSON', { exact: true }).click()
  await expect(dialog.getByLabel('Rule')).toHaveValue(/"limit": 3000/)
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByRole('region', { name: 'Rules' }).getByRole('cell', { name: '3.00 kW' })).toBeVisible()
  await page.getByRole('button', { name: 'Remove Oven too hot' }).click()
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await expect(page.getByText('There is no rule yet, so nothing is told.')).toBeVisible()

  await page.getByRole('tab', { name: 'Silences and sinks' }).click()
  await page.getByRole('button', { name: 'Keep silent…' }).click()
  await dialog.getByLabel('Why').fill('Maintenance')
  await dialog.getByRole('button', { name: 'Keep silent' }).click()
  await expect(page.getByText('Maintenance')).toBeVisible()
  await page.getByRole('button', { name: 'End the silence of everything' }).click()
  await expect(page.getByText('Everything is told.')).toBeVisible()
})

test('light, dark and phone look right', async ({ page, empty }) => {
  test.slow()
  const complaints = quiet(page)
  await signIn(page, empty)
  for (const [tab, heading] of [['now', 'What lasts'], ['rules', 'Rules'], ['history', 'History'], ['messages', 'Where messages go']] as const) {
    await page.goto(`${empty.url}/#/alerts?tab=${tab}`)
    await expect(page.getByRole('heading', { name: heading, exact: true })).toBeVisible()
    await expect(page.locator('[aria-busy=true]')).toHaveCount(0)
    if (tab === 'now' || tab === 'rules') await looks(page, `alerts-${tab}`)
    else await accessible(page)
  }
  complaints()
})
