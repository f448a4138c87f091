import { expect, test } from 'vitest'
import type { Manifest } from '../api/manifests'
import { added, canConnect, connected, differences, disconnected, faultOf, freeName, graphOf, narrowed, neighbour, parameterIn, processorKey, renamed, sinkKey, sourceKey, unused, withValue, without } from './manifest'

const power: Manifest = {
  name: 'power',
  processors: [
    { name: 'hourly A', type: 'average', from: ['box A'], to: 'means' },
    { name: 'hourly B', type: 'average', from: ['box B'] },
    { name: 'all', type: 'sum-of-inputs', from: ['hourly A', 'hourly B'] },
    { name: 'alarm', type: 'threshold', from: ['all'], to: 'alarms' },
  ],
}

const node = (m: Manifest, key: string) => {
  const n = graphOf(m).nodes.find((x) => x.key === key)
  if (!n) throw new Error(`no ${key}`)
  return n
}

test('a manifest is drawn in layers, from its sources to its sinks', () => {
  const g = graphOf(power)
  const layer = Object.fromEntries(g.nodes.map((n) => [n.key, n.layer]))
  expect(layer).toEqual({ 's:box A': 0, 's:box B': 0, 'p:0': 1, 'p:1': 1, 'p:2': 2, 'p:3': 3, 't:means': 4, 't:alarms': 4 })
  expect(g.edges.map((e) => `${e.from} ${e.to}`)).toEqual(['s:box A p:0', 'p:0 t:means', 's:box B p:1', 'p:0 p:2', 'p:1 p:2', 'p:2 p:3', 'p:3 t:alarms'])
  // No two stand on each other.
  expect(new Set(g.nodes.map((n) => `${n.layer} ${n.row}`)).size).toBe(g.nodes.length)
})

test('a circle, a name that is there twice and nothing at all can be drawn', () => {
  expect(graphOf({ processors: [{ name: 'a', from: ['b'] }, { name: 'b', from: ['a'] }] }).edges).toHaveLength(2)
  expect(graphOf({ processors: [{ name: 'a', from: ['a'] }, { name: 'a', from: [] }, { name: '', from: [''] }] }).nodes.map((n) => n.key)).toEqual(['s:', 'p:0', 'p:1', 'p:2'])
  expect(graphOf({ processors: null })).toMatchObject({ nodes: [], edges: [] })
  expect(graphOf({ processors: [] }, { sources: ['x'], sinks: ['y'] }).nodes.map((n) => [n.key, n.layer])).toEqual([['s:x', 0], ['t:y', 1]])
})

test('a new name goes wherever the old one was read from', () => {
  const m = renamed(power, 0, 'mean A')
  expect(m.processors?.map((p) => p.from)).toEqual([['box A'], ['box B'], ['mean A', 'hourly B'], ['all']])
  // Of two that are called so nobody knows which is meant.
  const twice = added(power, { name: 'all', from: [] })
  expect(renamed(twice, 4, 'more').processors?.[3]?.from).toEqual(['all'])
})

test('data is led from one to another, and no longer', () => {
  const m = added(power, { name: 'new', type: 'echo', from: [] })
  const there = connected(connected(m, node(m, processorKey(2)), node(m, processorKey(4))), node(m, processorKey(4)), node(m, sinkKey('alarms')))
  expect(there.processors?.[4]).toMatchObject({ from: ['all'], to: 'alarms' })
  expect(connected(there, node(there, processorKey(2)), node(there, processorKey(4)))).toBe(there)
  const gone = disconnected(disconnected(there, node(there, processorKey(2)), node(there, processorKey(4))), node(there, processorKey(4)), node(there, sinkKey('alarms')))
  expect(gone.processors?.[4]).toEqual({ name: 'new', type: 'echo', from: [] })
  expect(canConnect(node(m, sourceKey('box A')), node(m, sinkKey('means')))).toBe(false)
  expect(canConnect(node(m, sinkKey('means')), node(m, processorKey(0)))).toBe(false)
  expect(canConnect(node(m, processorKey(0)), node(m, processorKey(0)))).toBe(false)
})

