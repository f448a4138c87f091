// What became of an alert, in the language of the page: by the code of its
// sentence, with what the program put in. What is not known, or was noted by a
// version that had no codes, stands as it came; a test holds this page to the
// codes there are (docs/phrases.md).

import { t } from '@lingui/core/macro'
import type { Case, Incident, Oddity } from '../api/generated/types.gen'
import { figure } from '../lib/format'
import { time } from '../lib/time'
import { lasting } from '../lib/units'

type Told = Pick<Incident, 'sentence' | 'code' | 'params'>

/** What is the case, or was. */
function whatOf(code: string, p: Case): string | undefined {
  const name = p.sensor !== undefined ? t`sensor ${p.sensor}` : p.group !== undefined ? t`group ${p.group}` : (p.rule ?? '')
  const of: Record<string, () => string> = { unaccounted: () => t`unaccounted of ${name}`, meter: () => t`meter of ${name}`, magnitude: () => t`magnitude of ${name}` }
  const subject = of[p.of ?? '']?.() ?? name
  const over = p.change === 'resolved' || p.change === 'withdrawn' || p.change === 'passed'
  const known = p.value !== null
  const show = (v: number) => (code === 'alert-coverage' ? figure(v * 100, '%') : figure(v, p.unit ?? ''))
  const value = p.value === null ? t`unknown` : show(p.value)
  const limit = show(p.limit)
  switch (code) {
    case 'alert-above':
      return over ? t`${subject} was above ${limit}, it is ${value}` : t`${subject} above ${limit}, it is ${value}`
    case 'alert-below':
      return over ? t`${subject} was below ${limit}, it is ${value}` : t`${subject} below ${limit}, it is ${value}`
    case 'alert-missing':
      if (p.group !== undefined) return over ? t`nothing was heard from ${name}` : t`nothing is heard from ${name}`
      return over ? t`there was no reading from ${name}` : t`no reading from ${name}`
    case 'alert-coverage':
      if (!known) return t`how many members of ${name} have a value is unknown, limit ${limit}`
      return over ? t`${value} of the members of ${name} have a value, limit ${limit}` : t`${value} of the members of ${name} have a value, less than ${limit}`
    case 'alert-power-factor':
      return over ? t`power factor of ${name} was below ${limit}, it is ${value}` : t`power factor of ${name} below ${limit}, it is ${value}`
    case 'alert-demand':
      return over ? t`${subject} was going to be above ${limit}, the forecast is ${value}` : t`${subject} is going to be above ${limit}, forecast ${value}`
    case 'alert-budget':
      if (!known) return t`how much ${name} has used is unknown, limit ${limit}`
      return over ? t`${name} has used ${value} now, limit ${limit}` : t`${name} has used ${value}, more than ${limit}`
    case 'alert-deviation':
      if (!known) return over ? t`${name} was not as usual` : t`${name} is not as usual`
      return over ? t`${name} was not as usual, it is off by ${value} times the usual spread` : t`${name} is not as usual, by ${value} times the usual spread`
    case 'alert-external':
      return name
  }
  return undefined
}

