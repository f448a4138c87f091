// What the pages cost, printed and not judged: machines differ. The budgets
// are those of the build (script) and of the reader of these lines.

import { expect, signIn, test } from './wattwerk'
import type { CDPSession, Page } from '@playwright/test'

const series = 200

function say(what: string, ms: number, budget: number, unit = 'ms'): void {
  console.log(`speed: ${what}: ${ms.toFixed(1)} ${unit} (budget ${budget} ${unit})`)
}

/** A model of one hierarchy with so many groups side by side: one row each. */
const model = {
  sites: [{ id: 'site', name: 'Site', zone: 'Europe/Berlin' }],
  sensors: [],
  groups: [
    { id: 'root', name: 'Root', members: Array.from({ length: series }, (_, i) => ({ group: `g${i}` })) },
    ...Array.from({ length: series }, (_, i) => ({ id: `g${i}`, members: [] })),
  ],
  hierarchies: [{ id: 'h', root: 'root', site: 'site', tick: '1s' }],
}

declare global {
  interface Window {
    /** Says something on the stream of the page. */
    tick: (t: number) => number
  }
}

/** Puts a stream in the place of the real one, which the test speaks on. */
async function fakeStream(page: Page): Promise<void> {
  await page.route('**/api/v1/model', (r) => r.fulfill({ json: model }))
  await page.addInitScript((n) => {
    let source: EventTarget | undefined
    class Fake extends EventTarget {
      close() {
        // Nothing is open.
      }
      constructor() {
        super()
        // eslint-disable-next-line @typescript-eslint/no-this-alias -- the newest source is the one that speaks
        source = this
        setTimeout(() => this.dispatchEvent(new Event('open')))
      }
    }
    window.EventSource = Fake as unknown as typeof EventSource
    const group = ['root', ...Array.from({ length: n }, (_, i) => `g${i}`)]
    window.tick = (t) => {
      const sum = group.map((_, i) => (i === 0 ? 1000 * n : 1000 + 500 * Math.sin(t / 7000 + i)))
      const ones = group.map(() => 1)
      const none = group.map(() => null)
      const data = JSON.stringify({ hierarchy: 'h', revision: 1, t, groups: group.length, group, sum, min: sum, max: sum, count: ones, total: ones, meter: none, unaccounted: none })
      const began = performance.now()
      source?.dispatchEvent(new MessageEvent('aggregates', { data }))
      return began
    }
  }, series)
}

async function heap(cdp: CDPSession): Promise<number> {
  await cdp.send('HeapProfiler.collectGarbage')
  const { metrics } = await cdp.send('Performance.getMetrics')
  return (metrics.find((m) => m.name === 'JSHeapUsedSize')?.value ?? 0) / 1e6
}

test('the dashboard can be used within a second', async ({ page, demo }) => {
  await signIn(page, demo)
  await expect(page.getByTestId('live-power')).toHaveText(/\d/)
  await page.addInitScript(() => {
    const look = new MutationObserver(() => {
      if (/\d/.test(document.querySelector('[data-testid=live-power]')?.textContent ?? '')) {
        performance.mark('usable')
        look.disconnect()
      }
    })
    look.observe(document, { childList: true, subtree: true, characterData: true })
  })
  await page.reload()
  await expect(page.getByTestId('live-power')).toHaveText(/\d/)
  const at = await page.evaluate(() => performance.getEntriesByName('usable')[0]?.startTime ?? NaN)
  expect(at).toBeGreaterThan(0)
  say('dashboard usable after', at, 1000)
})

test('a million points are drawn', async ({ page, empty }) => {
  await fakeStream(page)
  const n = 1_000_000
  await page.route('**/api/v1/groups/*/range*', async (r) => {
    const from = Number(new URL(r.request().url()).searchParams.get('from'))
    const t = Array.from({ length: n }, (_, i) => from + i * 3)
    const avg = t.map((_, i) => Math.round(1000 + 400 * Math.sin(i / 9000) + ((i * 7919) % 100)))
    await r.fulfill({ json: { unit: 'W', from, to: from + 3 * n, step: 3, t, min: avg, avg, max: avg, count: [] } })
  })
  await signIn(page, empty)
  const chart = page.getByTestId('chart').first()
  await expect.poll(async () => Number(await chart.getAttribute('data-points'))).toBeGreaterThan(900_000)
  await page.evaluate((t) => window.tick(t), Date.now())
  await expect(chart).toHaveAttribute('data-ms', /\d/)
  const ms: number[] = []
  for (let i = 0; i < 5; i++) {
    const old = await chart.getAttribute('data-ms')
    await page.evaluate((t) => window.tick(t), Date.now())
    await expect.poll(() => chart.getAttribute('data-ms')).not.toBe(old)
    ms.push(Number(await chart.getAttribute('data-ms')))
  }
  ms.sort((a, b) => a - b)
  say('1,000,000 points with their band drawn in', ms[2] ?? NaN, 150)
})

test('two hundred rows live, and nothing grows in ten minutes of ticks', async ({ page, empty }) => {
  test.setTimeout(180_000)
  await fakeStream(page)
  await signIn(page, empty)
  // Small enough that all rows are in sight.
  await page.addStyleTag({ content: 'html { zoom: 0.1 } [role=tree] { max-height: none !important; height: 9000px !important }' })
  const first = Date.now()
  await page.evaluate((t) => window.tick(t), first)
  await expect.poll(() => page.getByTestId('group-power').count()).toBeGreaterThanOrEqual(series)
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable')

  // Ten minutes of ticks, one a frame. The cost is that of script, style and layout.
  const run = (from: number, count: number) =>
    page.evaluate(
      async ({ from, count }) => {
        const costs: number[] = []
        for (let i = 0; i < count; i++) {
          const began = window.tick(from + i * 1000)
          await Promise.resolve()
          costs.push(document.body.offsetHeight >= 0 ? performance.now() - began : NaN) // lays everything out
          await new Promise(requestAnimationFrame)
        }
        return costs.sort((a, b) => a - b)
      },
      { from, count },
    )
  await run(first + 1000, 120)
  const before = await heap(cdp)
  const costs = await run(first + 121_000, 600)
  const after = await heap(cdp)
  await expect(page.getByTestId('group-power').first()).toHaveText(/\d/)
  say(`a tick of ${series} rows, median`, costs[300] ?? NaN, 16)
  say(`a tick of ${series} rows, 95 of 100 within`, costs[570] ?? NaN, 16)
  say('memory after ten minutes of ticks, more than before', after - before, 2, 'MB')
  // A real leak of each tick's 200 rows would be far more than this.
  expect(after - before).toBeLessThan(20)
})
