import { at, test } from './works'
import { accessible, expect, looks, quiet, signIn } from './wattwerk'

const day = `from=${at('2025-10-26T00:00:00+02:00')}&to=${at('2025-10-27T00:00:00+01:00')}`

test('a day of 25 hours from the meter to the consumers, in ribbons, figures and words', async ({ page, works }) => {
  const complaints = quiet(page)
  await signIn(page, works)
  await page.goto(`${works.url}/#/flow?${day}`)
  await expect(page.getByTestId('flow-total')).toHaveText(/225[.,]\d*\s*kWh/)
  const figures = page.getByRole('region', { name: 'Figures of the energy flow' })
  const row = (name: string | RegExp) => figures.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) })
  await expect(row('Oven')).toContainText(/75[.,]00\s*kWh/)
  await expect(row('Oven')).toContainText(/33[.,]3\s*%/)
  await expect(row('Oven')).toContainText(/100[.,]0\s*%/)
  // 16 hours of 4 kW and 9 of 1 kW.
  await expect(row('Press')).toContainText(/73[.,]00\s*kWh/)
  await expect(row('Lamp')).toContainText('–')
  // The lamp never said anything: what it takes is among what is unaccounted.
  await expect(row('Unaccounted')).toContainText(/93[.,]00\s*kWh/)
  const words = page.getByRole('list', { name: 'Not drawn' })
  await expect(words).toContainText('Nothing is known of Lamp.')
  await expect(words).toContainText(/Solar panels counts as 16[.,]00\s*kWh that flow the other way/)
  await expect(page.getByTestId('figure')).toHaveAttribute('data-ready', 'true')
  await expect(page.getByTestId('figure')).toHaveAccessibleName(/Works came to 225/)
  await accessible(page)

  // Deeper by a click, back by the path. Until its figures are there, none stand under its name.
  let come: () => void = () => undefined
  const waits = new Promise<void>((done) => (come = done))
  await page.route(/groups\/hall\/flow/, async (r) => {
    await waits
    await r.continue()
  })
  await figures.getByRole('button', { name: 'Hall 1' }).click()
  await expect(page.getByRole('heading', { name: 'Where the energy of Hall 1 went' })).toBeVisible()
  await expect(page.getByTestId('flow-total')).toHaveCount(0)
  come()
  await expect(page.getByTestId('flow-total')).toHaveText(/148[.,]\d*\s*kWh/)
  await expect(page).toHaveURL(/[?&]g=hall(&|$)/)
  await page.getByRole('navigation', { name: 'Place in the tree' }).getByRole('button', { name: 'Works' }).click()
  await expect(page.getByTestId('flow-total')).toHaveText(/225/)
  await page.getByLabel('Levels below the group').selectOption('1')
  await expect(row('Oven')).toHaveCount(0)
  await expect(page).toHaveURL(/depth=(%22)?1/)
  complaints()
})

test('the ribbons lead deeper, too', async ({ page, works }) => {
  await signIn(page, works)
  await page.goto(`${works.url}/#/flow?${day}&depth=1`)
  const figure = page.getByTestId('figure')
  await expect(figure).toHaveAttribute('data-ready', 'true')
  await expect(page.getByTestId('flow-total')).toHaveText(/225/)
  // The largest member stands first in the second column.
  await expect(async () => {
    const box = await figure.boundingBox()
    if (!box) throw new Error('no drawing')
    await page.mouse.click(box.x + box.width - 260 - 7, box.y + 30)
    await expect(page.getByRole('heading', { name: 'Where the energy of Hall 1 went' })).toBeVisible({ timeout: 1000 })
  }).toPass()
})

test('says when there is nothing to show', async ({ page, works }) => {
  await signIn(page, works)
  await page.goto(`${works.url}/#/flow?from=${at('2024-01-01T00:00:00Z')}&to=${at('2024-01-02T00:00:00Z')}`)
  await expect(page.getByText(/Nothing is (known|settled) of this time/)).toBeVisible()
})

test('the flow looks right in light, dark and on a phone', async ({ page, works }) => {
  test.slow()
  const complaints = quiet(page)
  await signIn(page, works)
  await page.goto(`${works.url}/#/flow?${day}`)
  await expect(page.getByTestId('figure')).toHaveAttribute('data-ready', 'true')
  await expect(page.getByTestId('flow-total')).toHaveText(/225/)
  await looks(page, 'flow', { whole: true })
  complaints()
})
