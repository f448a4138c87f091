// Manifests as graphs: what is drawn of them, and what an edit makes of them.

import type { Manifest, Parameter, Processor, Values } from '../api/manifests'

/** What stands in the graph: a processor, a source that is read from, a sink that is written to. */
export interface GraphNode {
  /** Unique in the graph. */
  key: string
  kind: 'source' | 'processor' | 'sink'
  /** Of a processor its index in the manifest. */
  at: number
  /** Of a source or sink what the manifest calls it. */
  ref: string
  layer: number
  row: number
}

export interface GraphEdge {
  key: string
  from: string
  to: string
}

export interface Graph {
  nodes: GraphNode[]
  edges: GraphEdge[]
  layers: number
  rows: number
}

export const sourceKey = (ref: string) => `s:${ref}`
export const sinkKey = (ref: string) => `t:${ref}`
export const processorKey = (at: number) => `p:${at}`
const edgeKey = (from: string, to: string) => `${from}\n${to}`

/** Sources and sinks that were put beside the graph, and are not connected yet. */
export interface Loose {
  sources: readonly string[]
  sinks: readonly string[]
}

export const nothingLoose: Loose = { sources: [], sinks: [] }

/** The graph of a manifest, in layers from what is read to what is written. Circles are cut where they close. */
export function graphOf(m: Pick<Manifest, 'processors'>, loose: Loose = nothingLoose): Graph {
  const list = m.processors ?? []
  const named = new Map<string, number>()
  list.forEach((p, i) => {
    if (p.name !== '' && !named.has(p.name)) named.set(p.name, i)
  })
  const nodes = new Map<string, GraphNode>()
  const put = (n: Omit<GraphNode, 'layer' | 'row'>) => {
    if (!nodes.has(n.key)) nodes.set(n.key, { ...n, layer: 0, row: 0 })
    return n.key
  }
  const edges: GraphEdge[] = []
  const into = new Map<string, string[]>()
  const join = (from: string, to: string) => {
    if (edges.some((e) => e.from === from && e.to === to)) return
    edges.push({ key: edgeKey(from, to), from, to })
    into.set(to, [...(into.get(to) ?? []), from])
  }
  const source = (ref: string) => put({ key: sourceKey(ref), kind: 'source', at: -1, ref })
  for (const p of list) for (const ref of p.from ?? []) if (!named.has(ref)) source(ref)
  for (const ref of loose.sources) source(ref)
  list.forEach((_, i) => put({ key: processorKey(i), kind: 'processor', at: i, ref: '' }))
  list.forEach((p, i) => {
    for (const ref of p.from ?? []) {
      const other = named.get(ref)
      join(other === undefined ? sourceKey(ref) : processorKey(other), processorKey(i))
    }
    if (p.to !== undefined && p.to !== '') join(processorKey(i), put({ key: sinkKey(p.to), kind: 'sink', at: -1, ref: p.to }))
  })
  for (const ref of loose.sinks) put({ key: sinkKey(ref), kind: 'sink', at: -1, ref })

  // As far to the right as the longest way to it; sources stand left, sinks right.
  const depth = new Map<string, number>()
  const visit = (key: string, above: ReadonlySet<string>): number => {
    const known = depth.get(key)
    if (known !== undefined) return known
    const inside = new Set(above).add(key)
    const least = nodes.get(key)?.kind === 'source' ? 0 : 1
    const d = Math.max(least, ...(into.get(key) ?? []).filter((x) => !inside.has(x)).map((x) => visit(x, inside) + 1))
    depth.set(key, d)
    return d
  }
  for (const key of nodes.keys()) visit(key, new Set())
  const last = Math.max(1, ...[...nodes.values()].map((n) => (depth.get(n.key) ?? 0) + (n.kind === 'processor' ? 1 : 0)))
  const layers: GraphNode[][] = []
  for (const n of nodes.values()) {
    n.layer = n.kind === 'sink' ? last : (depth.get(n.key) ?? 0)
    while (layers.length <= n.layer) layers.push([])
    layers[n.layer]?.push(n)
  }
  order(layers, edges)
  const all = [...nodes.values()]
  return { nodes: all, edges, layers: layers.length, rows: Math.max(1, ...layers.map((l) => l.length)) }
}

