import { expect, test } from 'vitest'
import type { LinkBody, NodeBody } from '../api/generated/types.gen'
import { drawing } from './flow'

const node = (kind: NodeBody['kind'], id: string, depth: number, amount: number | null): NodeBody => ({ kind, id, depth, amount, estimated: 0, completeness: 1 })
const link = (source: number, target: number, amount: number | null): LinkBody => ({ source, target, amount, sign: 1 })

test('members are drawn by size, the rest behind them', () => {
  const d = drawing({
    nodes: [node('group', 'plant', 0, 100), node('sensor', 'a', 1, 20), node('group', 'hall', 1, 60), node('sensor', 'oven', 2, 60), { ...node('unaccounted', '', 1, 15) }, { ...node('others', '', 1, 5), members: 3 }],
    links: [link(0, 1, 20), link(0, 2, 60), link(2, 3, 60), link(0, 4, 15), link(0, 5, 5)],
  })
  expect(d.rows.map((r) => r.index)).toEqual([0, 2, 3, 1, 5, 4])
  expect(d.rows.map((r) => r.share)).toEqual([1, 0.6, 0.6, 0.2, 0.05, 0.15])
  expect(d.ribbons).toEqual([{ source: 0, target: 2, value: 60 }, { source: 2, target: 3, value: 60 }, { source: 0, target: 1, value: 20 }, { source: 0, target: 5, value: 5 }, { source: 0, target: 4, value: 15 }])
  expect([d.backward, d.unknown]).toEqual([[], []])
})

test('what flows back or is unknown is said, and nothing below it is drawn', () => {
  const d = drawing({
    nodes: [node('group', 'home', 0, 10), node('group', 'roof', 1, -5), node('sensor', 'panel', 2, -5), node('group', 'cellar', 1, null), node('sensor', 'pump', 2, 3), node('sensor', 'off', 1, 0), node('sensor', 'oven', 1, 15)],
    links: [link(0, 1, -5), link(1, 2, -5), link(0, 3, null), link(3, 4, 3), link(0, 5, 0), link(0, 6, 15)],
  })
  expect(d.ribbons).toEqual([{ source: 0, target: 6, value: 15 }])
  expect([...d.drawn]).toEqual([0, 6])
  expect(d.backward.map((r) => r.node.id)).toEqual(['roof', 'panel'])
  expect(d.unknown.map((r) => r.node.id)).toEqual(['cellar'])
  expect(d.rows).toHaveLength(7)
})

test('a group that gives more than it takes has no ribbons', () => {
  const d = drawing({ nodes: [node('group', 'home', 0, -5), node('sensor', 'oven', 1, 15), node('sensor', 'panel', 1, -20)], links: [link(0, 1, 15), link(0, 2, -20)] })
  expect(d.ribbons).toEqual([])
  expect(d.backward.map((r) => r.node.id)).toEqual(['home', 'panel'])
  expect(drawing({ nodes: null, links: null }).rows).toEqual([])
})
