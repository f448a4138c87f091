// The days on which the clock changes, in charts and tables: quarters of an
// hour that are left out or come twice are neither made up nor lost.

import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, quiet, signIn, test } from './wattwerk'

const quarter = 900_000
const days = [
  { id: 'berlin-spring', zone: 'Europe/Berlin', from: '2025-03-30T00:00:00+01:00', to: '2025-03-31T00:00:00+02:00', quarters: 92, before: /01:45/, after: /03:00/ },
  { id: 'berlin-autumn', zone: 'Europe/Berlin', from: '2025-10-26T00:00:00+02:00', to: '2025-10-27T00:00:00+01:00', quarters: 100, before: /02:45/, after: /02:00/ },
  { id: 'howe-spring', zone: 'Australia/Lord_Howe', from: '2025-10-05T00:00:00+10:30', to: '2025-10-06T00:00:00+11:00', quarters: 94, before: /01:45/, after: /02:30/ },
  { id: 'howe-autumn', zone: 'Australia/Lord_Howe', from: '2025-04-06T00:00:00+11:00', to: '2025-04-07T00:00:00+10:30', quarters: 98, before: /01:45/, after: /01:30/ },
]

test('charts and settled tables of the days on which the clock changes', async ({ page, empty }) => {
  test.slow()
  const complaints = quiet(page)
  await signIn(page, empty)
  const api = page.request
  const put = async (path: string, data: unknown) => {
    const r = await api.put(`${empty.url}/api/v1/${path}`, { data })
    expect(r.ok(), await r.text()).toBe(true)
  }
  const lines = ['sensor,time,value']
  for (const d of days) {
    await put(`sites/${d.id}`, { id: d.id, zone: d.zone })
    await put(`sensors/${d.id}`, { id: d.id, site: d.id, quantity: 'active_power', interval: '15m', maxAge: '15m' })
    for (let t = Date.parse(d.from); t < Date.parse(d.to); t += quarter) lines.push(`${d.id},${new Date(t).toISOString()},4000`)
  }
  const file = join(tmpdir(), `wattwerk-clock-${process.pid}.csv`)
  writeFileSync(file, `${lines.join('\n')}\n`)
  await empty.run('import', file)

  for (const d of days) {
    const from = Date.parse(d.from)
    const to = Date.parse(d.to)
    // The last reading before the change, and the first after it.
    const change = from + quarter * (d.id.startsWith('berlin') ? (d.quarters === 92 ? 8 : 12) : 8)
    await page.goto(`${empty.url}/#/sensors?s=${d.id}&from=${from}&to=${to - 1}`)
    const chart = page.getByTestId('chart').first()
    await expect(chart, d.id).toHaveAttribute('data-points', `${d.quarters}`)
    const readout = page.locator('[class*=readout]').first()
    await chart.focus()
    await page.keyboard.press('Home')
    for (let t = from; t < change - quarter; t += quarter) await page.keyboard.press('ArrowRight')
    await expect(readout, d.id).toContainText(d.before)
    await page.keyboard.press('ArrowRight')
    await expect(readout, d.id).toContainText(d.after)

    // A day of the zone is one window, of as many kWh as it has quarters.
    await expect
      .poll(async () => ((await (await api.get(`${empty.url}/api/v1/settled/sensors/${d.id}?size=1d&from=${from}&to=${to}`)).json()) as { amount: (number | null)[] | null }).amount, {
        timeout: 60_000, message: `${d.id} is settled`,
      })
      .toEqual([d.quarters * 1000])
  }
  complaints()
})