/** Puts what is connected near each other: a few sweeps of the middle of the neighbours, from left to right and back. */
function order(layers: GraphNode[][], edges: readonly GraphEdge[]): void {
  const rows = new Map<string, number>()
  const most = Math.max(1, ...layers.map((l) => l.length))
  const number = (l: readonly GraphNode[]) =>
    l.forEach((n, i) => {
      // Short layers stand in the middle.
      n.row = i + (most - l.length) / 2
      rows.set(n.key, n.row)
    })
  layers.forEach(number)
  const beside = new Map<string, string[]>()
  for (const e of edges) {
    beside.set(e.from, [...(beside.get(e.from) ?? []), e.to])
    beside.set(e.to, [...(beside.get(e.to) ?? []), e.from])
  }
  const middle = (n: GraphNode) => {
    const own = (beside.get(n.key) ?? []).map((k) => rows.get(k) ?? 0)
    return own.length === 0 ? n.row : own.reduce((a, b) => a + b, 0) / own.length
  }
  for (let sweep = 0; sweep < 4; sweep++) {
    const way = sweep % 2 === 0 ? layers : [...layers].reverse()
    for (const l of way) {
      const at = new Map(l.map((n) => [n.key, middle(n)]))
      l.sort((a, b) => (at.get(a.key) ?? 0) - (at.get(b.key) ?? 0))
      number(l)
    }
  }
}

/** A name that no processor of the manifest has. */
export function freeName(m: Pick<Manifest, 'processors'>, wanted: string): string {
  const taken = new Set((m.processors ?? []).map((p) => p.name))
  if (!taken.has(wanted)) return wanted
  for (let i = 2; ; i++) if (!taken.has(`${wanted} ${i}`)) return `${wanted} ${i}`
}

const withProcessor = (m: Manifest, at: number, change: Partial<Processor>): Manifest => ({
  ...m,
  processors: (m.processors ?? []).map((p, i) => (i === at ? { ...p, ...change } : p)),
})

export const changed = withProcessor

/** With another processor behind the others. */
export const added = (m: Manifest, p: Processor): Manifest => ({ ...m, processors: [...(m.processors ?? []), p] })

/** Another name, also where others read from it. */
export function renamed(m: Manifest, at: number, name: string): Manifest {
  const was = m.processors?.[at]?.name
  const only = was !== undefined && was !== '' && (m.processors ?? []).filter((p) => p.name === was).length === 1
  const out = only ? { ...m, processors: (m.processors ?? []).map((p) => ({ ...p, from: (p.from ?? []).map((f) => (f === was ? name : f)) })) } : m
  return withProcessor(out, at, { name })
}

/** Without a processor, and without what others read from it. */
export function without(m: Manifest, at: number): Manifest {
  const name = m.processors?.[at]?.name
  return { ...m, processors: (m.processors ?? []).filter((_, i) => i !== at).map((p) => ({ ...p, from: (p.from ?? []).filter((f) => f !== name) })) }
}

/** What the manifest says where it speaks of a node. */
export const refOf = (m: Pick<Manifest, 'processors'>, n: GraphNode): string => (n.kind === 'processor' ? (m.processors?.[n.at]?.name ?? '') : n.ref)

/** Whether data can go from one node to another. */
export function canConnect(from: GraphNode, to: GraphNode): boolean {
  if (from.key === to.key || from.kind === 'sink' || to.kind === 'source') return false
  return !(from.kind === 'source' && to.kind === 'sink')
}

/** With data going from one node to another; a processor writes to one sink at most. */
export function connected(m: Manifest, from: GraphNode, to: GraphNode): Manifest {
  if (!canConnect(from, to)) return m
  if (to.kind === 'sink') return withProcessor(m, from.at, { to: to.ref })
  const ref = refOf(m, from)
  const now = m.processors?.[to.at]?.from ?? []
  return ref === '' || now.includes(ref) ? m : withProcessor(m, to.at, { from: [...now, ref] })
}

export function disconnected(m: Manifest, from: GraphNode, to: GraphNode): Manifest {
  if (to.kind === 'sink') {
    const rest = { ...m.processors?.[from.at] } as Processor
    delete rest.to
    return { ...m, processors: (m.processors ?? []).map((p, i) => (i === from.at ? rest : p)) }
  }
  const ref = refOf(m, from)
  return withProcessor(m, to.at, { from: (m.processors?.[to.at]?.from ?? []).filter((f) => f !== ref) })
}

/** Without a source or sink: nothing reads from it, nothing writes to it. */
export function unused(m: Manifest, n: GraphNode): Manifest {
  if (n.kind === 'processor') return without(m, n.at)
  return {
    ...m,
    processors: (m.processors ?? []).map((p) => {
      if (n.kind === 'source') return { ...p, from: (p.from ?? []).filter((f) => f !== n.ref) }
      if (p.to !== n.ref) return p
      const rest = { ...p }
      delete rest.to
      return rest
    }),
  }
}

