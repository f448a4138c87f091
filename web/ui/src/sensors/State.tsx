// Whether a sensor still speaks, as a word with a sign.

import { useLingui } from '@lingui/react/macro'
import type { State } from '../lib/state'
import classes from './State.module.css'

export function useStateNames(): Record<State, string> {
  const { t } = useLingui()
  return { live: t`live`, late: t`late`, silent: t`silent`, never: t`never seen` }
}

export function StateMark({ state }: { state: State }) {
  const { t } = useLingui()
  const names = useStateNames()
  const meaning: Record<State, string> = {
    live: t`Sends as often as expected`,
    late: t`Its newest reading is older than one and a half intervals, but counts still`,
    silent: t`Its newest reading is too old to count`,
    never: t`It has never sent`,
  }
  return (
    <span className={classes.state} data-state={state} title={meaning[state]}>
      {names[state]}
    </span>
  )
}
