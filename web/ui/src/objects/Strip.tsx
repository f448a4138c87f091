// States over time as a strip, each with a pattern of its own, and how long
// each lasted in words.

import { useLingui } from '@lingui/react/macro'
import { sharesOf, states, type Stretch } from '../lib/objects'
import { percent } from '../lib/format'
import { time } from '../lib/time'
import { useStates } from './words'
import classes from './Objects.module.css'

export function Strip({ list, label, zone }: { list: readonly Stretch[]; label: string; zone: string }) {
  const { t } = useLingui()
  const names = useStates()
  const from = list[0]?.from ?? 0
  const to = list.at(-1)?.to ?? 0
  const wide = Math.max(1, to - from)
  const shares = sharesOf(list)
  const said = states.flatMap((s) => (shares[s] === undefined ? [] : [`${names[s]} ${percent(shares[s], 1)}`])).join(', ')
  return (
    <div>
      <div className={classes.strip} role="img" aria-label={said === '' ? t`${label}: nothing is known` : `${label}: ${said}`}>
        {list.map((s) => (
          <span key={s.from} data-state={s.state} style={{ width: `${((s.to - s.from) / wide) * 100}%` }} title={`${s.state === undefined ? t`not known` : names[s.state]}: ${time(s.from, zone)} – ${time(s.to, zone)}`} />
        ))}
      </div>
      <div className={classes.ends} aria-hidden="true">
        <span>{time(from, zone)}</span>
        <span>{time(to, zone)}</span>
      </div>
      <ul className={classes.key} aria-label={t`How long it was how`}>
        {states.flatMap((s) =>
          shares[s] === undefined ? [] : [
            <li key={s}>
              <i data-state={s} aria-hidden="true" />
              {names[s]} <span className="ww-number">{percent(shares[s], 1)}</span>
            </li>,
          ],
        )}
      </ul>
    </div>
  )
}
