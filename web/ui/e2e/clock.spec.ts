// The days on which clocks are set, and files of what charts show.

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { at, expect, quarter, test } from './works'
import { quiet, signIn } from './wattwerk'

const places = [
  // 3 kW all day: what a day has is three times its hours.
  { id: 'forward', zone: 'Europe/Berlin', from: '2025-03-30T00:00:00+01:00', to: '2025-03-31T00:00:00+02:00', kWh: /69[.,]00\s*kWh/, hours: 23, around: ['01:00 CET', '03:00 CEST'] },
  { id: 'island-forward', zone: 'Australia/Lord_Howe', from: '2025-10-05T00:00:00+10:30', to: '2025-10-06T00:00:00+11:00', kWh: /70[.,]50\s*kWh/, hours: 24, around: ['01:00 GMT+10:30', '02:30 GMT+11'] },
  { id: 'island-back', zone: 'Australia/Lord_Howe', from: '2025-04-06T00:00:00+11:00', to: '2025-04-07T00:00:00+10:30', kWh: /73[.,]50\s*kWh/, hours: 25, around: ['01:00 GMT+11', '01:30 GMT+10:30', '02:00 GMT+10:30'] },
] as const

test('days of 23, 23 and a half and 24 and a half hours', async ({ page, works }) => {
  const complaints = quiet(page)
  const ok = async (res: Promise<{ ok: () => boolean; text: () => Promise<string> }>) => {
    const r = await res
    expect(r.ok(), await r.text()).toBe(true)
  }
  await ok(works.api.put('api/v1/sites/howe', { data: { id: 'howe', name: 'Lord Howe Island', zone: 'Australia/Lord_Howe' } }))
  for (const p of places) {
    await ok(works.api.put(`api/v1/sensors/${p.id}`, { data: { id: p.id, name: p.id, site: p.zone === 'Europe/Berlin' ? 'kiel' : 'howe', quantity: 'active_power', interval: '15m', maxAge: '15m' } }))
    const lines = [`time,${p.id} [kW]`]
    for (let t = at(p.from) - 4 * quarter; t < at(p.to) + 4 * quarter; t += quarter) lines.push(`${new Date(t).toISOString()},3`)
    const file = join(tmpdir(), `wattwerk-clock-${process.pid}.csv`)
    writeFileSync(file, `${lines.join('\n')}\n`)
    await works.run('import', file)
    rmSync(file)
  }
  await signIn(page, works)
  for (const p of places) {
    const day = p.from.slice(0, 10)
    const next = p.to.slice(0, 10)
    await expect
      .poll(async () => ((await (await works.api.get(`api/v1/settled/sensors/${p.id}?size=1d&from=${day}&to=${next}`)).json()) as { amount: (number | null)[] | null }).amount?.[0] ?? null, { timeout: 60_000 })
      .not.toBeNull()
    await page.goto(`${works.url}/#/costs?s=${p.id}&from=${at(p.from)}&to=${at(p.to)}&size=1h`)
    await expect(page.getByTestId('energy-total')).toHaveText(p.kWh, { timeout: 20_000 })
    const energy = page.getByRole('region', { name: 'Energy', exact: true })
    await energy.getByText('Figures').click()
    const rows = page.getByRole('region', { name: 'Energies as figures' }).getByRole('row')
    await expect(rows).toHaveCount(p.hours + 1)
    await expect
      .poll(async () => {
        const texts = await rows.allTextContents()
        const first = texts.findIndex((x) => x.includes(p.around[0]))
        return p.around.filter((x, i) => !texts[first + i]?.includes(x))
      })
      .toEqual([])
  }
  complaints()
})

