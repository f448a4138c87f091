// An address that speaks of what is not there never shows something else.

import { expect, looks, quiet, signIn, test } from './wattwerk'

test('a sensor or group that is not there is said to be gone, on every page, with a way back', async ({ page, demo }) => {
  test.setTimeout(180_000)
  const complaints = quiet(page)
  await signIn(page, demo)
  const main = page.getByRole('main')
  const group = 'There is no group “atlantis” in the model (any more).'
  const sensor = 'There is no sensor “kraken” in the model (any more).'
  const hierarchy = 'There is no hierarchy “olymp” in the model (any more).'
  for (const [path, words] of [
    ['?g=atlantis', group], ['?h=olymp', hierarchy], ['sensors?s=kraken', sensor], ['sensors?g=atlantis', group], ['costs?s=kraken', sensor],
    ['costs?g=atlantis', group], ['flow?g=atlantis', group], ['model?s=kraken', sensor], ['model?g=atlantis', group],
  ] as const) {
    await page.goto(`${demo.url}/#/${path}`)
    await expect(main.getByRole('alert'), path).toContainText(words)
    if (!path.startsWith('model')) await expect(main.getByTestId(/^(live-power|sensor-value|energy-total|figure|chart)$/), path).toHaveCount(0)
  }
  // What is compared stays on the page, and says so itself.
  await page.goto(`${demo.url}/#/compare?s=kraken`)
  await expect(main.getByText('not in the model')).toBeVisible()

  await page.goto(`${demo.url}/#/costs?s=kraken`)
  await looks(page, 'gone')
  await main.getByRole('link', { name: 'Show what there is' }).click()
  await expect(main.getByTestId('energy-total')).toBeVisible({ timeout: 30_000 })
  await page.goto(`${demo.url}/#/?g=atlantis`)
  await main.getByRole('link', { name: 'Show what there is' }).click()
  await expect(main.getByTestId('live-power')).toHaveText(/\d/)
  complaints()
})

test('an address that no page has is said to be none, and a path without its # leads to its page', async ({ page, demo }) => {
  const complaints = quiet(page)
  await signIn(page, demo)
  const alert = page.getByRole('main').getByRole('alert')
  await page.goto(`${demo.url}/#/boiler/room`)
  await expect(alert).toContainText('There is no page “/boiler/room”.')
  await looks(page, 'no-page')
  await alert.getByRole('link', { name: 'To the dashboard' }).click()
  await expect(page.getByTestId('live-power')).toHaveText(/\d/)
  await page.goto(`${demo.url}/boiler/room`)
  await expect(alert).toContainText('There is no page “/boiler/room”.')
  await page.goto(`${demo.url}/costs?g=atlantis`)
  await expect(alert).toContainText('There is no group “atlantis” in the model (any more).')
  complaints()
})

test('a group is shown in the hierarchy it stands in, and a sensor that only sends can be looked at', async ({ page, demo }) => {
  await signIn(page, demo)
  const put = (path: string, data: unknown) => page.request.put(`${demo.url}/api/v1/${path}`, { data })
  expect((await put('groups/wing', { id: 'wing', name: 'East wing', members: [] })).ok()).toBe(true)
  await page.goto(`${demo.url}/#/?g=wing`)
  await expect(page.getByRole('main').getByRole('alert')).toContainText('The group “wing” stands in no hierarchy')
  expect((await put('hierarchies/second', { id: 'second', name: 'By tenant', root: 'wing' })).ok()).toBe(true)
  await page.reload()
  await expect(page.getByRole('heading', { level: 1, name: 'By tenant' })).toBeVisible()

  const sent = await page.request.post(`${demo.url}/api/v1/ingest/json`, { data: { sensor: 'toaster', value: 900 } })
  expect(sent.ok()).toBe(true)
  await expect.poll(async () => ((await (await page.request.get(`${demo.url}/api/v1/latest?sensor=toaster`)).json()) as { sensors: { value: number | null }[] }).sensors[0]?.value).toBe(900)
  await page.goto(`${demo.url}/#/sensors?s=toaster`)
  await expect(page.getByTestId('sensor-value')).toContainText('900')
})
