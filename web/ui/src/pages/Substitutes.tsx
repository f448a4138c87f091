// What stands in for what, how good it is, and what it is made of.

import { useLingui } from '@lingui/react/macro'
import { Switch } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { ApiError } from '../api/client'
import { substitutions } from '../api/standing'
import { useModel } from '../data/model'
import { DASH, percent, text } from '../lib/format'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { knownZone } from '../lib/zone'
import { ObjectLink, StateMark } from '../objects/words'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { useStandingReasons } from '../substitutes/reasons'
import { useMethods, usePlaces } from '../substitutes/words'
import classes from '../objects/Objects.module.css'

export function Substitutes() {
  const { t } = useLingui()
  const method = useMethods()
  const place = usePlaces()
  const why = useStandingReasons()
  const { index } = useModel()
  const zone = knownZone(index?.model.sites[0]?.zone)
  const [past, setPast] = useState(false)
  const asked = useQuery({ queryKey: ['substitutions', past], queryFn: ({ signal }) => substitutions(!past, signal), refetchInterval: 10_000, placeholderData: keepPreviousData, retry: (n, e) => n < 1 && !(e instanceof ApiError && e.status === 404) })
  const absent = asked.error instanceof ApiError && asked.error.status === 404
  const list = asked.data?.substitutions ?? []
  const able = asked.data?.able !== false
  return (
    <Page title={t`Substitutes`} note={zone}>
      <Panel
        title={t`What stands in for what`} note={asked.data && t`${count(list.length)} found`} height={240} asked={absent ? [] : asked}
        empty={
          absent ? t`This program knows no energy services. Start it with the module “service”.` : !able ? t`Nothing is looked for here: there are no settled windows. Run settlement in the process of service, or give both one database.`
          : list.length === 0 ? (past ? t`Nothing stood in for anything in the last 30 days.` : t`Nothing stands in for anything: all that is needed measures by itself, or nothing could be found for it.`) : undefined
        }
        actions={<Switch size="xs" label={t`the last 30 days, too`} checked={past} onChange={(e) => setPast(e.currentTarget.checked)} />}
      >
        <p className={classes.text}>{t`Values that were put in are in no history of readings and in no bill unmarked.`}</p>
        <Table label={t`What stands in for what`} columns={[{ name: t`For` }, { name: t`State` }, { name: t`Method` }, { name: t`Made of` }, { name: t`Expected error`, number: true }, { name: t`Error seen`, number: true }, { name: t`Since` }, { name: t`Why this` }]}>
          {list.map((x) => (
            <tr key={x.id}>
              <td className={classes.cell}>
                <ObjectLink id={x.object} />
              </td>
              <td>{x.ended === null ? <StateMark state={x.state} /> : <span className={classes.dim}>{t`ended ${time(Date.parse(x.ended), zone)}`}</span>}</td>
              <td>{method(x.method)}</td>
              <td className={classes.cell}>
                {(x.from ?? []).length === 0 ? t`its own earlier values` : (x.from ?? []).map((y, j) => (
                  <span key={y}>
                    {j > 0 && ', '}
                    <ObjectLink id={y} />
                  </span>
                ))}
                {(x.from ?? []).length > 0 && <span className={classes.dim}>{place(x.place)}</span>}
              </td>
              <td data-number="true">
                {text(x.expected.mean, x.unit)}
                <span className={classes.dim}>{percent(x.expected.relative, 1)}</span>
              </td>
              <td data-number="true">{x.seen === null ? DASH : text(x.seen, x.unit)}</td>
              <td className={classes.since}>{time(Date.parse(x.began), zone)}</td>
              <td className={classes.why}>
                {why(x.why)}
                <span className={classes.dim}>{t`fitted up to ${time(Date.parse(x.fitted), zone)}, tried on ${count(x.expected.cells)} values`}</span>
              </td>
            </tr>
          ))}
        </Table>
      </Panel>
    </Page>
  )
}