test('what a chart shows is taken away as CSV, as a workbook and as a picture', async ({ page, works }) => {
  await signIn(page, works)
  const [from, to] = [at('2025-10-26T00:00:00+02:00'), at('2025-10-27T00:00:00+01:00')]
  await page.goto(`${works.url}/#/costs?s=oven&from=${from}&to=${to}&size=1h`)
  const energy = page.getByRole('region', { name: 'Energy', exact: true })
  await expect(page.getByTestId('energy-total')).toHaveText(/75[.,]00\s*kWh/)
  await expect(energy.locator('[data-testid=figure]')).toHaveAttribute('data-ready', 'true')
  const take = async (item: string | RegExp) => {
    await energy.getByRole('button', { name: /^Export / }).click()
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: item, exact: true }).first().click()])
    return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) }
  }
  const csv = await take('CSV')
  expect(csv.name).toMatch(/\.csv$/)
  const lines = csv.bytes.toString('utf8').trim().split('\r\n')
  expect(lines).toHaveLength(26)
  // The hour that is there twice says which of them it is.
  expect(lines.filter((l) => l.startsWith('2025-10-26T02:00:00+0'))).toHaveLength(2)

  const book = await take('Excel (XLSX)')
  expect(book.name).toMatch(/\.xlsx$/)
  expect(book.bytes.subarray(0, 4)).toEqual(Buffer.from('PK\u0003\u0004'))

  const picture = await take('Picture (PNG)')
  expect(picture.name).toMatch(/\.png$/)
  expect(picture.bytes.subarray(1, 4).toString()).toBe('PNG')
  expect(picture.bytes.readUInt32BE(16)).toBeGreaterThan(400)
  expect(picture.bytes.length).toBeGreaterThan(3000)
  writeFileSync('test-results/export.png', picture.bytes)
})

test('a comparison as a picture has the names of its lines', async ({ page, works }) => {
  await signIn(page, works)
  await page.goto(`${works.url}/#/compare?c=c.soven.spress&from=${at('2025-10-26T00:00:00+02:00')}&to=${at('2025-10-27T00:00:00+01:00')}`)
  const chart = page.getByRole('region', { name: 'Chart 1', exact: true })
  await expect.poll(async () => Number(await chart.getByTestId('chart').getAttribute('data-points'))).toBeGreaterThan(100)
  await chart.getByRole('button', { name: /^Export / }).click()
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: 'Picture (PNG)' }).click()])
  const bytes = readFileSync(await file.path())
  writeFileSync('test-results/comparison.png', bytes)
  const height = await chart.locator('canvas').evaluate((c: HTMLCanvasElement) => c.height)
  expect(bytes.readUInt32BE(20)).toBeGreaterThan(height + 15)
})

test('on paper there are the period with its zone, light colours and the whole table', async ({ page, works }) => {
  const complaints = quiet(page)
  await page.emulateMedia({ colorScheme: 'dark' })
  await signIn(page, works)
  await page.goto(`${works.url}/#/sensors?s=oven&from=${at('2025-10-26T00:00:00+02:00')}&to=${at('2025-10-27T00:00:00+01:00')}`)
  const html = page.locator('html')
  await expect(html).toHaveAttribute('data-mantine-color-scheme', 'dark')
  await expect.poll(async () => Number(await page.getByTestId('chart').first().getAttribute('data-points'))).toBeGreaterThan(50)
  const rows = page.getByRole('table', { name: 'Readings, newest first' }).getByRole('row')
  await expect(rows.nth(1)).toContainText('CET')
  expect(await rows.count()).toBeLessThan(60)

  await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
  await expect(html).toHaveAttribute('data-mantine-color-scheme', 'light')
  await expect(page.getByText('26 Oct 2025, 00:00 CEST – 27 Oct 2025, 00:00 CET (Europe/Berlin)')).toBeVisible()
  await expect.poll(() => rows.count()).toBeGreaterThan(190)
  // The hour that is there twice says which of them it is.
  await expect(rows.filter({ hasText: '26/10/2025, 02:30:00.000 CEST' })).toBeVisible()
  await expect(rows.filter({ hasText: /26\/10\/2025, 02:30:00.000 (CET|GMT\+1)/ })).toBeVisible()
  await page.screenshot({ path: 'test-results/paper.png', fullPage: true })

  await page.emulateMedia({ media: 'screen', colorScheme: 'dark' })
  await expect(html).toHaveAttribute('data-mantine-color-scheme', 'dark')
  await expect.poll(() => rows.count()).toBeLessThan(60)
  complaints()
})
