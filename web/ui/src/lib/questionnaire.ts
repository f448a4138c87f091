// The questionnaire of a household as it is typed: what is wrong with it, and
// what of it is sent. What is not answered is left out, and is not zero.

import type { SurveyRegistration } from '../api/generated/types.gen'

/** A question of yes and no that need not be answered. */
export type Choice = '' | 'yes' | 'no'

export interface PVForm {
  key: number
  name: string
  power: string
  azimuth: string
  tilt: string
  installed: string
}

export interface MeterForm {
  key: number
  model: string
  name: string
  serial: string
  /** The key of the PV system that hangs on it, or empty. */
  pv: string
}

export interface Questionnaire {
  name: string
  email: string
  phone: string
  note: string
  street: string
  postcode: string
  city: string
  country: string
  latitude: string
  longitude: string
  children: string
  adults: string
  employedAdults: string
  charger: Choice
  heatPump: Choice
  battery: Choice
  pvs: PVForm[]
  meters: MeterForm[]
  devices: { key: number; name: string }[]
}

export function emptyQuestionnaire(): Questionnaire {
  return {
    name: '', email: '', phone: '', note: '', street: '', postcode: '', city: '', country: 'DE', latitude: '', longitude: '', children: '', adults: '', employedAdults: '',
    charger: '', heatPump: '', battery: '', pvs: [], meters: [{ key: 1, model: '', name: '', serial: '', pv: '' }], devices: [{ key: 1, name: 'edge' }],
  }
}

/** What can be wrong with an answer. The page says it in words. */
export type Fault =
  | { is: 'needed' }
  | { is: 'email' }
  | { is: 'country' }
  | { is: 'number' }
  | { is: 'whole' }
  | { is: 'range'; least: number; most: number }
  | { is: 'date' }
  | { is: 'twice' }
  | { is: 'both' }
  | { is: 'employed' }
  /** As the server says it. */
  | { is: 'said'; text: string }

/** By the name of the field: "email", "meters.1.model", where 1 is the key. */
export type Faults = Record<string, Fault>

/** A number as people type it: 9.86 or 9,86; undefined: nothing; NaN: it is none. */
export function numberOf(s: string): number | undefined {
  const x = s.trim()
  if (x === '') return undefined
  return /^[+-]?\d+([.,]\d+)?$/.test(x) ? Number(x.replace(',', '.')) : Number.NaN
}

function isDate(s: string): boolean {
  const m = /^(\d{4})-(\d\d)-(\d\d)$/.exec(s)
  if (!m) return false
  const [year, month, day] = [Number(m[1]), Number(m[2]), Number(m[3])]
  const d = new Date(Date.UTC(year, month - 1, day))
  return year >= 1950 && year <= 2100 && d.getUTCMonth() === month - 1 && d.getUTCDate() === day
}

/** All that is wrong. What the server alone can know, as whether a place is in a district, it says itself. */
export function faultsOf(q: Questionnaire): Faults {
  const out: Faults = {}
  const inRange = (field: string, s: string, least: number, most: number, whole = false) => {
    const n = numberOf(s)
    if (n === undefined) return
    if (Number.isNaN(n)) out[field] = { is: whole ? 'whole' : 'number' }
    else if (whole && !Number.isInteger(n)) out[field] = { is: 'whole' }
    else if (n < least || n > most) out[field] = { is: 'range', least, most }
  }
  if (q.email.trim() !== '' && !/^[^\s@<>,;]+@[^\s@<>,;.]+(\.[^\s@<>,;.]+)*$/.test(q.email.trim())) out.email = { is: 'email' }
  if (q.country.trim() !== '' && !/^[A-Z]{2}$/.test(q.country.trim())) out.country = { is: 'country' }
  inRange('latitude', q.latitude, -90, 90)
  inRange('longitude', q.longitude, -180, 180)
  if ((q.latitude.trim() === '') !== (q.longitude.trim() === '')) out[q.latitude.trim() === '' ? 'latitude' : 'longitude'] = { is: 'both' }
  for (const field of ['children', 'adults', 'employedAdults'] as const) inRange(field, q[field], 0, 50, true)
  const adults = numberOf(q.adults)
  const employed = numberOf(q.employedAdults)
  if (out.adults === undefined && out.employedAdults === undefined && adults !== undefined && employed !== undefined && employed > adults) out.employedAdults = { is: 'employed' }
  q.pvs.forEach((p, i) => {
    const at = `pvs.${p.key}`
    const name = p.name.trim()
    if (name === '') out[`${at}.name`] = { is: 'needed' }
    else if (q.pvs.some((o, j) => j < i && o.name.trim() === name)) out[`${at}.name`] = { is: 'twice' }
    inRange(`${at}.power`, p.power, 0, 1000)
    inRange(`${at}.azimuth`, p.azimuth, 0, 360)
    inRange(`${at}.tilt`, p.tilt, 0, 90)
    if (p.installed !== '' && !isDate(p.installed)) out[`${at}.installed`] = { is: 'date' }
  })
  for (const m of q.meters) if (m.model.trim() === '') out[`meters.${m.key}.model`] = { is: 'needed' }
  for (const d of q.devices) if (d.name.trim() === '') out[`devices.${d.key}.name`] = { is: 'needed' }
  return out
}

