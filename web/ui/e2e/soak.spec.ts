// Ten real minutes of the demo, live: `npm run soak`. Not part of the other
// runs, which have no ten minutes (playwright.config.ts).

import { expect, signIn, test } from './wattwerk'
import type { CDPSession } from '@playwright/test'

const minutes = Number(process.env.SOAK_MINUTES ?? 10)
/** What may be there at the end more than after the first minute, by when all has come into view. */
const most = { MB: 2, nodes: 500, listeners: 50 }

interface Held {
  MB: number
  nodes: number
  listeners: number
}

/** What is held after all that can be freed was. */
async function held(cdp: CDPSession): Promise<Held> {
  await cdp.send('HeapProfiler.collectGarbage')
  const { metrics } = await cdp.send('Performance.getMetrics')
  const of = (name: string) => metrics.find((m) => m.name === name)?.value ?? NaN
  return { MB: of('JSHeapUsedSize') / 1e6, nodes: of('Nodes'), listeners: of('JSEventListeners') }
}

test('nothing grows while the dashboard is live', async ({ page, demo }) => {
  test.setTimeout((minutes + 3) * 60_000)
  await signIn(page, demo)
  await expect(page.getByTestId('live-power')).toHaveText(/\d/)
  // All that the page has is made before it is measured.
  await page.evaluate(async () => {
    for (let y = 0; y < document.documentElement.scrollHeight; y += 400) {
      window.scrollTo(0, y)
      await new Promise((done) => setTimeout(done, 200))
    }
    window.scrollTo(0, 0)
  })
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable')
  let first: Held | undefined
  let last: Held = await held(cdp)
  const shown = new Set<string>()
  for (let minute = 0; minute <= minutes; minute++) {
    if (minute > 0) await new Promise((done) => setTimeout(done, 60_000))
    last = await held(cdp)
    if (minute === 1) first = last
    // Of all groups: what one of them takes may stand still for minutes.
    shown.add((await page.getByTestId('group-power').allInnerTexts()).join())
    console.log(`soak: minute ${minute}: ${last.MB.toFixed(2)} MB, ${last.nodes} nodes, ${last.listeners} listeners`)
  }
  expect(shown.size, 'values have moved').toBeGreaterThan(minutes / 2)
  await expect(page.getByTestId('connection')).toHaveText('Live')
  for (const k of ['MB', 'nodes', 'listeners'] as const) {
    const more = last[k] - (first?.[k] ?? NaN)
    console.log(`soak: ${more.toFixed(k === 'MB' ? 2 : 0)} ${k} more after ${minutes} minutes than after one (at most ${most[k]})`)
    expect(more, k).toBeLessThanOrEqual(most[k])
  }
})
