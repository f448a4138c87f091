// The names of ways to stand in, and of where others are.

import { useLingui } from '@lingui/react/macro'

export function useMethods(): (m: string) => string {
  const { t } = useLingui()
  return (m) =>
    ({
      identity: t`as the other`, offset: t`the other, shifted`, ratio: t`the other, scaled`, hourly_ratio: t`the other, scaled by the hour`, ridge: t`fitted on several`, balance: t`main less the others`, balance_rest: t`share of what is left of the main`,
      blend: t`a blend`, last: t`last value`, day_before: t`same hour yesterday`, mean7: t`mean of seven days`, weekly_profile: t`weekly profile`, past: t`fitted on its past`, forecast: t`forecast`,
    })[m] ?? m
}

export function usePlaces(): (p: string) => string {
  const { t } = useLingui()
  return (p) => ({ replica: t`its replica`, together: t`same group`, group: t`same group`, room: t`same room`, floor: t`same level`, building: t`same building`, external: t`elsewhere` })[p] ?? p
}
