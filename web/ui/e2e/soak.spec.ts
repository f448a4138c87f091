// The demo, live in real time: `npm run soak`. Not part of the other runs,
// which have no quarter of an hour (playwright.config.ts).
//
// Twice a minute all that is held is counted, by whose it is: the values of the
// pages; the document; what the engine compiles of the pages, which it does bit by
// bit for as long as something is found to run often. Whether they grow is told
// from the slope of all readings, with its error. They begin when what is kept up
// to a limit or for a time is full: answers that nobody shows any more are kept
// for five minutes. What the pages grow by after that has no limit.

import { expect, signIn, test } from './wattwerk'
import type { CDPSession } from '@playwright/test'

const minutes = Number(process.env.SOAK_MINUTES ?? 10)
const warm = Number(process.env.SOAK_WARM ?? 6)
/** Readings a minute. */
const often = 2
const kinds = ['heap MB', 'values MB', 'document MB', 'compiled MB', 'nodes', 'listeners'] as const
type Kind = (typeof kinds)[number]
/** What ten minutes may add at most, the error of the slope included. The heap as a whole, with what was not freed yet, is told beside it. */
const most: Partial<Record<Kind, number>> = { 'values MB': 0.25, 'document MB': 0.5, 'compiled MB': 1.75, nodes: 300, listeners: 100 }

interface Held {
  /** Minutes since the begin. */
  at: number
  of: Record<Kind, number>
  /** Bytes of each class. */
  classes: Map<string, number>
}

/** What a heap snapshot says: so many numbers for each thing, in a row. */
interface Snapshot {
  snapshot: { meta: { node_fields: string[]; node_types: [string[]] } }
  nodes: number[]
  strings: string[]
}

/** Takes one; what can be freed is freed before. */
async function snapshot(cdp: CDPSession): Promise<Snapshot> {
  const parts: string[] = []
  const take = (e: { chunk: string }) => parts.push(e.chunk)
  cdp.on('HeapProfiler.addHeapSnapshotChunk', take)
  await cdp.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false })
  cdp.off('HeapProfiler.addHeapSnapshotChunk', take)
  return JSON.parse(parts.join('')) as Snapshot
}

/** What the browser keeps of requests and of long tasks, the first for the test alone, the others up to 250 of each. */
const kept = /NetworkResourcesData|Performance|TaskAttribution|ScriptTiming|ConsoleMessage/

/** Whose something is; undefined when it is no part of the page. */
function whose(type: string, name: string): Kind | undefined {
  if (type === 'code' || type === 'hidden' || (type === 'native' && name.startsWith('system /'))) return 'compiled MB'
  if (type === 'native') return kept.test(name) ? undefined : 'document MB'
  return type === 'synthetic' ? undefined : 'values MB'
}

async function held(cdp: CDPSession, at: number): Promise<Held> {
  const s = await snapshot(cdp)
  const { metrics } = await cdp.send('Performance.getMetrics')
  const metric = (name: string) => metrics.find((m) => m.name === name)?.value ?? NaN
  const of: Held['of'] = { 'heap MB': metric('JSHeapUsedSize') / 1e6, 'values MB': 0, 'document MB': 0, 'compiled MB': 0, nodes: metric('Nodes'), listeners: metric('JSEventListeners') }
  const classes = new Map<string, number>()
  const { node_fields: fields, node_types: [types] } = s.snapshot.meta
  const [type, name, size] = ['type', 'name', 'self_size'].map((f) => fields.indexOf(f)) as [number, number, number]
  for (let i = 0; i < s.nodes.length; i += fields.length) {
    const what = types[s.nodes[i + type] ?? 0] ?? ''
    const called = s.strings[s.nodes[i + name] ?? 0] ?? ''
    const bytes = s.nodes[i + size] ?? 0
    const owner = whose(what, called)
    if (owner === undefined) continue
    of[owner] += bytes / 1e6
    // A string is called what it says.
    const c = `${what} ${what.includes('string') ? '' : called.slice(0, 60)}`
    classes.set(c, (classes.get(c) ?? 0) + bytes)
  }
  return { at, of, classes }
}

