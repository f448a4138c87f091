import { at, test } from './works'
import { accessible, expect, looks, quiet, signIn } from './wattwerk'
import type { Page } from '@playwright/test'

const days = `from=${at('2025-10-26T00:00:00+02:00')}&to=${at('2025-10-28T00:00:00+01:00')}`
const points = (page: Page, n: number) => async () => Number((await page.getByTestId('chart').nth(n).getAttribute('data-points')) ?? 0)

test('series are chosen by the keyboard, compared with before, and a link shows the same', async ({ page, context, works }) => {
  // Two pages and a look for hindrances, on a machine that may be slow.
  test.slow()
  const complaints = quiet(page)
  await signIn(page, works)
  await page.goto(`${works.url}/#/compare?c=c.soven&${days}`)
  await expect.poll(points(page, 0)).toBeGreaterThan(100)
  const first = page.getByRole('region', { name: 'Chart 1', exact: true })

  await first.getByRole('button', { name: 'Add series to Chart 1' }).focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('combobox', { name: 'Search sensors and groups' })).toBeFocused()
  await page.keyboard.type('press')
  await expect(page.getByRole('option')).toHaveCount(1)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('option', { name: /Press/ })).toHaveAttribute('aria-selected', 'true')
  await page.keyboard.press('Escape')
  const legend = first.getByRole('list', { name: 'Lines of the chart' })
  await expect(legend.getByRole('button')).toHaveCount(2)

  await first.getByRole('button', { name: 'Compare Chart 1 with' }).click()
  await page.getByRole('menuitemcheckbox', { name: 'Same weekdays a week before' }).click()
  await page.getByRole('menuitemcheckbox', { name: 'Difference of the two series' }).click()
  await page.keyboard.press('Escape')
  await expect(legend.getByRole('button')).toHaveCount(5)
  await expect(legend.getByRole('button', { name: /Oven, a week before/ })).toContainText(/3[.,]00\s*kW/)
  // 3 kW less 1 kW in the last hour of the day.
  await expect(legend.getByRole('button', { name: /Oven less Press/ })).toContainText(/2[.,]00\s*kW/)

  await page.getByRole('button', { name: 'Add a chart' }).click()
  await page.getByRole('list', { name: 'Series of Chart 1' }).getByRole('button', { name: 'Move Press', exact: true }).click()
  await page.getByRole('menuitem', { name: 'Move to chart 2' }).click()
  await expect(page.getByRole('list', { name: 'Series of Chart 2' })).toContainText('Press')
  await page.getByRole('button', { name: 'Move Chart 2 up' }).click()
  await expect(page.getByRole('list', { name: 'Series of Chart 1' })).toContainText('Press')

  const correlation = page.getByRole('region', { name: 'Correlation', exact: true })
  await expect(correlation.getByTestId('figure')).toHaveAttribute('data-ready', 'true')
  await accessible(page)

  await expect(page).toHaveURL(/[?&]c=c\w*\.spress\*c\w*\.soven(&|$)/)
  const other = await context.newPage()
  await other.goto(page.url())
  await expect(other.getByRole('list', { name: 'Series of Chart 1' })).toContainText('Press')
  await expect(other.getByRole('list', { name: 'Series of Chart 2' })).toContainText('Oven')
  await expect.poll(points(other, 0)).toBeGreaterThan(100)
  await expect(other.getByRole('region', { name: 'Chart 2', exact: true }).getByRole('button', { name: /Oven, a week before/ })).toBeVisible()
  complaints()
})

test('charts share their span and their cursor, and series are dragged', async ({ page, works }) => {
  await signIn(page, works)
  await page.goto(`${works.url}/#/compare?c=c.soven*c.spress.spanel&${days}`)
  await expect.poll(points(page, 1)).toBeGreaterThan(100)
  const second = page.getByRole('region', { name: 'Chart 2', exact: true })
  const before = await points(page, 1)()
  await page.getByRole('region', { name: 'Chart 1', exact: true }).getByRole('button', { name: 'Zoom in' }).click()
  await expect.poll(points(page, 1)).toBeLessThan(before * 0.75)

  // The cursor of one is that of the other.
  const canvas = page.getByTestId('chart').first()
  await expect(async () => {
    const box = await canvas.boundingBox()
    if (!box) throw new Error('no chart')
    // To and fro: a mouse that has not moved says nothing to a chart that is drawn anew.
    await page.mouse.move(box.x + box.width / 2 + 2, box.y + box.height / 2)
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
    await expect(second).toContainText(/2[67] Oct 2025,? (at )?\d\d:\d\d/, { timeout: 1000 })
  }).toPass()

  const chips = page.getByRole('list', { name: 'Series of Chart 2' })
  await chips.getByRole('listitem').filter({ hasText: 'Press' }).dragTo(page.getByRole('region', { name: 'Chart 1', exact: true }))
  await expect(page.getByRole('list', { name: 'Series of Chart 1' })).toContainText('Press')
  await expect(chips).not.toContainText('Press')
})

test('ten thousand sensors are searched without delay', async ({ page, works }) => {
  await page.route('**/api/v1/model', (r) =>
    r.fulfill({
      json: {
        sites: [], groups: [{ id: 'all', name: 'All', members: [] }], hierarchies: [{ id: 'h', root: 'all' }],
        sensors: Array.from({ length: 10_000 }, (_, i) => ({ id: `s${i}`, name: `Socket ${i}`, quantity: 'active_power' })),
      },
    }),
  )
  await signIn(page, works)
  await page.goto(`${works.url}/#/compare?c=c`)
  await page.getByRole('button', { name: 'Add series to Chart 1' }).click()
  const search = page.getByRole('combobox', { name: 'Search sensors and groups' })
  await expect(page.getByText('10001 of 10001')).toBeVisible()
  await expect(page.getByRole('option').first()).toBeVisible()
  await expect.poll(() => page.getByRole('option').count()).toBeLessThan(40)
  await search.fill('socket 9999')
  await expect(page.getByRole('option')).toHaveCount(1)
  await search.fill('')
  await expect(page.getByRole('option').nth(1)).toBeVisible()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('PageDown')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/c=c\.ss[0-9]+/)
})

test('comparisons look right in light, dark and on a phone', async ({ page, works }) => {
  test.slow()
  const complaints = quiet(page)
  await signIn(page, works)
  // The works are drawn as their meter says, and so they are correlated.
  const asked = page.waitForRequest((r) => /settled\/correlation\?.*sensor=main/.test(r.url()) && !r.url().includes('group='))
  await page.goto(`${works.url}/#/compare?c=cwd.soven.spress*c.spanel.gplant&${days}`)
  await asked
  await expect.poll(points(page, 1)).toBeGreaterThan(100)
  await expect(page.locator('[data-testid=figure][data-ready=true]')).toHaveCount(1)
  await looks(page, 'compare', { whole: true })
  complaints()
})
