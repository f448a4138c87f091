// A server of manifests that does what a test wants: states that a real one
// comes into only when something breaks.

import type { Page, Route } from '@playwright/test'

type Doc = Record<string, unknown> & { id?: string; name?: string }
interface Kept {
  model: Doc
  version: number
  created: string
  changed: string
  changedBy: string
}

const at = '2026-01-05T08:00:00Z'

export const things: Record<string, Doc[]> = {
  interfaces: [
    { id: 'i-mqtt', name: 'broker of hall 1', protocol: 'mqtt', parameters: [{ name: 'topic', required: true }] },
    { id: 'i-records', name: 'records', protocol: 'records' },
    { id: 'i-internal', name: 'stream' },
  ],
  kinds: [{ id: 'k-power', name: 'TotalRealPower', quantityKind: 'TotalRealPower', unit: 'W', format: 'text' }],
  'source-definitions': [
    { id: 'd-mqtt', name: 'box', interface: 'i-mqtt', kinds: ['k-power'] },
    { id: 'd-records', name: 'results', interface: 'i-records', kinds: ['k-power'] },
  ],
  gateways: [
    { id: 'g-1', name: 'gateway 1', namespace: 'hall-1', place: { virtual: 'Hall 1' } }, { id: 'g-2', name: 'gateway 2', namespace: 'hall-2', place: { virtual: 'Hall 2' } }, { id: 'g-3', name: 'gateway 3', namespace: 'hall-3' },
  ],
  sources: [
    { id: 's-1', name: 'box 1', definition: 'd-mqtt', parameters: { topic: 'box1/TotalRealPower' } },
    { id: 's-2', name: 'box 2', gateway: 'gateway 1', definition: 'd-mqtt', parameters: { topic: 'box2/TotalRealPower' } },
    { id: 's-out', name: 'hourly', definition: 'd-records' },
    { id: 's-alarm', name: 'alarms', definition: 'd-records' },
  ],
  consumers: [{ id: 'c-1', name: 'dashboard', definitions: ['d-records'] }],
  channels: [{ id: 'ch-1', source: 's-out', consumer: 'c-1', validFrom: '2026-01-01T00:00:00Z' }],
  definitions: [{ id: 'p-hourly', name: 'hourly mean', type: 'average', parameters: [{ name: 'size', default: '1h' }] }],
  manifests: [
    {
      id: 'm-power', name: 'power of all boxes', description: 'Hourly means, and an alarm', state: 'running',
      processors: [
        { name: 'box 1 by the hour', definition: 'p-hourly', from: ['s-1'] },
        { name: 'box 2 by the hour', type: 'average', parameters: { size: '1h', window: 'tumbling' }, from: ['s-2'] },
        { name: 'together', type: 'sum-of-inputs', from: ['box 1 by the hour', 'box 2 by the hour'], to: 's-out' },
        { name: 'too much', type: 'threshold', parameters: { limit: 9000 }, from: ['together'], to: 's-alarm' },
      ],
    },
    { id: 'm-broken', name: 'moulds', gateway: 'g-1', processors: [{ name: 'echo', type: 'echo', from: ['s-1'], to: 's-out' }] },
  ],
}

const types = [
  { name: 'echo', role: 'preprocessor', summary: 'Hands on what comes.', minInputs: 1, maxInputs: 0, parameters: [], example: 'name: a\ntype: echo\nfrom: [x]\n' },
  {
    name: 'average', role: 'analytics', summary: 'The mean of each window.', result: 'One item for each window, at its beginning.', minInputs: 1, maxInputs: 0, example: 'name: mean\ntype: average\nfrom: [x]\n',
    parameters: [
      { name: 'window', type: 'string', default: 'tumbling', oneOf: ['tumbling', 'hopping', 'calendar'], description: 'Which windows' }, { name: 'size', type: 'duration', default: '1h', description: 'How long a window is' },
      { name: 'zone', type: 'zone', default: 'UTC' }, { name: 'lateness', type: 'duration', default: '5s' },
    ],
  },
  { name: 'sum-of-inputs', role: 'analytics', summary: 'The sum across what it reads from.', minInputs: 1, maxInputs: 0, parameters: [{ name: 'partial', type: 'bool', default: false, description: 'Also where one is missing' }], example: 'name: a\n' },
  { name: 'threshold', role: 'analytics', summary: 'Tells when a limit is crossed.', minInputs: 1, maxInputs: 1, parameters: [{ name: 'limit', type: 'float', required: true, measure: 'unit of the input' }, { name: 'hold', type: 'duration', default: '0' }], example: 'name: a\n' },
  { name: 'store', role: 'storage', summary: 'Hands on to a sink.', minInputs: 1, maxInputs: 0, parameters: [], example: 'name: a\n' },
]

