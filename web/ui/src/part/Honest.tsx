// How far a figure can be trusted: what stands beside every energy.

import { useLingui } from '@lingui/react/macro'
import { percent } from '../lib/format'

/** The part of the time that readings speak of, and the part that was estimated, 0 to 1; null when not known. */
export function useHonest(): (completeness: number | null | undefined, estimated: number | null | undefined) => string {
  const { t } = useLingui()
  return (completeness, estimated) => {
    const share = percent(completeness, completeness !== null && completeness !== undefined && completeness > 0.99 && completeness < 0.9995 ? 2 : 0)
    const said = t`${share} complete`
    if (estimated === null || estimated === undefined || estimated < 0.00005) return said
    return t`${said}, ${percent(estimated, estimated < 0.1 ? 1 : 0)} estimated`
  }
}
