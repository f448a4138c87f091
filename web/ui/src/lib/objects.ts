// How objects are, over time.

import type { Change, State } from '../api/objects'

export const states: readonly State[] = ['live', 'late', 'stale', 'substituted', 'virtual', 'down']

export interface Stretch {
  from: number
  to: number
  /** Undefined: nobody looked. */
  state: State | undefined
}

/** The states between two moments, out of the changes in between (oldest first) and what is so now. */
export function stretches(changes: readonly Change[], from: number, to: number, now: State): Stretch[] {
  const out: Stretch[] = []
  const put = (a: number, b: number, state: State | undefined) => {
    const last = out.at(-1)
    if (b <= a) return
    if (last && last.state === state && last.to === a) last.to = b
    else out.push({ from: a, to: b, state })
  }
  const inside = changes.map((c) => ({ at: Date.parse(c.at), was: c.was as State | undefined, is: c.is as State })).filter((c) => c.at >= from && c.at <= to)
  if (inside.length === 0) return [{ from, to, state: now }]
  let at = from
  for (const c of inside) {
    put(at, c.at, c.was)
    at = c.at
  }
  put(at, to, inside.at(-1)?.is)
  return out
}

/** How long each state lasted, as shares of what is known. */
export function sharesOf(list: readonly Stretch[]): Partial<Record<State, number>> {
  const sums: Partial<Record<State, number>> = {}
  let known = 0
  for (const s of list) {
    if (s.state === undefined) continue
    sums[s.state] = (sums[s.state] ?? 0) + s.to - s.from
    known += s.to - s.from
  }
  return known === 0 ? {} : Object.fromEntries(Object.entries(sums).map(([k, v]) => [k, v / known]))
}

/** "brick:Active_Power_Sensor" as people say it. */
export const className = (c: string) => c.replace(/^\w+:/, '').replaceAll('_', ' ')

/** Classes of Brick that objects of an installation usually have; any other that the server knows can be written. */
export const usualClasses: readonly string[] = [
  'Active_Power_Sensor', 'Reactive_Power_Sensor', 'Thermal_Power_Sensor', 'Electric_Energy_Sensor', 'Electrical_Energy_Usage_Sensor', 'Thermal_Energy_Usage_Sensor', 'Energy_Generation_Sensor', 'Natural_Gas_Usage_Sensor', 'Water_Usage_Sensor',
  'Voltage_Sensor', 'Battery_Voltage_Sensor', 'Current_Sensor', 'Load_Current_Sensor', 'Frequency_Sensor', 'Power_Factor_Sensor', 'Peak_Demand_Sensor', 'Room_Air_Temperature_Sensor', 'Outside_Air_Temperature_Sensor',
  'Water_Temperature_Sensor', 'Relative_Humidity_Sensor', 'Pressure_Sensor', 'Illuminance_Sensor', 'Solar_Irradiance_Sensor', 'Water_Flow_Sensor', 'Natural_Gas_Flow_Sensor', 'Wind_Speed_Sensor', 'CO2_Sensor', 'Motion_Sensor',
  'Occupancy_Sensor', 'Occupancy_Count_Sensor', 'Duration_Sensor', 'On_Off_Command', 'Power_Setpoint', 'Temperature_Setpoint', 'Collection', 'PV_Array',
].map((c) => `brick:${c}`)

export interface Node<T> {
  of: T
  below: Node<T>[]
}

/** Spaces as trees, by their names; what has no parent, or one that is not there, stands at the top. Circles are cut. */
export function treesOf<T extends { id: string; name?: string; parent?: string }>(list: readonly T[]): Node<T>[] {
  const all = new Map(list.map((x) => [x.id, x]))
  const below = new Map<string, T[]>()
  const top: T[] = []
  for (const x of list) {
    const p = x.parent
    if (p === undefined || p === '' || !all.has(p)) top.push(x)
    else below.set(p, [...(below.get(p) ?? []), x])
  }
  const seen = new Set<string>()
  const named = (a: T, b: T) => (a.name ?? a.id).localeCompare(b.name ?? b.id, undefined, { numeric: true })
  const make = (x: T): Node<T>[] => {
    if (seen.has(x.id)) return []
    seen.add(x.id)
    return [{ of: x, below: (below.get(x.id) ?? []).sort(named).flatMap(make) }]
  }
  const out = top.sort(named).flatMap(make)
  return [...out, ...list.flatMap(make)]
}