test('what goes takes its connections along', () => {
  expect(without(power, 2).processors?.map((p) => [p.name, p.from])).toEqual([['hourly A', ['box A']], ['hourly B', ['box B']], ['alarm', []]])
  expect(unused(power, node(power, sourceKey('box A'))).processors?.[0]?.from).toEqual([])
  expect(unused(power, node(power, sinkKey('means'))).processors?.[0]).not.toHaveProperty('to')
})

test('arrows lead along the data', () => {
  const g = graphOf(power)
  expect(neighbour(g, 's:box A', 'right')).toBe('p:0')
  expect(neighbour(g, 'p:3', 'left')).toBe('p:2')
  expect(neighbour(g, 't:alarms', 'right')).toBeUndefined()
  expect(['p:0', 'p:1']).toContain(neighbour(g, 'p:2', 'left'))
  const [upper, lower] = g.nodes.filter((n) => n.layer === 0).sort((a, b) => a.row - b.row)
  expect(neighbour(g, upper?.key ?? '', 'down')).toBe(lower?.key)
  expect(neighbour(g, upper?.key ?? '', 'up')).toBeUndefined()
})

test('values are judged by their type', () => {
  expect(faultOf({ name: 'x', required: true }, '')).toEqual({ is: 'needed' })
  expect(faultOf({ name: 'x', required: true, default: 3 }, undefined)).toBeUndefined()
  expect(faultOf({ name: 'x', type: 'int', min: 1 }, 1.5)).toEqual({ is: 'whole' })
  expect(faultOf({ name: 'x', type: 'float', min: 1, max: 2 }, 0)).toEqual({ is: 'least', bound: 1 })
  expect(faultOf({ name: 'x', type: 'float', max: 2 }, '3')).toEqual({ is: 'most', bound: 2 })
  expect(faultOf({ name: 'x', type: 'float' }, 'much')).toEqual({ is: 'number' })
  for (const d of ['30s', '1h30m', '1d', '1M', '0', '15min']) expect(faultOf({ name: 'x', type: 'duration' }, d)).toBeUndefined()
  expect(faultOf({ name: 'x', type: 'duration' }, 'long')).toEqual({ is: 'duration' })
  expect(parameterIn('parameter "size" is "x", which is no duration')).toBe('size')
  expect(withValue({ a: 1 }, 'a', '')).toBeUndefined()
  expect(withValue(undefined, 'a', false)).toEqual({ a: false })
  expect(narrowed([{ name: 'size', type: 'duration', default: '1h', required: true }], [{ name: 'size', default: '15m', description: '' }])).toEqual([{ name: 'size', type: 'duration', default: '15m', required: true }])
})

test('names are free, differences are told leaf by leaf', () => {
  expect(freeName(power, 'all')).toBe('all 2')
  expect(freeName(power, 'echo')).toBe('echo')
  const next = { ...renamed(power, 3, 'alert'), description: 'x' }
  expect(differences(power, next)).toEqual([
    { path: 'processors › alarm › name', before: 'alarm', after: undefined },
    { path: 'processors › alarm › type', before: 'threshold', after: undefined },
    { path: 'processors › alarm › from', before: 'all', after: undefined },
    { path: 'processors › alarm › to', before: 'alarms', after: undefined },
    { path: 'processors › alert › name', before: undefined, after: 'alert' },
    { path: 'processors › alert › type', before: undefined, after: 'threshold' },
    { path: 'processors › alert › from', before: undefined, after: 'all' },
    { path: 'processors › alert › to', before: undefined, after: 'alarms' },
    { path: 'description', before: undefined, after: 'x' },
  ])
  expect(differences({ a: { b: [1, 2] } }, { a: { b: [1, 3] } })).toEqual([{ path: 'a › b', before: '1, 2', after: '1, 3' }])
})
