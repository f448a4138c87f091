// What stands in for what, a day ahead, and questions about objects.

import { accessible, expect, looks, signIn, test } from './wattwerk'

test('substitutes, forecasts, findings and questions', async ({ page, demo }) => {
  test.slow()
  await signIn(page, demo)
  await page.getByRole('link', { name: 'Substitutes', exact: true }).click()
  const stands = page.getByRole('region', { name: 'What stands in for what' })
  await expect(stands.getByText(/Nothing stands in for anything|Values that were put in/)).toBeVisible()
  await looks(page, 'substitutes')
  await page.setViewportSize({ width: 1400, height: 1000 })

  await page.getByRole('link', { name: 'Forecasts', exact: true }).click()
  await expect(page.getByRole('region', { name: 'The day ahead' })).toHaveAttribute('aria-busy', 'false')
  await looks(page, 'forecasts', { whole: true })
  await page.setViewportSize({ width: 1400, height: 1000 })

  await page.goto(`${demo.url}/#/objects?tab=ask`)
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await expect(page.getByRole('group', { name: 'Answer' }).getByRole('row').nth(3)).toBeVisible()
  await page.getByRole('button', { name: 'How many there are of each class' }).click()
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await expect(page.getByRole('group', { name: 'Answer' }).getByRole('columnheader', { name: 'n' })).toBeVisible()
  await looks(page, 'objects-ask', { whole: true })
  await page.setViewportSize({ width: 1400, height: 1000 })
  await page.getByRole('textbox', { name: 'Question' }).fill('select nothing')
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await expect(page.getByRole('alert')).toContainText('It cannot be answered:')
  await page.getByRole('tab', { name: 'Findings' }).click()
  await expect(page.getByRole('region', { name: 'What is missing or contradicts itself' })).toHaveAttribute('aria-busy', 'false')
  await accessible(page)
  await page.goto(`${demo.url}/#/objects?o=sensor/household.kitchen`)
  await expect(page.getByRole('region', { name: 'Measured and put in' })).toHaveAttribute('aria-busy', 'false')
  await accessible(page)
  await page.screenshot({ path: 'test-results/object-values.png', fullPage: true })
})
