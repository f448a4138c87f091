// Why something stands in, and why something else cannot, in the language of
// the page. The program keeps these sentences with what stood in, so that the
// pages know them by their formats, as they know those of services; a test
// holds this page to them. A sentence that is not known is shown as it came.

import { useLingui } from '@lingui/react/macro'
import { locale } from '../lib/locale'
import { matching } from '../lib/reasons'
import { lasting } from '../lib/units'
import { useMethods } from './words'

type Says = (x: readonly string[]) => string

const digits = new Intl.NumberFormat(locale, { maximumSignificantDigits: 4 })

/** A number of the program, as people write it here. */
const number = (s: string | undefined): string => (s === undefined || s === '' || !Number.isFinite(Number(s)) ? (s ?? '') : digits.format(Number(s)))

const seconds: Record<string, number> = { h: 3600, m: 60, s: 1 }

/** A length of time of the program: "24h", "90m", "5s". */
function length(s: string | undefined): string {
  const is = /^([\d.]+)([hms])$/.exec(s ?? '')
  return is ? lasting(Number(is[1]) * (seconds[is[2] ?? ''] ?? 1)) : (s ?? '')
}

const object = (s: string | undefined): string => (s ?? '').replace(/^(sensor|group)\//, '')

export function useStandingReasons(): (said: string) => string {
  const { t } = useLingui()
  const method = useMethods()
  const all: Record<string, Says> = {
    '%s is expected to be wrong by %.4g %s, less than anything else': ([m, x, u]) => t`“${method(m ?? '')}” is expected to be wrong by ${number(x)} ${u ?? ''}, less than anything else`,
    '%s saves at least %.0f %% of the error': ([m, p]) => t`“${method(m ?? '')}” saves at least ${p ?? ''} % of the error`,
    '%s does not measure itself any more': ([id]) => t`${object(id)} does not measure itself any more`,
    'it holds for no longer than %s': ([d]) => t`it holds for no longer than ${length(d)}`,
    'its error is known for %s only': ([d]) => t`its error is known for ${length(d)} only`,
    'it was wrong by more than was expected': () => t`it was wrong by more than was expected`,
    'nothing is known that could stand in': () => t`nothing is known that could stand in`,
    'the object never measured anything': () => t`the object never measured anything`,
    'the object has been away for longer than %s': ([d]) => t`the object has been away for longer than ${length(d)}`,
    'nothing is good enough': () => t`nothing is good enough`,
    '%d good readings in a row': ([n]) => t`${n ?? ''} good readings in a row`,
    '%s was wrong by %.4g %s in %d values, %.4g %s were expected': ([m, a, u, n, b, v]) => t`“${method(m ?? '')}” was wrong by ${number(a)} ${u ?? ''} in ${n ?? ''} values, ${number(b)} ${v ?? ''} were expected`,
    'the object is unknown': () => t`the object is unknown`,
    'it is no sensor: what a group has follows from its members': () => t`it is no sensor: what a group has follows from its members`,
    'nothing is known of what it measured': () => t`nothing is known of what it measured`,
    'it measures %s in %s, not %s in %s': ([, u, , v]) => t`it measures in ${u ?? ''}, not in ${v ?? ''}`,
    'it is computed from others, not measured': () => t`it is computed from others, not measured`,
    'it is written to, not measured': () => t`it is written to, not measured`,
    'neither the group nor one around it has a meter of its own': () => t`neither the group nor one around it has a meter of its own`,
    'group %.60s cannot be looked into': ([id]) => t`group ${id ?? ''} cannot be looked into`,
    '%s is unknown': ([id]) => t`${object(id)} is unknown`,
    'it has more than %d members': ([n]) => t`it has more than ${n ?? ''} members`,
    'expected to be wrong by %.4g %s, %.4g %s are taken': ([a, u, b, v]) => t`expected to be wrong by ${number(a)} ${u ?? ''}, ${number(b)} ${v ?? ''} are taken`,
    'expected to be wrong by %.1f %%, %.1f %% are taken': ([a, b]) => t`expected to be wrong by ${number(a)} %, ${number(b)} % are taken`,
    'known to hold for %s only': ([d]) => t`known to hold for ${length(d)} only`,
    'in need of what does not measure itself now': () => t`in need of what does not measure itself now`,
    'known to have been wrong by more than was expected': () => t`known to have been wrong by more than was expected`,
    '%d more are farther away than the %d that are considered': ([n, m]) => t`${n ?? ''} more are farther away than the ${m ?? ''} that are considered`,
    'too few of its values are of times at which a mapping could be tried': () => t`too few of its values are of times at which a mapping could be tried`,
    'its history is too short, or has too many gaps, for anything to be tried on': () => t`its history is too short, or has too many gaps, for anything to be tried on`,
    'unit %.40q is none of %s': ([u]) => t`its unit ${u ?? ''} does not go with its quantity`,
    'a step of %d ms does not divide a day': ([n]) => t`a step of ${n ?? ''} ms does not divide a day`,
    'it has values that are larger than any real quantity': () => t`it has values that are larger than any real quantity`,
    'it has only %d values, %d are needed': ([a, b]) => t`it has only ${a ?? ''} values, ${b ?? ''} are needed`,
    'it has only %d values in the later half of its history': ([a]) => t`it has only ${a ?? ''} values in the later half of its history`,
    'it is the object itself': () => t`it is the object itself`,
    'its unit %.40q is none of %s': ([u]) => t`its unit ${u ?? ''} does not go with its quantity`,
    'its values are on a grid of %d ms, not on that of %d ms': ([a, b]) => t`its values are on a grid of ${a ?? ''} ms, not on that of ${b ?? ''} ms`,
    'only %d of its values are of the same times, %d are needed': ([a, b]) => t`only ${a ?? ''} of its values are of the same times, ${b ?? ''} are needed`,
    'a balance of %d members, 1 to %d are taken': ([a, b]) => t`a balance of ${a ?? ''} members, 1 to ${b ?? ''} are taken`,
    'its members have too few values of the same times': () => t`its members have too few values of the same times`,
  }
  const one = (said: string): string | undefined => {
    for (const [format, says] of Object.entries(all)) {
      const found = matching(format, said)
      if (found) return says(found)
    }
    return undefined
  }
  /** One is put before another: what was wrong, and what is done about it. */
  const say = (said: string): string => {
    const held = matching('%s; the last change was less than %s ago', said)
    if (held) return t`${say(held[0] ?? '')}; the last change was less than ${length(held[1])} ago`
    const parts = matching('%s: %s', said)
    const first = parts ? one(parts[0] ?? '') : undefined
    if (first !== undefined) return `${first}: ${say(parts?.[1] ?? '')}`
    const known = one(said)
    if (known !== undefined) return known
    if (parts) return `${object(parts[0])}: ${say(parts[1] ?? '')}`
    const is = matching('%s is %s', said)
    const rest = is ? one(is[1] ?? '') : undefined
    return rest === undefined ? object(said) : `${method(is?.[0] ?? '')}: ${rest}`
  }
  return say
}