/** The node that an arrow leads to: along the data, or up and down in the layer. */
export function neighbour(g: Graph, key: string, arrow: 'left' | 'right' | 'up' | 'down'): string | undefined {
  const n = g.nodes.find((x) => x.key === key)
  if (!n) return undefined
  const nearest = (list: readonly GraphNode[]) => [...list].sort((a, b) => Math.abs(a.row - n.row) - Math.abs(b.row - n.row))[0]?.key
  if (arrow === 'up' || arrow === 'down') {
    const same = g.nodes.filter((x) => x.layer === n.layer && (arrow === 'up' ? x.row < n.row : x.row > n.row))
    return nearest(same)
  }
  const along = g.edges.filter((e) => (arrow === 'left' ? e.to : e.from) === key).map((e) => (arrow === 'left' ? e.from : e.to))
  const linked = nearest(g.nodes.filter((x) => along.includes(x.key)))
  if (linked !== undefined) return linked
  const side = g.nodes.filter((x) => (arrow === 'left' ? x.layer < n.layer : x.layer > n.layer))
  const close = arrow === 'left' ? Math.max(...side.map((x) => x.layer)) : Math.min(...side.map((x) => x.layer))
  return nearest(side.filter((x) => x.layer === close))
}

/** The parameters that a definition leaves of those of its type. */
export function narrowed(of: readonly Parameter[], by: readonly Parameter[] | null | undefined): Parameter[] {
  return of.map((p) => {
    const own = by?.find((x) => x.name === p.name)
    if (!own) return p
    const set = Object.fromEntries(Object.entries(own).filter(([, v]) => v !== undefined && v !== null && v !== ''))
    return { ...p, ...set, type: own.type ?? p.type }
  })
}

export type FieldFault = { is: 'needed' } | { is: 'number' } | { is: 'whole' } | { is: 'least' | 'most'; bound: number } | { is: 'duration' }

const durationText = /^(?:0|(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|w|M|y|min))+)$/

/** What is wrong with a value at first sight; the server judges the rest. */
export function faultOf(p: Parameter, v: unknown): FieldFault | undefined {
  if (v === undefined || v === null || v === '') return p.required === true && (p.default === undefined || p.default === null) ? { is: 'needed' } : undefined
  if (p.type === 'int' || p.type === 'float') {
    const n = typeof v === 'number' ? v : Number(v)
    if (!Number.isFinite(n)) return { is: 'number' }
    if (p.type === 'int' && !Number.isInteger(n)) return { is: 'whole' }
    if (p.min !== undefined && n < p.min) return { is: 'least', bound: p.min }
    if (p.max !== undefined && n > p.max) return { is: 'most', bound: p.max }
  }
  if (p.type === 'duration' && (typeof v !== 'string' || !durationText.test(v.trim()))) return { is: 'duration' }
  return undefined
}

/** Values with one set; what is empty is not given. */
export function withValue(values: Values | null | undefined, name: string, v: unknown): Values | undefined {
  const out: Values = Object.fromEntries(Object.entries(values ?? {}).filter(([k]) => k !== name))
  if (v !== undefined && v !== null && v !== '') out[name] = v
  return Object.keys(out).length === 0 ? undefined : out
}

/** The parameter that a sentence about values speaks of. */
export const parameterIn = (sentence: string): string | undefined => /parameter "([^"]+)"/.exec(sentence)?.[1]

export interface Difference {
  path: string
  before: string | undefined
  after: string | undefined
}

/** What of two documents differs, leaf by leaf; things of lists are known by their name where they have one. */
export function differences(before: unknown, after: unknown): Difference[] {
  const flat = (v: unknown, path: string, out: Map<string, string>) => {
    if (Array.isArray(v)) {
      const plain = v.every((x) => typeof x !== 'object' || x === null)
      if (plain) out.set(path, v.map((x) => (typeof x === 'string' ? x : JSON.stringify(x))).join(', '))
      else v.forEach((x: unknown, i) => flat(x, `${path}${path === '' ? '' : ' › '}${typeof x === 'object' && x !== null && 'name' in x && typeof x.name === 'string' ? x.name : String(i + 1)}`, out))
    } else if (typeof v === 'object' && v !== null) {
      for (const [k, x] of Object.entries(v)) if (x !== undefined) flat(x, path === '' ? k : `${path} › ${k}`, out)
    } else if (v !== undefined) out.set(path, typeof v === 'string' ? v : JSON.stringify(v))
    return out
  }
  const a = flat(before, '', new Map())
  const b = flat(after, '', new Map())
  return [...new Set([...a.keys(), ...b.keys()])].filter((k) => a.get(k) !== b.get(k)).map((path) => ({ path, before: a.get(path), after: b.get(path) }))
}
