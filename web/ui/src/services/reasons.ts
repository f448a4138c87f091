// What services say of their results in sentences, in the language of the page. The
// keys are the sentences as the program has them, with % where it puts something in; a
// test holds them to it. A sentence that is not known is shown as it came.

import { useLingui } from '@lingui/react/macro'
import { matching } from '../lib/reasons'

type Says = (x: readonly string[]) => string

/** Each sentence of the program, and how it reads. */
export function useReasons(): (said: string) => string {
  const { t } = useLingui()
  const all: Record<string, Says> = {
    'it is on from %.1f W on: that parts its powers best': ([w]) => t`It counts as on from ${w ?? ''} W, which parts its powers best.`,
    'its powers are one group: it does not switch, or is switched all at once with others': () => t`Its powers are one group: it does not switch, or is switched together with others.`,
    '%s cut by time of which nothing is known; what is cut counts for no mean': ([n]) => t`${(n ?? '').replace(/ cycles?$/, '')} runs are cut by time of which nothing is known; they count for no mean.`,
    'no day is known by nine tenths: nothing is said of days to come': () => t`No day is known by nine tenths, so nothing is said of days to come.`,
    'it is never seen off: nothing is said of standby': () => t`It is never seen off, so nothing is said of standby.`,
    'nothing is known of today': () => t`Nothing is known of today.`,
    '%d days like today are known, and %.0f %% of today: whether it is usual is not said': ([n, p]) => t`${n ?? ''} days like today are known, and ${p ?? ''} % of today: too little to say whether it is usual.`,
    'in %.1f of %.1f hours it is not known whether somebody was there; nothing is called waste in them': ([a, b]) => t`In ${a ?? ''} of ${b ?? ''} hours it is not known whether somebody was there; nothing is called waste in them.`,
    '%s took %.1f kWh above its base of %.0f W while nobody was there, in %.1f hours': ([id, kwh, w, h]) => t`${(id ?? '').replace(/^(sensor|group)\//, '')} took ${kwh ?? ''} kWh above its base of ${w ?? ''} W while nobody was there, in ${h ?? ''} hours.`,
    'the schedule of day %d holds %.0f %% of the time in which somebody was there: keep a button that starts it': ([d, p]) => t`The schedule of day ${String(Number(d) + 1)} of the week holds ${p ?? ''} % of the time in which somebody was there: keep a button that starts it.`,
    '%d days of the week are known on fewer than two days by four fifths: there is no schedule for them': ([n]) => t`${n ?? ''} days of the week are known too little: there is no schedule for them.`,
    'no week is known on four days: nothing is said of savings': () => t`No week is known on four days, so nothing is said of savings.`,
    'the saving rests on %d weeks; other seasons are not in it': ([n]) => t`The saving rests on ${n ?? ''} weeks; other seasons are not in it.`,
    '%.0f %% of what heating and cooling would save is taken off for bringing the room back': ([p]) => t`${p ?? ''} % of what heating and cooling would save is taken off for bringing the room back to its temperature.`,
    'there is no outdoor temperature: the calendar alone explains the energy': () => t`There is no outdoor temperature: the calendar alone explains the energy.`,
    'the outdoor temperature is known on %d of %d days: the calendar alone explains the energy': ([a, b]) => t`The outdoor temperature is known on ${a ?? ''} of ${b ?? ''} days: the calendar alone explains the energy.`,
    'the baseline has %d days: seasons that are not in it are not in the model': ([n]) => t`The baseline has ${n ?? ''} days: seasons that are not in it are not in the model.`,
    'no day since the measure is known as a whole': () => t`No day since the measure is known as a whole.`,
    'a saving of %.0f kWh cannot be told from chance: its uncertainty is %.0f kWh': ([a, b]) => t`A saving of ${a ?? ''} kWh cannot be told from chance: its uncertainty is ${b ?? ''} kWh.`,
    '%d of %d days since the measure were hotter or colder than any of the baseline: there the model is carried on': ([a, b]) => t`${a ?? ''} of ${b ?? ''} days since the measure were hotter or colder than any of the baseline: there the model is carried on.`,
    '%d of %d days since the measure rest on estimated or substituted amounts': ([a, b]) => t`${a ?? ''} of ${b ?? ''} days since the measure rest on estimated or substituted amounts.`,
    '%d days since the measure are left out: something of them is not known': ([n]) => t`${n ?? ''} days since the measure are left out: something of them is not known.`,
    'of the last 365 days %d can be said by the model: nothing is said of the next year': ([n]) => t`Of the last 365 days the model can say ${n ?? ''}: nothing is said of the next year.`,
    'the measure has been in force on %d days that are known: that it saves the same part in other seasons is an assumption': ([n]) => t`The measure has been in force on ${n ?? ''} known days: that it saves the same part in other seasons is an assumption.`,
    'measure %s: its hours are known on %d days; 7 are needed': ([id, n]) => t`Measure ${id ?? ''}: its hours are known on ${n ?? ''} days; 7 are needed.`,
    'measure %s rests on %d days; other seasons are not in it': ([id, n]) => t`Measure ${id ?? ''} rests on ${n ?? ''} days; other seasons are not in it.`,
    'it took %.0f Wh so far, more than the %.0f it takes by now at most on such days': ([a, b]) => t`It took ${a ?? ''} Wh so far, more than the ${b ?? ''} Wh it takes by now at most on such days.`,
    'it took %.0f Wh so far, less than the %.0f it takes by now at least on such days': ([a, b]) => t`It took ${a ?? ''} Wh so far, less than the ${b ?? ''} Wh it takes by now at least on such days.`,
    'it has run for %.1f h, and never ran longer than %.1f h': ([a, b]) => t`It has run for ${a ?? ''} h, and never ran longer than ${b ?? ''} h.`,
    'it has not run for %.1f h, and never paused longer than %.1f h': ([a, b]) => t`It has not run for ${a ?? ''} h, and never paused longer than ${b ?? ''} h.`,
    'the baseline has %d days that are known as a whole; %d are needed': ([a, b]) => t`The baseline has ${a ?? ''} days that are known as a whole; ${b ?? ''} are needed.`,
    'no model can be fitted to the baseline': () => t`No model can be fitted to the baseline.`,
    'the model explains too little: CV(RMSE) %.1f %% within and %.1f %% on days left out (limit %.0f %%), NMBE %.1f %% on days left out (limit %.0f %%), R² %.2f': ([a, b, c, d, e, f]) =>
      t`The model explains too little: CV(RMSE) ${a ?? ''} % within and ${b ?? ''} % on days left out (limit ${c ?? ''} %), NMBE ${d ?? ''} % on days left out (limit ${e ?? ''} %), R² ${f ?? ''}.`,
  }
  return (said) => {
    for (const [format, says] of Object.entries(all)) {
      const found = matching(format, said)
      if (found) return says(found)
    }
    return said
  }
}
