// What a group is like over longer times: settled energy, peaks, what is usual.

import { useLingui } from '@lingui/react/macro'
import type { Index } from '../lib/tree'
import { Seen } from '../part/Seen'
import type { View } from '../shell/span'
import { Energy } from '../subject/Energy'
import { Histogram } from '../subject/Histogram'
import { Peaks, Running } from '../subject/Peaks'
import { Composition, DayProfile, WeekdayProfile, WeekMap } from '../subject/Profiles'
import type { Subject } from '../subject/subject'
import classes from '../subject/Parts.module.css'
import type { Pick } from './Contributions'

export function Below({ index, subject, view, onPick }: { index: Index; subject: Extract<Subject, { kind: 'group' }>; view: View; onPick: Pick }) {
  const { t } = useLingui()
  return (
    <div className={classes.parts}>
      <div className={classes.two}>
        <Energy subject={subject} view={view} title={t`Energy`} />
        <Peaks subject={subject} view={view} index={index} />
      </div>
      <Seen height={350} className={classes.wide}>
        <WeekMap subject={subject} view={view} />
        <Running subject={subject} />
      </Seen>
      <Seen height={300} className={classes.three}>
        <DayProfile subject={subject} view={view} />
        <WeekdayProfile subject={subject} view={view} />
        <Histogram subject={subject} view={view} />
      </Seen>
      <Seen height={300} className={classes.parts}>
        <Composition subject={subject} view={view} onPick={onPick} />
      </Seen>
    </div>
  )
}
