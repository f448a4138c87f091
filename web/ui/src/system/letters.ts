// Why something was not taken, in the language of the page: by the code of its
// reason, with what the program put in. What is not known, or was kept by a
// version that had no codes, stands as it came; a test holds this page to the
// codes there are (docs/phrases.md).

import { t } from '@lingui/core/macro'
import { Given } from '../lib/given'
import { count } from '../lib/units'

interface Refused {
  reason?: string
  code?: string
  params?: Readonly<Record<string, unknown>>
}

const kinds: Record<string, () => string> = { sensor: () => t`sensor`, group: () => t`group` }

const reasons: Record<string, (g: Given, zone: string) => string> = {
  'identifier-empty': (g) => t`The identifier is empty: ${kindOf(g)}`,
  'identifier-long': (g) => t`The identifier ${g.text('id')}… is ${g.count('bytes')} bytes long, at most ${g.count('most')} are taken.`,
  'identifier-odd': (g) => t`The identifier “${g.text('id')}” cannot be used: it has spaces at its ends, or characters that cannot be printed.`,
  'value-not-finite': (g) => t`The value is not a finite number: ${g.text('value')}`,
  'value-too-large': (g) => t`The value is larger than any real quantity: ${g.exact('value')}`,
  'time-out-of-bounds': () => t`The time is outside 1970 to 2100.`,
  'time-ahead': (g, zone) => t`The time ${g.time('time', zone)} is ${g.lasting('seconds')} ahead of the clock, at most ${g.lasting('most')} are taken.`,
  'time-unreadable': (g) => t`The time “${g.text('text')}” cannot be read.`,
  'unit-unknown': (g) => t`The unit “${g.text('unit')}” is unknown.`,
  'unit-other': (g) => t`The unit “${g.text('unit')}” measures ${g.text('measures')}, but the sensor measures ${g.text('is')}.`,
  'sensor-virtual': (g) => t`Sensor ${g.text('sensor')} is virtual: its values follow from its formula, and are not sent.`,
  'sign-contrary': () => t`Its sign contradicts the meter's own counters or status: whether energy is drawn or fed in is not known.`,
  'not-json': (g) => t`That is not JSON: ${g.text('error')}`,
  'message-empty': () => t`The message is empty.`,
  'message-long': (g) => t`A value of the message is ${g.count('bytes')} bytes long, at most ${g.count('most')} are taken.`,
  'message-foreign': (g) => (g.has('error') ? t`That is not a message of ${g.text('of')}: ${g.text('error')}` : t`That is not a message of ${g.text('of')}.`),
  'message-lacks': (g) => t`The message has nothing at “${g.text('part')}”.`,
  'name-lacks': (g) => t`The message has no “${g.text('part')}”, which the sensor is named by (${g.text('template')}).`,
  'not-a-number': (g) => t`The value is not a number: ${g.text('text')}`,
  'row-torn': (g) => t`Row ${g.count('row')} has ${g.count('has')} of ${g.count('columns')} columns.`,
  'line-unreadable': (g) => t`The line “${g.text('line')}” cannot be read: ${g.text('error')}`,
  'precision-odd': (g) => t`The precision “${g.text('precision')}” is none of ns, us, ms, s, m, h.`,
  'bytes-malformed': () => t`The message is malformed.`,
  'only-a-beginning': () => t`Only the beginning of what was offered is kept; its sender must send it again.`,
  contradiction: (g, zone) =>
    g.has('time')
      ? t`Another value is stored for this sensor and time, and the first one stays: ${g.exact('offered')} was offered for ${g.time('time', zone)}, ${g.exact('stored')} is stored.`
      : t`Another value is stored for this sensor and time, and the first one stays.`,
  'too-old': () => t`Too far behind the newest record; “wattwerk import” takes old data.`,
  'too-new': () => t`The time is too far in the future.`,
  expired: () => t`Older than what is kept here.`,
  'manifest-refused': (g) => {
    const manifest = g.text('manifest')
    const processor = g.text('processor')
    const reason = g.text('reason')
    if (g.has('sink')) return t`Manifest “${manifest}”, processor “${processor}”: the sink “${g.text('sink')}” refused a result: ${reason}`
    return processor === '' ? t`Manifest “${manifest}”: ${reason}` : t`Manifest “${manifest}”, processor “${processor}”: ${reason}`
  },
  'source-unreadable': (g) => t`Data source “${g.text('source')}”: ${g.text('reason')}`,
  'others-refused': (g, zone) => {
    const last = reasons[g.text('last')]?.(g, zone)
    const more = last === undefined ? t`${g.count('count')} more of this delivery were refused.` : t`${g.count('count')} more of this delivery were refused, the last because: ${last}`
    return g.has('faults') ? `${more} ${t`After ${g.count('faults')} faults the rest was not looked at.`}` : more
  },
}

function kindOf(g: Given): string {
  return kinds[g.text('kind')]?.() ?? g.text('kind')
}

/** Why it was refused. */
export function reasonOf(x: Refused, zone: string): string {
  const says = reasons[x.code ?? '']
  if (says === undefined) return x.reason ?? ''
  const g = new Given(x.params ?? {})
  const said = says(g, zone)
  return g.number('more') > 0 ? t`${said} (and ${count(g.number('more'))} more like it)` : said
}
