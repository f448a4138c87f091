import { at, test } from './works'
import { accessible, expect, fits, quiet, signIn } from './wattwerk'

const day = `from=${at('2025-10-26T00:00:00+02:00')}&to=${at('2025-10-27T00:00:00+01:00')}`
const week = `from=${at('2025-10-20T00:00:00+02:00')}&to=${at('2025-10-27T00:00:00+01:00')}`

test('a day of 25 hours, hour by hour, and the week with its gap', async ({ page, works }) => {
  const complaints = quiet(page)
  await signIn(page, works)
  await page.goto(`${works.url}/#/costs?s=oven&${day}&size=1h`)
  await expect(page.getByTestId('energy-total')).toHaveText(/75[.,]00\s*kWh/)
  await expect(page.getByTestId('completeness')).toHaveText(/100[.,]0\s*%/)
  await expect(page.getByTestId('estimated')).toHaveText(/0[.,]0\s*%/)
  const energy = page.getByRole('region', { name: 'Energy', exact: true })
  await expect(energy).toContainText('settled')
  await energy.getByText('Figures').click()
  const rows = page.getByRole('region', { name: 'Energies as figures' }).getByRole('row')
  await expect(rows).toHaveCount(26)
  await expect(rows.filter({ hasText: '02:00' })).toHaveCount(2)
  await expect(rows.filter({ hasText: '02:00 CEST' })).toContainText(/3[.,]00\s*kWh/)
  await expect(rows.filter({ hasText: /02:00 (CET|GMT\+1)/ })).toContainText(/3[.,]00\s*kWh/)

  await page.goto(`${works.url}/#/costs?s=press&${week}&size=1h&with=previous`)
  await expect(page.getByTestId('period')).toContainText('2025-W43')
  await expect(page.getByTestId('completeness')).toHaveText(/96[.,]4\s*%/)
  await energy.getByText('Figures').click()
  await expect(rows).toHaveCount(170)
  // Nothing is known of it, so it is no number.
  const gap = rows.filter({ hasText: /20 Oct.*03:00/ })
  await expect(gap).toContainText('–')
  await expect(gap.getByRole('cell').last()).toHaveText(/1[.,]00\s*kWh/)
  await page.getByRole('group', { name: 'Period' }).getByRole('button', { name: 'Later' }).click()
  await expect(page.getByTestId('period')).toContainText('2025-W44')
  await expect(page.getByTestId('completeness')).toHaveText(/100[.,]0\s*%/)
  await page.getByRole('group', { name: 'Period' }).getByText('Month', { exact: true }).click()
  await expect(page.getByTestId('period')).toContainText(/Nov(ember)? 2025/)
  complaints()
})

test('who has no tariff is told how to make one, and a tariff makes a bill', async ({ page, works }) => {
  await signIn(page, works)
  await page.goto(`${works.url}/#/costs?s=oven&${day}`)
  const costs = page.getByRole('region', { name: 'Costs', exact: true })
  await expect(costs).toContainText('Nothing prices Oven in this period.')
  await expect(costs).toContainText(/curl -X PUT .*api\/v1\/tariffs\/home/)
  await accessible(page)
  const res = await works.api.put('api/v1/tariffs/home', {
    data: { id: 'home', currency: 'EUR', versions: [{ from: '2025-01-01', components: [{ id: 'energy', name: 'Energy', kind: 'energy', price: '0.40' }, { id: 'vat', name: 'VAT', kind: 'tax', percent: '19' }] }] },
  })
  expect(res.ok(), await res.text()).toBe(true)
  await page.reload()
  await costs.getByLabel('From the day').fill('2025-10-01')
  await costs.getByRole('button', { name: 'Assign' }).click()
  // 75 kWh at 0.40, and 19 percent.
  await expect(page.getByTestId('bill-total')).toHaveText('€35.70')
  const lines = page.getByRole('region', { name: 'Lines of the bill: Costs' })
  await expect(lines.getByRole('row').filter({ hasText: 'Energy' })).toContainText('€30.00')
  await expect(lines.getByRole('row').filter({ hasText: 'VAT' })).toContainText('€5.70')
})

test('reports of the period can be taken away', async ({ page, works }) => {
  await signIn(page, works)
  await page.goto(`${works.url}/#/costs?g=plant&${day}`)
  await expect(page.getByTestId('energy-total')).toHaveText(/225[.,]\d*\s*kWh/)
  await page.getByRole('button', { name: 'Report' }).click()
  for (const [name, type] of [['Page to print (HTML)', 'text/html'], ['CSV', 'text/csv'], ['Excel (XLSX)', 'spreadsheetml']] as const) {
    const href = await page.getByRole('menuitem', { name, exact: true }).getAttribute('href')
    const file = await page.request.get(`${works.url}/${href ?? ''}`)
    expect(file.ok()).toBe(true)
    expect(file.headers()['content-type']).toContain(type)
  }
})

test('energies and costs look right in light, dark and on a phone', async ({ browser, works }) => {
  // Three signings-in and three looks for hindrances, on a machine that may be slow.
  test.slow()
  for (const [name, options] of [
    ['light', { colorScheme: 'light', viewport: { width: 1400, height: 1000 } }],
    ['dark', { colorScheme: 'dark', viewport: { width: 1400, height: 1000 } }],
    ['phone', { colorScheme: 'light', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ] as const) {
    const context = await browser.newContext({ ...options, locale: 'en-GB' })
    const page = await context.newPage()
    const complaints = quiet(page)
    await signIn(page, works)
    await page.goto(`${works.url}/#/costs?s=${name === 'light' ? 'press' : 'oven'}&${week}&with=previous`)
    await expect(page.getByTestId('energy-total')).toHaveText(/\d/)
    await expect(page.locator('[data-testid=figure]:not([data-ready=true])')).toHaveCount(0)
    await expect(page.locator('section[aria-busy=true]')).toHaveCount(0)
    await accessible(page)
    await fits(page)
    await page.screenshot({ path: `test-results/costs-${name}.png`, fullPage: true })
    complaints()
    await context.close()
  }
})
