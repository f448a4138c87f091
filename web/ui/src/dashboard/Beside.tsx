// Who draws it: now, and over the span.

import type { Index } from '../lib/tree'
import type { View } from '../shell/span'
import type { Subject } from '../subject/subject'
import { ContributionsNow, ContributionsOver, type Pick } from './Contributions'

export function Beside({ index, subject, view, onPick }: { index: Index; subject: Extract<Subject, { kind: 'group' }>; view: View; onPick: Pick }) {
  return (
    <>
      <ContributionsNow index={index} subject={subject} onPick={onPick} />
      <ContributionsOver subject={subject} view={view} onPick={onPick} />
    </>
  )
}
