// Which object to repair first: how much of a service hangs on each.

import { useLingui } from '@lingui/react/macro'
import { Switch } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { importance, type Of } from '../api/availability'
import { percent } from '../lib/format'
import { count } from '../lib/units'
import { ObjectLink, StateMark } from '../objects/words'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import classes from './Availability.module.css'

export function First({ of }: { of: Of }) {
  const { t } = useLingui()
  const [all, setAll] = useState(false)
  const asked = useQuery({ queryKey: ['availability', 'importance', of, all], queryFn: ({ signal }) => importance(of, all, signal), refetchInterval: 10_000, retry: 1 })
  const list = asked.data?.objects ?? []
  const bar = (v: number) => (
    <>
      <span className={classes.meter} aria-hidden="true">
        <i style={{ width: `${Math.max(0, Math.min(1, v)) * 100}%` }} />
      </span>
      {percent(v, 1)}
    </>
  )
  return (
    <Panel
      title={t`Repair this first`} note={asked.data && t`${count(list.length)} of ${count(asked.data.of)} objects`} height={240} asked={asked} empty={list.length === 0 ? t`No object is below this service.` : undefined}
      actions={<Switch size="xs" label={t`as if all were there`} checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />}
    >
      <p>{t`How much availability hangs on each object: with it there, less without it. The first is worth a spare most.`} {list.every((o) => o.mean === 0 && o.strict === 0) && t`Now none is needed alone: others would do for any of them.`}</p>
      <Table label={t`Repair this first`} columns={[{ name: t`Rank`, number: true }, { name: t`Object` }, { name: t`State` }, { name: t`Mean`, number: true }, { name: t`Strict`, number: true }, { name: t`By quality`, number: true }]}>
        {list.map((o, i) => (
          <tr key={o.object}>
            <td data-number="true">{count(i + 1)}</td>
            <td>
              <ObjectLink id={o.object} name={o.name} />
            </td>
            <td>
              <StateMark state={o.state} />
            </td>
            <td data-number="true">{bar(o.mean)}</td>
            <td data-number="true">{bar(o.strict)}</td>
            <td data-number="true">{bar(o.quality)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  )
}
