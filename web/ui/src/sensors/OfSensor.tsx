// Everything about one sensor.

import { useLingui } from '@lingui/react/macro'
import type { Index } from '../lib/tree'
import { readBefore, type Before } from '../lib/span'
import { Seen } from '../part/Seen'
import { useMe } from '../shell/session'
import type { View } from '../shell/span'
import { Energy } from '../subject/Energy'
import { Histogram } from '../subject/Histogram'
import { History } from '../subject/History'
import classes from '../subject/Parts.module.css'
import { Peaks, Running } from '../subject/Peaks'
import { DayProfile, WeekdayProfile, WeekMap } from '../subject/Profiles'
import type { Subject } from '../subject/subject'
import { DeadLetters } from './DeadLetters'
import { Devices } from './Devices'
import { Facts } from './Facts'
import { FiguresByHand, takesFigures } from './FiguresByHand'
import { Gaps } from './Gaps'
import { Annotations, Interventions } from './Interventions'
import { Readings } from './Readings'

export function OfSensor({ index, subject, view, compared, onCompare }: { index: Index; subject: Subject; view: View; compared: string | undefined; onCompare: (b: Before | undefined) => void }) {
  const { t } = useLingui()
  const may = useMe().data?.scopes?.includes('operate') ?? false
  // Nothing can be entered for what is in no model.
  const quantity = index.sensors.get(subject.id)?.quantity ?? ''
  const power = subject.unit === 'W' || (subject.counter && subject.unit === 'Wh')
  return (
    <div className={classes.parts}>
      <div className={classes.first}>
        <Facts index={index} subject={subject} />
        <History subject={subject} view={view} title={t`Over time`} compared={readBefore(compared)} onCompare={onCompare} height={320} />
      </div>
      <div className={classes.two}>
        <Energy subject={subject} view={view} title={power ? t`Energy and its quality` : t`Settled, and its quality`} />
        <Gaps subject={subject} view={view} />
      </div>
      <Seen height={450} className={classes.two}>
        <Readings subject={subject} view={view} />
        <div className={classes.parts}>
          <Devices sensor={index.sensor(subject.id)} subject={subject} />
          {subject.counter && <Annotations subject={subject} view={view} />}
          {takesFigures(quantity) && <FiguresByHand key={subject.id} subject={subject} quantity={quantity} may={may} />}
          <Interventions subject={subject} may={may} />
          {may && <DeadLetters subject={subject} />}
        </div>
      </Seen>
      <Seen height={350} className={power ? classes.wide : classes.parts}>
        <WeekMap subject={subject} view={view} />
        {power && <Running subject={subject} />}
      </Seen>
      <Seen height={300} className={classes.three}>
        <DayProfile subject={subject} view={view} />
        <WeekdayProfile subject={subject} view={view} />
        {power ? <Peaks subject={subject} view={view} index={index} /> : <Histogram subject={subject} view={view} />}
      </Seen>
      {power && (
        <Seen height={300} className={classes.parts}>
          <Histogram subject={subject} view={view} />
        </Seen>
      )}
    </div>
  )
}
