// What runs, what is wrong with it, how far the sums are.

import { useLingui } from '@lingui/react/macro'
import { IconCircleCheck } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { aggregation, doctor, system } from '../api/system'
import { ago } from '../lib/format'
import { time } from '../lib/time'
import { count, lasting } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { Instances } from './Instances'
import { useFindings } from './findings'
import classes from './System.module.css'

export function Overview({ zone, names }: { zone: string; names: (hierarchy: string) => string }) {
  const { t } = useLingui()
  const sys = useQuery({ queryKey: ['system'], queryFn: ({ signal }) => system(signal), refetchInterval: 5000 })
  const doc = useQuery({ queryKey: ['doctor'], queryFn: ({ signal }) => doctor(signal), refetchInterval: 10_000 })
  const agg = useQuery({ queryKey: ['aggregation'], queryFn: ({ signal }) => aggregation(signal), refetchInterval: 5000 })
  const say = useFindings()
  const findings = (doc.data?.findings ?? []).map((f) => ({ ...f, ...say(f) }))
  const states = { waiting: t`waiting`, starting: t`starting`, running: t`running`, stopping: t`stopping`, ended: t`ended` }
  const hierarchies = agg.data?.hierarchies ?? []
  const partitions = agg.data?.partitions ?? []
  return (
    <>
      <Panel title={t`Health`} height={90} grows asked={doc}>
        {findings.length === 0 ? (
          <p className={classes.good}>
            <IconCircleCheck size={20} aria-hidden="true" /> {t`Nothing is wrong.`}
          </p>
        ) : (
          <ul className={classes.findings}>
            {findings.map((f) => (
              <li key={`${f.rule}/${f.what}`} data-severity={f.severity}>
                <strong>{f.what}</strong>
                <span>{f.why}</span>
                <span>{f.do}</span>
                {f.since !== undefined && <span className={classes.dim}>{t`since ${time(Date.parse(f.since), zone, 'exact')}`}</span>}
              </li>
            ))}
          </ul>
        )}
      </Panel>
      <div className={classes.two}>
        <Panel title={t`Program`} height={220} grows asked={sys}>
          <dl className={classes.facts}>
            <dt>{t`Version`}</dt>
            <dd>{sys.data?.version}</dd>
            <dt>{t`Running since`}</dt>
            <dd>{sys.data && `${time(Date.parse(sys.data.started), zone, 'exact')} (${ago(sys.dataUpdatedAt - Date.parse(sys.data.started))})`}</dd>
            <dt>{t`Partitions`}</dt>
            <dd>{sys.data?.partitions}</dd>
            <dt>MQTT</dt>
            <dd>{sys.data?.mqtt ?? t`switched off`}</dd>
            {sys.data?.demo && (
              <>
                <dt>{t`Demo`}</dt>
                <dd>{t`The demo plants are running.`}</dd>
              </>
            )}
            {sys.data?.diskFull && (
              <>
                <dt>{t`Disk`}</dt>
                <dd className={classes.bad}>{t`It is full; readings are refused.`}</dd>
              </>
            )}
          </dl>
        </Panel>
        <Panel title={t`Modules of this process`} height={220} grows asked={sys}>
          <ul className={classes.modules}>
            {(sys.data?.modules ?? []).map((m) => (
              <li key={m.name}>
                <span>{m.name}</span>
                <span className={classes.badge} data-state={m.state}>
                  {states[m.state]}
                </span>
              </li>
            ))}
          </ul>
        </Panel>
      </div>
      <Instances zone={zone} />
      <Panel title={t`Sums of hierarchies`} height={120} grows asked={agg} empty={hierarchies.length === 0 ? t`There is no hierarchy yet.` : undefined}>
        <Table label={t`Sums of hierarchies`} columns={[{ name: t`Hierarchy` }, { name: t`Newest complete tick` }, { name: t`Behind by`, number: true }]}>
          {hierarchies.map((h) => (
            <tr key={h.hierarchy}>
              <td>{names(h.hierarchy)}</td>
              <td>{h.tick === null ? '–' : time(Date.parse(h.tick), zone, 'exact')}</td>
              <td data-number="true">{lasting(h.lag_seconds)}</td>
            </tr>
          ))}
        </Table>
      </Panel>
      <Panel title={t`Partitions`} height={200} asked={agg} empty={partitions.length === 0 ? t`No partition is summed up here.` : undefined}>
        <Table
          label={t`Partitions`}
          columns={[{ name: t`Partition` }, { name: t`Newest closed tick` }, { name: t`State` }, { name: t`Position`, number: true }, { name: t`Late`, number: true }, { name: t`Refused`, number: true }]}
        >
          {partitions.map((p) => (
            <tr key={p.partition}>
              <td>{p.partition}</td>
              <td>{p.closed === null ? '–' : time(Date.parse(p.closed), zone, 'exact')}</td>
              <td>{p.closed === null ? t`no reading yet` : p.live ? t`live` : t`catching up`}</td>
              <td data-number="true">{count(p.position)}</td>
              <td data-number="true">{count(p.late)}</td>
              <td data-number="true">{count(p.refused)}</td>
            </tr>
          ))}
        </Table>
      </Panel>
    </>
  )
}