/** What is sent of one without faults. */
export function registrationOf(q: Questionnaire): SurveyRegistration {
  const given = <K extends string>(o: Record<K, string>) => Object.fromEntries(Object.entries<string>(o).flatMap(([k, v]) => (v.trim() === '' ? [] : [[k, v.trim()]]))) as Partial<Record<K, string>>
  const numbers = <K extends string>(o: Record<K, string>) =>
    Object.fromEntries(Object.entries<string>(o).flatMap(([k, v]) => (numberOf(v) === undefined ? [] : [[k, numberOf(v)]]))) as Partial<Record<K, number>>
  const choices = <K extends string>(o: Record<K, Choice>) => Object.fromEntries(Object.entries<Choice>(o).flatMap(([k, v]) => (v === '' ? [] : [[k, v === 'yes']]))) as Partial<Record<K, boolean>>
  const latitude = numberOf(q.latitude)
  const longitude = numberOf(q.longitude)
  const { name, email, phone, note, street, postcode, city, country, children, adults, employedAdults, charger, heatPump, battery } = q
  // A country alone is no address.
  const somewhere = Object.keys(given({ street, postcode, city })).length > 0
  return {
    participant: given({ name, email, phone, note }),
    address: somewhere ? given({ street, postcode, city, country }) : {},
    ...(latitude === undefined || longitude === undefined ? {} : { location: { latitude, longitude } }),
    metadata: { ...numbers({ children, adults, employedAdults }), ...choices({ charger, heatPump, battery }) },
    pvSystems: q.pvs.map((p) => ({ ...given({ name: p.name, installed: p.installed }), ...numbers({ nominalPower: p.power, azimuth: p.azimuth, tilt: p.tilt }) })),
    meters: q.meters.map((m) => {
      const pv = q.pvs.find((p) => String(p.key) === m.pv)
      return { model: m.model.trim(), ...given({ name: m.name, serial: m.serial }), ...(pv ? { pvSystem: pv.name.trim() } : {}) }
    }),
    devices: q.devices.map((d) => d.name.trim()),
  }
}

const places: readonly [RegExp, (q: Questionnaire, m: RegExpExecArray) => string | undefined][] = [
  [/^(?:participant|address)\.(\w+) /, (_, m) => m[1]],
  [/^metadata\.(\w+) /, (_, m) => m[1]],
  [/^metadata:/, () => 'employedAdults'],
  [/^location /, () => 'latitude'],
  [/^PV system (\d+): (\w+) /, (q, m) => {
    const p = q.pvs[Number(m[1]) - 1]
    return p ? `pvs.${p.key}.${m[2] === 'nominalPower' ? 'power' : (m[2] ?? '')}` : undefined
  }],
  [/^meter (\d+): /, (q, m) => {
    const x = q.meters[Number(m[1]) - 1]
    return x ? `meters.${x.key}.model` : undefined
  }],
]

/** What the server says is wrong, at the fields it speaks of; the rest is said as it is. */
export function faultsSaid(q: Questionnaire, said: string): { faults: Faults; rest: string } {
  const faults: Faults = {}
  const rest: string[] = []
  for (const line of said.replace(/^register household: invalid: /, '').split('\n')) {
    let field: string | undefined
    for (const [pattern, at] of places) {
      const m = pattern.exec(line)
      if (m) field = at(q, m)
      if (field !== undefined) break
    }
    if (field === undefined) rest.push(line)
    else faults[field] = { is: 'said', text: line }
  }
  return { faults, rest: rest.join('\n') }
}