/** The slope of a line through points, and twice its standard error. */
function slope(points: readonly (readonly [number, number])[]): { slope: number; error: number } {
  const n = points.length
  const mean = (of: 0 | 1) => points.reduce((sum, p) => sum + p[of], 0) / n
  const [mx, my] = [mean(0), mean(1)]
  const xx = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
  const b = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / xx
  const rest = points.map(([x, y]) => y - my - b * (x - mx))
  const squares = rest.reduce((sum, r) => sum + r * r, 0)
  // What came by chance stays for a while: readings that say the same again count as one.
  const again = squares > 0 ? rest.slice(1).reduce((sum, r, i) => sum + r * (rest[i] ?? 0), 0) / squares : 0
  const alike = Math.max(0, Math.min(0.9, again))
  return { slope: b, error: 2 * Math.sqrt((squares / (n - 2) / xx) * ((1 + alike) / (1 - alike))) }
}

const said = (k: Kind, v: number) => v.toFixed(k.endsWith('MB') ? 3 : 0)

test('nothing grows while the dashboard is live', async ({ page, demo }) => {
  test.setTimeout((warm + minutes + 5) * 60_000)
  await signIn(page, demo)
  // A machine that has much else to do is late with the first values; that is not what is measured here.
  await expect(page.getByTestId('live-power')).toHaveText(/\d/, { timeout: 240_000 })
  // All that the page has is made before it is measured.
  await page.evaluate(async () => {
    for (let y = 0; y < document.documentElement.scrollHeight; y += 400) {
      window.scrollTo(0, y)
      await new Promise((done) => setTimeout(done, 200))
    }
    window.scrollTo(0, 0)
  })
  console.log(`soak: the chart of an hour begins with ${(await page.getByTestId('chart').first().getAttribute('data-points')) ?? 'no'} points`)
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable')
  const measured: Held[] = []
  const shown = new Set<string>()
  const began = Date.now()
  for (let i = 0; i <= (warm + minutes) * often; i++) {
    await new Promise((done) => setTimeout(done, Math.max(0, began + (i * 60_000) / often - Date.now())))
    const h = await held(cdp, (Date.now() - began) / 60_000)
    if (i >= warm * often) measured.push(h)
    if (i % often !== 0) continue
    // Of all groups: what one of them takes may stand still for minutes.
    shown.add((await page.getByTestId('group-power').allInnerTexts()).join())
    console.log(`soak: minute ${i / often}: ${kinds.map((k) => `${said(k, h.of[k])} ${k}`).join(', ')}`)
  }
  expect(shown.size, 'values have moved').toBeGreaterThan((warm + minutes) / 2)
  await expect(page.getByTestId('connection')).toHaveText('Live')

  const [first, last] = [measured[0], measured.at(-1)]
  const grown = [...(last?.classes ?? [])].map(([c, bytes]) => [c, bytes - (first?.classes.get(c) ?? 0)] as const).sort((a, b) => b[1] - a[1])
  console.log(`soak: most grown from minute ${warm}: ${grown.slice(0, 8).map(([c, bytes]) => `${c} ${(bytes / 1000).toFixed(1)} kB`).join('; ')}`)
  const over = kinds.filter((k) => {
    const s = slope(measured.map((h) => [h.at, h.of[k]]))
    const limit = most[k]
    console.log(`soak: ${said(k, 10 * s.slope)} ± ${said(k, 10 * s.error)} ${k} in ten minutes, by ${measured.length} readings${limit === undefined ? '' : ` (at most ${limit})`}`)
    return limit !== undefined && 10 * (s.slope + s.error) > limit
  })
  expect(over).toEqual([])
})
