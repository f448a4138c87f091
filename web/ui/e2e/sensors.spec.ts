import { accessible, expect, looks, quiet, signIn, start, test } from './wattwerk'


test('a sensor is found, chosen, and goes on by itself', async ({ page, demo }) => {
  test.setTimeout(180_000)
  const complaints = quiet(page)
  await signIn(page, demo)
  await page.getByRole('link', { name: 'Sensors', exact: true }).click()
  const tree = page.getByRole('tree', { name: 'Sensors and groups' })
  await expect(tree).toBeVisible()

  // One whose value moves; others stand at 0 for hours.
  const model = (await (await page.request.get(`${demo.url}/api/v1/model`)).json()) as { sensors: { id: string; name?: string; quantity: string }[] }
  const sensor = model.sensors.find((s) => s.name === 'Server 1')
  const name = sensor?.name ?? sensor?.id ?? ''
  await page.getByRole('searchbox', { name: 'Search sensors and groups' }).fill(name)
  await tree.getByRole('treeitem', { name: /^Server 1 / }).last().click()
  await expect(page.getByRole('heading', { level: 1, name, exact: true })).toBeVisible()
  await expect(page.getByTestId('sensor-state')).toContainText('live')
  const value = page.getByTestId('sensor-value')
  await expect(value).toHaveText(/\d/)
  const before = await value.textContent()
  await expect.poll(() => value.textContent(), { message: 'the value stands still', timeout: 30_000 }).not.toBe(before)

  // Its readings, newest first, with what comes.
  const table = page.getByRole('table', { name: 'Readings, newest first' })
  await table.scrollIntoViewIfNeeded()
  await expect(table.getByRole('row').nth(1)).toContainText(/\d/)
  const newest = await table.getByRole('row').nth(1).textContent()
  await expect.poll(() => table.getByRole('row').nth(1).textContent(), { message: 'no newer reading comes', timeout: 30_000 }).not.toBe(newest)

  // A link shows the same.
  await page.reload()
  await expect(page.getByRole('heading', { level: 1, name, exact: true })).toBeVisible()
  await expect(page.getByTestId('sensor-value')).toHaveText(/\d/)
  complaints()
})

test('after a restart of the program values go on', async ({ page }) => {
  test.setTimeout(180_000)
  const own = await start('--demo')
  try {
    await signIn(page, own.program)
    await page.getByRole('link', { name: 'Sensors', exact: true }).click()
    await expect(page.getByRole('tree', { name: 'Sensors and groups' })).toBeVisible()
    await expect(page.getByTestId('live-power')).toHaveText(/\d/)
    const chart = page.getByTestId('chart').first()
    await expect.poll(async () => Number(await chart.getAttribute('data-points'))).toBeGreaterThan(1)
    // The stream stays away for some seconds, however fast the program is.
    let cut = 0
    const streams = /\/api\/v1\/stream/
    await page.route(streams, (r) => (cut++, r.abort()))
    await own.restart()
    await expect.poll(() => cut, { timeout: 45_000 }).toBeGreaterThan(1)
    let asked = 0
    page.on('request', (r) => (asked += /\/range\?/.test(r.url()) ? 1 : 0))
    await page.unroute(streams)
    await expect(page.getByTestId('connection')).toHaveText('Live', { timeout: 45_000 })
    // What the chart missed is asked for: a gap in it is one of the readings.
    await expect.poll(() => asked, { timeout: 15_000 }).toBeGreaterThan(0)
    const value = page.getByTestId('live-power')
    const before = await value.textContent()
    await expect.poll(() => value.textContent(), { message: 'the value stands still', timeout: 45_000 }).not.toBe(before)
  } finally {
    await own.stop()
  }
})

test('the page of a sensor: light, dark and phone', async ({ page, demo }) => {
  test.slow()
  const complaints = quiet(page)
  await signIn(page, demo)
  const model = (await (await page.request.get(`${demo.url}/api/v1/model`)).json()) as { sensors: { id: string }[] }
  await page.goto(`${demo.url}/#/sensors?s=${encodeURIComponent(model.sensors[0]?.id ?? '')}`)
  await expect(page.getByTestId('sensor-value')).toHaveText(/\d/)
  await expect.poll(async () => Number(await page.getByTestId('chart').first().getAttribute('data-points'))).toBeGreaterThan(1)
  await looks(page, 'sensors', { whole: true })
  await page.getByRole('button', { name: 'Choose', exact: true }).click()
  await expect(page.getByRole('tree', { name: 'Sensors and groups' })).toBeVisible()
  await accessible(page)
  complaints()
})
