// Results of the services S2, S5 and S6 as the program gives them (service/appliance,
// service/occupancy, service/saving); what is not one of them is shown as facts.

import { isDoc } from './results'

export interface Appliance {
  subject: string
  switches: boolean
  state: 'on' | 'off' | 'unknown'
  cycles: { from: number; to: number; wh: number; maxW: number; running?: boolean }[]
  count: number
  meanWh: number | null
  meanMs: number | null
  week: { day: number; hour: number; weeks: number; wh: number }[]
  next: { day: string; low: number; mean: number; high: number; cycles: number; of: number }[]
  nextRun: number | null
  standby?: { watts: number; kwhYear: number; costYear: string | null; currency?: string }
  today: { wh: number; usual: boolean | null; why: string[] }
  reasons: string[]
}

export interface Occupancy {
  occupiedHours: number
  emptyHours: number
  unknownHours: number
  loads: { id: string; kind: 'hvac' | 'lighting' | 'other'; occupied: string; empty: string; unknown: string; baseW: number; wasteKWh: number; money: string | null }[]
  schedule: { day: number; off: boolean; start?: string; stop?: string; of: number; covered: number; now?: string }[]
  week: { day: number; hour: number; known: number; occupied: number }[]
  saving?: { lowKWh: number; meanKWh: number; highKWh: number; weeks: number; money: string | null; currency?: string }
  reasons: string[]
}

interface Fit {
  cvrmse: number
  nmbe: number
  r2: number
}

export interface Saving {
  model: { text: string; days: number; leftOut: number; mean: number; coldest: number; hottest: number; within: Fit; outside: Fit; limitCvrmse: number; limitNmbe: number; good: boolean }
  refused?: string
  measured?: { days: number; expectedKWh: number; usedKWh: number; savedKWh: number; uncertaintyKWh: number; part: number; certain: boolean; money: string | null }
  year?: { withoutKWh: number; withKWh: number; savedLowKWh: number; savedKWh: number; savedHighKWh: number; money: string | null }
  measures: { id: string; title?: string; of: number; watts: number; lowKWh: number; meanKWh: number; highKWh: number; money: string | null }[]
  currency?: string
  reasons: string[]
}

const has = (v: unknown, lists: readonly string[], docs: readonly string[]) => isDoc(v) && lists.every((k) => Array.isArray(v[k])) && docs.every((k) => isDoc(v[k]))

/** With lists that are none as empty ones. */
const withLists = (v: unknown, lists: readonly string[]): unknown => (isDoc(v) ? { ...v, ...Object.fromEntries(lists.filter((k) => v[k] === null).map((k) => [k, []])) } : {})

export const applianceOf = (v: unknown): Appliance | undefined => {
  const x = withLists(v, ['cycles', 'week', 'next', 'reasons']) as Appliance
  return has(x, ['cycles', 'week', 'next', 'reasons'], ['today']) && 'switches' in x ? { ...x, today: { ...x.today, why: Array.isArray(x.today.why) ? x.today.why : [] } } : undefined
}
export const occupancyOf = (v: unknown): Occupancy | undefined => {
  const x = withLists(v, ['loads', 'schedule', 'week', 'reasons']) as Occupancy
  return has(x, ['loads', 'schedule', 'week', 'reasons'], []) && 'occupiedHours' in x ? x : undefined
}
export const savingOf = (v: unknown): Saving | undefined => {
  const x = withLists(v, ['measures', 'reasons']) as Saving
  return has(x, ['measures', 'reasons'], ['model']) && isDoc(x.model.within) && isDoc(x.model.outside) ? x : undefined
}