/** What the module service found. */
function oddityOf(o: Oddity, zone: string): string {
  const kinds: Record<string, () => string> = {
    stuck: () => t`one value for too long`, zero: () => t`nothing where there was something`, unusual: () => t`far from what is usual`, parts: () => t`members are more than their meter`,
    backwards: () => t`a counter shows less than before`, rating: () => t`more than can be`,
  }
  const what = kinds[o.kind]?.() ?? o.kind
  const since = time(o.began, zone)
  const object = o.object.replace(/^(sensor|group)\//, '')
  const said = t`${object} since ${since}: ${what}`
  if (o.value === undefined) return said
  const value = figure(o.value, '')
  return o.expected === undefined ? `${said}, ${value}` : t`${said}, ${value} instead of about ${figure(o.expected, '')}`
}

/** The figures beside the value. */
function noteOf(p: Case, zone: string): string {
  const show = (v: number) => figure(v, p.unit ?? '')
  const usual = (v: number) => figure(v, p.usualUnit ?? '')
  // Only what is whole is 100 %.
  const part = (v: number) => figure(Math.floor(v * 100 + 1e-9), '%')
  const clock = (at: string) => time(Date.parse(at), zone, 'clock')
  const out: string[] = []
  if (p.found !== undefined) out.push(oddityOf(p.found, zone))
  else if (p.text !== undefined) out.push(p.text)
  if (p.windowEnd !== undefined) out.push(t`window until ${clock(p.windowEnd)}`)
  if (p.mean !== undefined) out.push(t`mean so far ${show(p.mean)}`)
  if (p.left !== undefined) out.push(t`at most ${show(p.left)} from now on`)
  if (p.settled !== undefined) out.push(t`settled until ${time(Date.parse(p.settled), zone)}`)
  if (p.completeness !== undefined) out.push(t`${part(p.completeness)} complete`)
  if (p.estimated !== undefined) out.push(t`${part(p.estimated)} estimated`)
  if (p.from !== undefined && p.to !== undefined && p.was !== undefined && p.low !== undefined && p.high !== undefined)
    out.push(t`from ${clock(p.from)} to ${clock(p.to)} it was ${usual(p.was)}, usual at this hour of the week are ${usual(p.low)} to ${usual(p.high)} (${p.weeks ?? 0} weeks)`)
  if (p.again === true) out.push(t`found when windows were settled again`)
  return out.join(', ')
}

function whyOf(why: string): string | undefined {
  switch (why) {
    case 'quiet':
      return t`quiet hours, or silenced`
    case 'untold':
      return t`nobody had been told`
    case 'rule-changed':
      return t`the rule was changed or removed`
    case 'settled-again':
      return t`settled again, it does not hold`
    case 'many-found':
      return t`as many others were found`
    case 'found-over':
      return t`it was over when it was found`
  }
  return undefined
}

/** Puts what became of it before what is the case. */
function changeOf(p: Case, what: string): string | undefined {
  const lasted = lasting((Date.parse(p.time) - Date.parse(p.since)) / 1000)
  switch (p.change) {
    case 'pending':
      return t`Pending: ${what}`
    case 'passed':
      return t`Passed: ${what}`
    case 'fired':
      return t`Fired: ${what}`
    case 'repeated':
      return t`Repeated: ${what}`
    case 'unknown':
      return t`Unknown: ${what}`
    case 'known':
      return t`Known again: ${what}`
    case 'suppressed':
      return t`Told already: ${what}`
    case 'resolved':
      return t`Resolved after ${lasted}: ${what}`
    case 'withdrawn':
      return t`Withdrawn: ${what}`
  }
  return undefined
}

/** The sentence of an alert, with times in the zone of its site, or of the page where it has none. */
export function sentenceOf(x: Told, otherwise = 'UTC'): string {
  const p = x.params
  if (x.code === undefined || p === undefined) return x.sentence
  const zone = p.zone ?? otherwise
  let what = whatOf(x.code, p)
  const why = p.why === undefined ? '' : whyOf(p.why)
  if (what === undefined || why === undefined) return x.sentence
  const ended = p.change === 'resolved' || p.change === 'withdrawn'
  const note = ended || p.change === 'suppressed' ? '' : noteOf(p, zone)
  if (note !== '') what += `, ${note}`
  if (p.change !== 'resolved') {
    const day = (at: string) => time(Date.parse(at), zone, 'date')
    const since = time(Date.parse(p.since), zone, day(p.since) === day(p.time) ? 'clock' : 'moment')
    what = t`${what}, since ${since}`
  }
  if (p.by !== undefined) what = t`${what}; told for group ${p.by}`
  const said = changeOf(p, what)
  if (said === undefined) return x.sentence
  return why === '' ? said : `${said} (${why})`
}
