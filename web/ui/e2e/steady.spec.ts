// Nothing jumps while loading: what stands on a page stays where it is while the
// rest of it comes, over a network that takes its time.

import { expect, signIn, test, type Program } from './wattwerk'
import type { Page } from '@playwright/test'

/** Of the demo; each is opened as from a bookmark. */
const views = [
  '', 'sensors', 'sensors?s=community.roof1', 'compare', 'compare?c=c.gcommunity', 'flow', 'costs', 'costs?g=community', 'alerts', 'alerts?tab=rules',
  'model', 'data', 'data?tab=export', 'manifests', 'manifests?tab=sources', 'objects', 'objects?tab=spaces', 'availability', 'availability?tab=past', 'substitutes', 'forecasts', 'services',
  'services?sid=S1', 'services?sid=S4&o=space/community-homes', 'services?tab=microservices', 'survey', 'system', 'system?tab=people', 'system?tab=settling', 'welcome',
]

interface Shift {
  /** The share of the window that moved, times how far: Layout Instability, W3C. */
  value: number
  /** What moved, by how many px. */
  of: string[]
}

declare global {
  interface Window {
    shifts: Shift[]
    /** When something last was on its way or moved, ms of the page. */
    busy: number
  }
}

/** A fifth of that which the Web Vitals call good, per page. */
const most = 0.02

/** Writes down what moves by itself. */
async function watch(page: Page): Promise<void> {
  await page.addInitScript(() => {
    // On a busy machine more than three seconds may pass (tokens.css); the last test is of these.
    addEventListener('DOMContentLoaded', () => document.head.append(Object.assign(document.createElement('style'), { textContent: 'html main :is(.ww-grows, :has(.ww-grows)) ~ * { animation: none !important }' })))
    window.shifts = []
    window.busy = 0
    const name = (n: Node | null) => {
      const e = n instanceof Element ? n : n?.parentElement
      return e ? `${e.tagName.toLowerCase()} "${(e.getAttribute('aria-label') ?? e.textContent).trim().slice(0, 40)}"` : 'something'
    }
    interface Entry extends PerformanceEntry {
      value: number
      hadRecentInput: boolean
      sources: readonly { node: Node | null; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[]
    }
    new PerformanceObserver((list) => {
      for (const e of list.getEntries() as Entry[]) {
        window.busy = performance.now()
        window.shifts.push({
          value: e.value,
          of: e.sources.map((s) => `${name(s.node)} by ${String(Math.round(s.currentRect.x - s.previousRect.x))}, ${String(Math.round(s.currentRect.y - s.previousRect.y))}, high ${String(Math.round(s.previousRect.height))} to ${String(Math.round(s.currentRect.height))}`),
        })
      }
    }).observe({ type: 'layout-shift', buffered: true })
  })
}

async function steady(page: Page, demo: Program, as: string): Promise<void> {
  await signIn(page, demo)
  await watch(page)
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Network.enable')
  await cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 150, downloadThroughput: 2e6, uploadThroughput: 1e6 })
  const bad: string[] = []
  for (const v of views) {
    await page.goto('about:blank')
    await page.goto(`${demo.url}/#/${v}`)
    await expect(page.getByTestId('connection')).toHaveText('Live')
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    // All is there when for a while nothing was waited for, and nothing moved.
    await page.waitForFunction(() => {
      const now = performance.now()
      if (document.querySelector('[aria-busy="true"], [data-ready="false"]')) window.busy = now
      return now - Math.max(window.busy, ...performance.getEntriesByType('resource').map((e) => (e as PerformanceResourceTiming).responseEnd)) > 600
    })
    await expect(page.getByRole('main').getByRole('alert'), v).toHaveCount(0)
    const shifts = await page.evaluate(() => window.shifts)
    const sum = shifts.reduce((n, s) => n + s.value, 0)
    console.log(`steady ${as}: /${v}: ${sum.toFixed(4)}`)
    if (sum > most) bad.push(`/${v}: ${sum.toFixed(4)}\n${shifts.map((s) => `  ${s.value.toFixed(4)} ${s.of.join('; ')}`).join('\n')}`)
  }
  expect(bad.join('\n')).toEqual('')
}

// So high that what is far down a page is seen, too.
test('on a wall', async ({ page, demo }) => {
  test.setTimeout(300_000)
  await page.setViewportSize({ width: 1400, height: 2600 })
  await steady(page, demo, 'wall')
})

test.describe('with a thumb', () => {
  test.use({ viewport: { width: 390, height: 2600 }, isMobile: true, hasTouch: true })
  test('on a phone', async ({ page, demo }) => {
    test.setTimeout(300_000)
    await steady(page, demo, 'phone')
  })
})

test('where one thing is slow, the others are seen', async ({ page, demo }) => {
  await signIn(page, demo)
  let answer = () => {
    // Nobody has asked yet.
  }
  await page.route('**/api/v1/doctor*', async (r) => {
    await new Promise<void>((resolve) => (answer = resolve))
    await r.continue()
  })
  await page.goto(`${demo.url}/#/system`)
  await expect(page.getByRole('region', { name: 'Health' })).toHaveAttribute('aria-busy', 'true')
  await expect(page.getByRole('region', { name: 'Program' })).toBeVisible()
  await expect(page.getByRole('region', { name: 'Health' })).toHaveAttribute('aria-busy', 'true')
  answer()
  await expect(page.getByRole('region', { name: 'Health' })).toHaveAttribute('aria-busy', 'false')
})
