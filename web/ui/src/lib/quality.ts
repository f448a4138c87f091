// How a settled window is known: measured, or how else, in words and in hatching.

import { t } from '@lingui/core/macro'
import type { WindowsBody } from '../api/generated/types.gen'

export type Quality = NonNullable<WindowsBody['quality']>[number]

/** As the tables say it. */
export function qualityName(q: Quality | null | undefined): string {
  switch (q) {
    case 'measured':
      return t`measured`
    case 'corrected':
      return t`corrected`
    case 'substituted':
      return t`substituted`
    case 'estimated':
      return t`estimated`
    default:
      return t`nothing known`
  }
}

/** The order of the legend: those that are marked. */
export const marked = ['corrected', 'substituted', 'estimated'] as const

/** The pattern of a bar's filling; none of what was measured. */
export function hatching(q: Quality | null | undefined, ink: string): object | undefined {
  switch (q) {
    case 'estimated':
      return { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4, color: ink }
    case 'substituted':
      return { symbol: 'circle', symbolSize: 0.9, dashArrayX: [[7, 7], [0, 7, 7, 0]], dashArrayY: [5, 0], color: ink }
    case 'corrected':
      return { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [1.5, 6], color: ink }
    default:
      return undefined
  }
}
