// What was found and why something is forecast, in words.

import { useLingui } from '@lingui/react/macro'
import { useMemo } from 'react'
import type { Anomaly, KeptForecast } from '../api/standing'

export type AnomalyKind = Anomaly['kind']

export const anomalyKinds: readonly AnomalyKind[] = ['stuck', 'zero', 'unusual', 'parts', 'backwards', 'rating']

export function useAnomalyKinds(): Record<AnomalyKind, string> {
  const { t } = useLingui()
  return useMemo(
    () => ({
      stuck: t`one value for too long`, zero: t`nothing where there was something`, unusual: t`far from what is usual`, parts: t`members are more than their meter`, backwards: t`a counter shows less than before`,
      rating: t`more than can be`,
    }),
    [t],
  )
}

export function useReasons(): Record<KeptForecast['because'], string> {
  const { t } = useLingui()
  return useMemo(() => ({ setting: t`somebody set it so`, service: t`an energy service needs it`, asked: t`somebody asked`, root: t`root of a hierarchy` }), [t])
}
