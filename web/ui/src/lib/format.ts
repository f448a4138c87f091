// Numbers as people read them, in their own locale. Values come in coherent
// units (W, Wh, V, …); null is shown as a dash and never as 0.

import { locale as chosen } from './locale'

export const DASH = '–'

const cache = new Map<string, Intl.NumberFormat>()

function number(digits: number, locale: string): Intl.NumberFormat {
  const key = `${locale} ${digits}`
  let f = cache.get(key)
  if (!f) {
    f = new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })
    cache.set(key, f)
  }
  return f
}

export interface Shown {
  value: string
  unit: string
}

const steps = [
  { at: 1e9, prefix: 'G' },
  { at: 1e6, prefix: 'M' },
  { at: 1e3, prefix: 'k' },
  { at: 0, prefix: '' },
] as const

/** Units that are told in thousands and millions; nobody says kilocubic metres. */
const prefixed = /^(W|Wh|var|varh|VA|VAh|V|A|Ah|Hz|J|Pa|lx|g)$/

/** Units of which one digit behind the point is enough, beside those with prefixes. */
const coarse = /^(°C|°F|K|%|‰|°|ppm|ppb|s|ms|W\/m²)$/

/** How the program writes the units of ratios, power factors and counts; nobody reads them. */
const bare = new Set(['1', 'cos φ', '×'])

/** A unit as it stands behind a value. */
const word = (unit: string) => (bare.has(unit) ? '' : unit)

/** A number without a unit: whole if it is; of small ones two digits that are not 0. */
function plain(v: number, locale: string): string {
  if (Number.isInteger(v)) return number(0, locale).format(v === 0 ? 0 : v)
  if (Math.abs(v) >= 0.1) return number(2, locale).format(v)
  return new Intl.NumberFormat(locale, { maximumSignificantDigits: 2 }).format(v)
}

/** The digits behind the point where no prefix stands before the unit. */
function behind(a: number, unit: string): number {
  if (unit !== 'Hz' && (prefixed.test(unit) || coarse.test(unit))) return a >= 100 ? 0 : 1
  return a >= 100 ? 1 : a >= 1 || a === 0 ? 2 : a >= 0.1 ? 3 : 4
}

/** Splits a value into digits and a unit with a prefix; of the 4 or so digits that matter. */
export function scaled(v: number | null | undefined, unit: string, locale = chosen): Shown {
  if (v === null || v === undefined || !Number.isFinite(v)) return { value: DASH, unit: word(unit) }
  if (word(unit) === '') return { value: plain(v, locale), unit: '' }
  const a = Math.abs(v)
  const step = (prefixed.test(unit) ? steps.find((s) => a >= s.at) : undefined) ?? steps[3]
  const scale = step.at === 0 ? 1 : step.at
  const x = v / scale
  const digits = Math.abs(x) >= 100 ? 1 : 2
  // Watts and watt hours below a thousand are whole or nearly; the frequency of a grid is told by its hundredths.
  const shown = step.prefix === '' ? behind(a, unit) : digits
  // -0.04 would be shown as -0.0.
  const rounded = Number(x.toFixed(shown)) === 0 ? 0 : x
  return { value: number(shown, locale).format(rounded), unit: step.prefix + unit }
}

export function text(v: number | null | undefined, unit: string, locale = chosen): string {
  const s = scaled(v, unit, locale)
  return s.value === DASH ? DASH : withUnit(s.value, s.unit)
}

/** The prefix of the greatest of several values, which all of them have at an axis. */
function common(values: readonly (number | null | undefined)[], unit: string): { scale: number; unit: string } {
  const most = values.reduce<number>((m, v) => Math.max(m, Math.abs(v ?? 0)), 0)
  const s = (prefixed.test(unit) ? steps.find((x) => most >= x.at) : undefined) ?? steps[3]
  return { scale: s.at === 0 ? 1 : s.at, unit: s.prefix + word(unit) }
}

const withUnit = (value: string, unit: string) => (unit === '' ? value : `${value}\u00a0${unit}`)

/** The values at an axis, with one prefix and as many digits as their steps need. */
export function axisTexts(values: readonly number[], step: number, unit: string, locale = chosen): string[] {
  const c = common(values, unit)
  let digits = 0
  for (let x = step / c.scale; digits < 6 && Math.abs(x - Math.round(x)) > 1e-6; x *= 10) digits++
  return values.map((v) => withUnit(number(digits, locale).format(v === 0 ? 0 : v / c.scale), c.unit))
}

