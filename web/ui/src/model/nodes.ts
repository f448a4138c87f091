// A hierarchy as the tree component wants it: nodes by name, with their place.

import type { Model } from '../api/client'
import type { Member } from '../api/generated/types.gen'
import type { Thing } from '../lib/edit'

export interface Node {
  key: string
  thing: Thing
  name: string
  /** The group it is a member of; undefined at the top. */
  parent: string | undefined
  sign: 1 | -1
  meter: boolean
  quantity: string | undefined
  children: string[]
}

export const top = '@'
export const groupKey = (id: string) => `g/${id}`
export const sensorKey = (id: string) => `s/${id}`
export const keyOf = (x: Thing) => (x.sensor !== undefined ? sensorKey(x.sensor) : groupKey(x.group))

/** All nodes of a hierarchy by their key. In a hierarchy everything stands once. */
export function nodes(m: Model, root: string): Map<string, Node> {
  const groups = new Map(m.groups.map((g) => [g.id, g]))
  const sensors = new Map(m.sensors.map((s) => [s.id, s]))
  const out = new Map<string, Node>()
  const walk = (id: string, parent: string | undefined, entry: Member | undefined) => {
    const key = groupKey(id)
    if (out.has(key)) return
    const g = groups.get(id)
    const node: Node = { key, thing: { group: id }, name: g?.name ?? id, parent, sign: entry?.sign === -1 ? -1 : 1, meter: false, quantity: undefined, children: [] }
    out.set(key, node)
    for (const x of g?.members ?? []) {
      if (x.group !== undefined) {
        node.children.push(groupKey(x.group))
        walk(x.group, id, x)
      } else if (x.sensor !== undefined) {
        const s = sensors.get(x.sensor)
        const k = sensorKey(x.sensor)
        node.children.push(k)
        out.set(k, {
          key: k, thing: { sensor: x.sensor }, name: s?.name ?? x.sensor, parent: id, sign: x.sign === -1 ? -1 : 1, meter: x.meter === true, quantity: s?.quantity, children: [],
        })
      }
    }
  }
  walk(root, undefined, undefined)
  return out
}

/** The keys of the groups above a node, the top first. */
export function above(all: ReadonlyMap<string, Node>, key: string): string[] {
  const out: string[] = []
  for (let p = all.get(key)?.parent; p !== undefined; p = all.get(groupKey(p))?.parent) out.unshift(groupKey(p))
  return out
}