const protocols = [
  { name: 'mqtt', summary: 'An MQTT broker.', read: true, write: true, parameters: [{ name: 'topic', required: true }, { name: 'password', type: 'secret' }] },
  { name: 'records', summary: 'Records of sensors.', read: true, write: true, parameters: [{ name: 'sensor', default: '{source}' }] },
  { name: 'internal', summary: 'The stream itself.', read: true, write: true, parameters: [] },
]

export interface Pretended {
  kept: Record<string, Kept[]>
  states: Record<string, { state: string; reason?: string }>
  asked: string[]
}

/** Puts it in the place of the real one. */
export async function pretend(page: Page): Promise<Pretended> {
  const p: Pretended = {
    kept: Object.fromEntries(Object.entries(things).map(([k, list]) => [k, list.map((model) => ({ model, version: 1, created: at, changed: at, changedBy: 'ada' }))])),
    states: { 'm-power': { state: 'RUNNING' }, 'm-broken': { state: 'DEGRADED', reason: 'sink "hourly": nothing can be written, trying again' } },
    asked: [],
  }
  const old = new Map<string, Kept[]>()
  const answer = (r: Route, json: unknown, status = 200) => r.fulfill({ status, json })
  const statusOf = (x: Kept) => {
    const s = p.states[x.model.id ?? ''] ?? { state: 'STOPPED' }
    const m = x.model as { processors?: { name: string }[] }
    const nodes = (m.processors ?? []).map((n, i) => ({ name: n.name, in: 1000, out: 100, dead: i, inPerSecond: 12.5, outPerSecond: 3 }))
    return { id: x.model.id, ...s, since: at, at, watermark: at, waiting: 0, lost: 0, process: 'ww-1', position: 1, saved: 1, nodes, sinks: [] }
  }
  await page.route('**/api/v1/manifest-statuses', (r) => answer(r, (p.kept.manifests ?? []).map(statusOf)))
  await page.route('**/api/v1/gateway-statuses', (r) => answer(r, [{ gateway: 'g-1', heard: new Date().toISOString(), away: false }, { gateway: 'g-2', heard: at, away: true }]))
  await page.route('**/api/v1/dead-letters?*', (r) => {
    const letter = (id: number, reason: string) => ({ id, at: Date.parse(at) + id * 1000, source: 'manifest', reason, decoded: false, sample: 'box1', time: Date.parse(at), value: 4711 })
    return answer(r, {
      count: 3,
      letters: [
        letter(3, 'manifest "moulds", processor "echo": it is no number'), letter(2, 'manifest "power of all boxes", processor "too much": its time is before that of the item before'),
        letter(1, 'manifest "m-power", processor "together": sink "hourly" refused a result: the sensor is not known'),
      ],
    })
  })
  await page.route('**/api/v1/processors', (r) => answer(r, types))
  await page.route('**/api/v1/protocols', (r) => answer(r, protocols))
  await page.route('**/api/v1/source-statuses', (r) =>
    answer(r, [
      { source: 's-1', connected: true, since: at, items: 1234, bad: 0, last: at }, { source: 's-2', connected: false, error: 'dial broker:1883: connection refused', since: at, items: 7, bad: 2, last: null },
    ]),
  )
  await page.route(/\/api\/v1\/models\/sources\/[^/]+\/data/, (r) => answer(r, { data: Array.from({ length: 10 }, (_, i) => ({ key: 'box1', time: Date.parse(at) + i * 1000, value: 4000 + 10 * i })) }))
  await page.route('**/api/v1/models/bundle', (r) => {
    const of = (k: string) => p.kept[k]?.map((x) => x.model)
    return answer(r, { interfaces: of('interfaces'), kinds: of('kinds'), sourceDefinitions: of('source-definitions'), gateways: of('gateways'), sources: of('sources'), consumers: of('consumers'), channels: of('channels'), definitions: of('definitions'), manifests: of('manifests') })
  })
  await page.route(/\/api\/v1\/(models\/(interfaces|kinds|source-definitions|gateways|sources|consumers|channels|definitions)|manifests)(\/[^?]*)?(\?.*)?$/, async (r) => {
    const req = r.request()
    const url = new URL(req.url())
    const parts = url.pathname.replace(/^.*\/api\/v1\//, '').split('/')
    const kind = parts[0] === 'models' ? (parts[1] ?? '') : 'manifests'
    const [id, what, n] = parts.slice(parts[0] === 'models' ? 2 : 1).map((x) => decodeURIComponent(x))
    const list = p.kept[kind] ?? []
    if (id !== undefined && what === 'data') return r.fallback()
    p.asked.push(`${req.method()} ${parts.join('/')}`)
    if (id === 'validate') {
      const m = req.postDataJSON() as { processors: { name: string; type?: string; definition?: string; from: string[]; to?: string; parameters?: Record<string, unknown> }[] }
      const read = new Set(m.processors.flatMap((x) => x.from))
      const findings = m.processors.flatMap((x) => [
        ...(x.from[0] === '…' ? [{ processor: x.name, field: 'from', sentence: 'there is no data source "…"' }] : []),
        ...(x.to === undefined && !read.has(x.name) ? [{ processor: x.name, field: 'to', sentence: 'its results go nowhere: give it a sink, or have a processor read from it' }] : []),
        ...(x.type === 'threshold' && x.parameters?.limit === undefined ? [{ processor: x.name, field: 'parameters', sentence: 'parameter "limit" must be given' }] : []),
      ])
      return answer(r, { valid: findings.length === 0, findings })
    }
    if (id === undefined) {
      if (req.method() === 'POST') {
        const made: Kept = { model: { ...(req.postDataJSON() as Doc), id: `new-${list.length}` }, version: 1, created: at, changed: at, changedBy: 'admin' }
        list.push(made)
        return answer(r, made, 201)
      }
      const q = (url.searchParams.get('q') ?? '').toLowerCase()
      const items = list.filter((x) => (x.model.name ?? '').toLowerCase().includes(q))
      return answer(r, { items, total: items.length, revision: 1 })
    }
    const one = list.find((x) => x.model.id === id)
    if (!one) return answer(r, { status: 404, detail: `there is no ${id}` }, 404)
    const history = old.get(id) ?? []
    if (what === 'status') return answer(r, statusOf(one))
    if (what === 'start' || what === 'stop' || what === 'pause' || what === 'resume') {
      p.states[id] = { state: { start: 'RUNNING', stop: 'STOPPED', pause: 'PAUSED', resume: 'RUNNING' }[what] }
      return answer(r, statusOf(one))
    }
    if (what === 'live') {
      const tail = { processor: 'together', results: Array.from({ length: 20 }, (_, i) => ({ key: '', time: Date.parse(at) + i * 3_600_000, value: 8000 + 300 * Math.sin(i), marks: i === 0 ? ['partial'] : [] })), more: 0 }
      return r.fulfill({ status: 200, contentType: 'text/event-stream', body: `event: results\ndata: ${JSON.stringify([tail])}\n\n` })
    }
    if (what === 'versions' && n === undefined) return answer(r, { versions: [one, ...history].map((x, i) => ({ version: x.version, what: i === history.length ? 'created' : 'changed', at: x.changed, who: x.changedBy })) })
    if (what === 'versions') {
      const then = [one, ...history].find((x) => x.version === Number(n))
      if (req.method() === 'GET') return answer(r, then)
      old.set(id, [{ ...one }, ...history])
      Object.assign(one, { model: then?.model, version: one.version + 1, changedBy: 'admin' })
      return answer(r, one)
    }
    if (req.method() === 'DELETE') {
      p.kept[kind] = list.filter((x) => x !== one)
      return r.fulfill({ status: 204 })
    }
    if (req.method() === 'PUT') {
      if (req.headers()['if-match'] !== `"${one.version}"`) return answer(r, { status: 412, detail: 'it was changed meanwhile' }, 412)
      old.set(id, [{ ...one }, ...history])
      Object.assign(one, { model: { ...(req.postDataJSON() as Doc), id }, version: one.version + 1, changedBy: 'admin' })
    }
    return answer(r, one)
  })
  return p
}