/** Tells what stands at an axis for such values, with one prefix, where the axis has round numbers of its own. */
export function axisText(values: readonly (number | null | undefined)[], unit: string, locale = chosen): (v: number) => string {
  const c = common(values, unit)
  const f = new Intl.NumberFormat(locale, { maximumFractionDigits: 6 })
  return (v) => withUnit(f.format(v === 0 ? 0 : v / c.scale), c.unit)
}

/** A value in a sentence: four digits at most, and no zeros behind the point. */
export function figure(v: number | null | undefined, unit: string, locale = chosen): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return DASH
  const a = Math.abs(v)
  const step = (prefixed.test(unit) ? steps.find((s) => a >= s.at) : undefined) ?? steps[3]
  const scale = step.at === 0 ? 1 : step.at
  const x = new Intl.NumberFormat(locale, { maximumSignificantDigits: 4 }).format(v === 0 ? 0 : v / scale)
  return withUnit(x, step.prefix + word(unit))
}

export function power(v: number | null | undefined, locale = chosen): string {
  return text(v, 'W', locale)
}

/** Energy in kWh, with enough digits that it visibly moves. */
export function kilowattHours(wh: number | null | undefined, locale = chosen): Shown {
  if (wh === null || wh === undefined || !Number.isFinite(wh)) return { value: DASH, unit: 'kWh' }
  const k = wh / 1000
  if (Math.abs(k) >= 1e5) return { value: number(2, locale).format(k / 1000), unit: 'MWh' }
  const digits = Math.abs(k) >= 10_000 ? 0 : Math.abs(k) >= 1000 ? 1 : Math.abs(k) >= 100 ? 2 : 3
  return { value: number(digits, locale).format(k), unit: 'kWh' }
}

/** A share from 0 to 1 as percent. */
export function percent(v: number | null | undefined, digits = 0, locale = chosen): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return DASH
  return `${number(digits, locale).format(v * 100)}\u00a0%`
}

/** A change as percent with its sign. */
export function signedPercent(v: number | null | undefined, locale = chosen): string {
  if (v === null || v === undefined || !Number.isFinite(v)) return DASH
  const digits = Math.abs(v) < 0.1 ? 1 : 0
  const x = Number((v * 100).toFixed(digits))
  const sign = x > 0 ? '+' : x < 0 ? '−' : '±'
  return `${sign}${number(digits, locale).format(Math.abs(x))}\u00a0%`
}

/** How long ago, in one unit. */
export function ago(ms: number, locale = chosen): string {
  const f = new Intl.RelativeTimeFormat(locale, { numeric: 'always', style: 'short' })
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 90) return f.format(-s, 'second')
  if (s < 90 * 60) return f.format(-Math.round(s / 60), 'minute')
  if (s < 36 * 3600) return f.format(-Math.round(s / 3600), 'hour')
  return f.format(-Math.round(s / 86400), 'day')
}

/** The unit of a quantity, as record's quantities name it; none of plain numbers, and of what nobody knows. */
export function unitOf(quantity: string): string {
  switch (quantity) {
    case 'active_power':
      return 'W'
    case 'energy':
      return 'Wh'
    case 'reactive_power':
      return 'var'
    case 'apparent_power':
      return 'VA'
    case 'reactive_energy':
      return 'varh'
    case 'apparent_energy':
      return 'VAh'
    case 'voltage':
      return 'V'
    case 'current':
      return 'A'
    case 'frequency':
      return 'Hz'
    case 'temperature':
      return '°C'
    case 'humidity':
      return '%'
    case 'volume':
      return 'm³'
    case 'phase_angle':
      return '°'
    case 'pressure':
      return 'Pa'
    case 'illuminance':
      return 'lx'
    case 'irradiance':
      return 'W/m²'
    case 'volume_flow':
      return 'm³/h'
    case 'mass':
      return 'kg'
    case 'mass_flow':
      return 'kg/h'
    case 'speed':
      return 'm/s'
    case 'concentration':
      return 'ppm'
    case 'charge':
      return 'Ah'
    case 'duration':
      return 's'
    default:
      return ''
  }
}
