// Makes a drawing of energies out of the tree the server tells of, and says
// what cannot be drawn: what is unknown, and what flows the other way.

import type { Body, LinkBody, NodeBody } from '../api/generated/types.gen'

export interface FlowRow {
  /** Index of its node in the answer. */
  index: number
  node: NodeBody
  /** With the sign with which it counts above; of the first its own. */
  amount: number | null
  /** Of what the first comes to; null when either is unknown. */
  share: number | null
}

export interface Ribbon {
  source: number
  target: number
  value: number
}

export interface Drawing {
  /** All nodes, each before those below it, brothers by size. */
  rows: FlowRow[]
  /** What is drawn: positive amounts that hang together with the first node. */
  ribbons: Ribbon[]
  /** Nodes that a ribbon touches. */
  drawn: Set<number>
  /** Nodes that count below zero: of generation, or members that say more than the meter. */
  backward: FlowRow[]
  /** Nodes of which nothing is known. */
  unknown: FlowRow[]
}

export function drawing(body: Pick<Body, 'nodes' | 'links'>): Drawing {
  const nodes = body.nodes ?? []
  const below = new Map<number, LinkBody[]>()
  for (const l of body.links ?? []) below.set(l.source, [...(below.get(l.source) ?? []), l])
  const out: Drawing = { rows: [], ribbons: [], drawn: new Set(), backward: [], unknown: [] }
  const whole = nodes[0]?.amount ?? null

  const walk = (index: number, amount: number | null, hangs: boolean) => {
    const node = nodes[index]
    if (!node) return
    const row: FlowRow = { index, node, amount, share: amount === null || whole === null || whole === 0 ? null : amount / whole }
    out.rows.push(row)
    if (amount === null) out.unknown.push(row)
    else if (amount < 0) out.backward.push(row)
    const goes = hangs && amount !== null && amount > 0
    const links = [...(below.get(index) ?? [])].sort((a, b) => place(nodes[a.target]) - place(nodes[b.target]) || (b.amount ?? -Infinity) - (a.amount ?? -Infinity) || a.target - b.target)
    for (const l of links) {
      if (goes && l.amount !== null && l.amount > 0) {
        out.ribbons.push({ source: index, target: l.target, value: l.amount })
        out.drawn.add(index).add(l.target)
      }
      walk(l.target, l.amount, goes)
    }
  }
  walk(0, whole, true)
  return out
}

/** Members first, then the others, then what nobody explains. */
function place(n: NodeBody | undefined): number {
  return n?.kind === 'unaccounted' ? 2 : n?.kind === 'others' ? 1 : 0
}
