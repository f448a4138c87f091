// How an odd reading of a counter was understood, in the language of the
// page: by its kind. One that is not known stands as it came; a test holds
// this page to the kinds there are.

import { t } from '@lingui/core/macro'
import type { AnnotationBody } from '../api/generated/types.gen'
import { DASH } from '../lib/format'
import { locale } from '../lib/locale'
import { unitFor, valueFor } from '../lib/own'
import type { Subject } from '../subject/subject'

/** All digits: they are readings. */
const digits = new Intl.NumberFormat(locale, { maximumFractionDigits: 6 })

type Readings = Pick<AnnotationBody, 'kind' | 'before' | 'after' | 'sentence'>

export function understood(a: Readings, subject: Pick<Subject, 'unit' | 'own'>): string {
  const said = (v: number | null) => v === null ? DASH : `${digits.format(valueFor(subject, v))}\u00a0${unitFor(subject)}`
  const before = said(a.before)
  const after = said(a.after)
  switch (a.kind) {
    case 'reset':
      return t`The counter began anew: ${after} after ${before}.`
    case 'rollover':
      return t`The counter turned over: ${after} after ${before}.`
    case 'backstep':
      return t`It fell by so little that it means nothing: ${after} after ${before}.`
    case 'jump':
      return t`It rose by more than it can, or fell for no reason that is known: ${after} after ${before}.`
    case 'swap':
      return t`The device was replaced: ${after} after ${before}.`
    case 'glitch':
      if (a.before === null) return t`The reading is set aside: ${after}, and there is none before it.`
      return t`The reading is set aside: ${after} after ${before}.`
    case 'stated':
      return t`Somebody said by how much it rose: ${after} after ${before}.`
    case 'too large':
      return a.after === null ? t`The amount is too large to be true and is left out.` : t`Too large to be true, it is left out: ${after}.`
    default:
      return a.sentence
  }
}
