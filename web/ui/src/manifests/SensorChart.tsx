// A sensor that a manifest writes to, over time.

import { useLingui } from '@lingui/react/macro'
import { useMemo } from 'react'
import { TimeChart } from '../chart/TimeChart'
import { useSeries } from '../data/series'
import type { Index } from '../lib/tree'
import { useSpan } from '../shell/span'
import { sensorSubject, sourceOf } from '../subject/subject'

export function Chart({ index, id }: { index: Index; id: string }) {
  const { t } = useLingui()
  const view = useSpan('24h')
  const subject = useMemo(() => sensorSubject(index, id), [index, id])
  const sources = useMemo(() => [sourceOf(subject)], [subject])
  const { lines, from, to } = useSeries(sources, view)
  return <TimeChart lines={lines} from={from} to={to} zone={subject.zone} label={t`Values of ${subject.label}`} height={180} onSpan={view.set} onLive={view.follow} />
}
