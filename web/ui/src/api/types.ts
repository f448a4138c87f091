// The words of the API the pages use. Times in columns are ms since 1970 UTC;
// values are in coherent units; null is never 0.

export type Scope = 'read' | 'ingest' | 'operate' | 'admin'

export interface Me {
  kind: 'user' | 'token' | 'anonymous'
  id?: string
  name: string
  role?: string
  scopes: Scope[]
}

export interface SignInWays {
  required: boolean
  passwords: boolean
  provider?: { name: string; path: string }
}

export interface Site {
  id: string
  name?: string
  zone?: string
}

export interface Sensor {
  id: string
  name?: string
  site?: string
  quantity?: string
  unit?: string
  interval?: string
  maxAge?: string
}

export interface Member {
  sensor?: string
  group?: string
  sign?: number
  meter?: boolean
}

export interface Group {
  id: string
  name?: string
  members?: Member[]
}

export interface Hierarchy {
  id: string
  name?: string
  site?: string
  root: string
  tick?: string
}

export interface Model {
  sites?: Site[]
  sensors?: Sensor[]
  groups?: Group[]
  hierarchies?: Hierarchy[]
}

export interface UnassignedSensor {
  sensor: string
  source: string
  quantity?: string
  unit?: string
  /** When it was first and last announced; a running bridge announces a sensor once. */
  first: string
  last: string
}

export interface Unassigned {
  items: UnassignedSensor[]
  total: number
}

/** Reduced on the server: one entry per bucket, null where a gap begins. */
export interface Range {
  unit: string
  t: number[]
  min?: (number | null)[]
  avg?: (number | null)[]
  max?: (number | null)[]
}

export interface Trend {
  current: number | null
  before: number | null
  ratio: number | null
}

export interface EnergyAmount {
  value: number | null
  completeness: number
}

export interface GroupEnergy {
  unit: string
  sum: EnergyAmount
  meter?: EnergyAmount
  unaccounted?: EnergyAmount
}

export interface SensorLatest {
  sensor: string
  time: string | null
  value: number | null
  stale: boolean
}

export interface Latest {
  sensors: SensorLatest[]
}

/** Event "aggregates" of the stream. */
export interface Aggregates {
  hierarchy: string
  revision: number
  t: number
  groups: number
  group: string[]
  sum: (number | null)[]
  min: (number | null)[]
  max: (number | null)[]
  count: number[]
  total: number[]
  meter: (number | null)[]
  unaccounted: (number | null)[]
}

/** Event "records" of the stream. */
export interface Records {
  sensor: string[]
  t: number[]
  value: number[]
}
