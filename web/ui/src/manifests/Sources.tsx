// The data sources as they are read: connected or why not, and their newest
// values.

import { useLingui } from '@lingui/react/macro'
import { TextInput } from '@mantine/core'
import { IconChevronDown, IconChevronRight, IconSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Fragment, useMemo, useState } from 'react'
import { sourceStatuses, sourceValues, type Result, type Source } from '../api/manifests'
import { TimeChart } from '../chart/TimeChart'
import type { Line } from '../chart/lines'
import { decimal } from '../lib/costs'
import { DASH } from '../lib/format'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import type { Catalogue } from './data'
import classes from './Manifests.module.css'

const shownRows = 300

export function Sources({ catalogue, zone }: { catalogue: Catalogue; zone: string }) {
  const { t } = useLingui()
  const navigate = useNavigate()
  const { q = '' } = useSearch({ from: '/app' })
  const [open, setOpen] = useState<string>()
  const asked = useQuery({ queryKey: ['manifests', 'sources'], queryFn: ({ signal }) => sourceStatuses(signal), refetchInterval: 3_000, retry: 1 })
  const known = useMemo(() => new Map((asked.data ?? []).map((s) => [s.source, s])), [asked.data])
  const words = q.trim().toLowerCase()
  const found = catalogue.sources.all.filter((s) => words === '' || `${s.name}\n${s.description ?? ''}\n${s.id ?? ''}`.toLowerCase().includes(words))
  return (
    <Panel title={t`Data sources`} note={t`${count(found.length)} of ${count(catalogue.sources.all.length)}`} height={240}>
      <TextInput
        className={classes.search} size="xs" aria-label={t`Search sources`} placeholder={t`Search`} leftSection={<IconSearch size={15} aria-hidden="true" />} value={q} maxLength={100}
        onChange={(e) => {
          const next = e.currentTarget.value
          void navigate({ to: '.', search: (old) => ({ ...old, q: next === '' ? undefined : next }), replace: true })
        }}
      />
      {asked.error && <p role="alert" className={classes.bad}>{t`How they are read is not known: ${asked.error.message}`}</p>}
      {found.length === 0 ? (
        <p className={classes.text}>{words === '' ? t`There is none yet. Add one below Models.` : t`None is like that.`}</p>
      ) : (
        <Table label={t`Data sources`} columns={[{ name: t`Name` }, { name: t`Protocol` }, { name: t`Gateway` }, { name: t`Connection` }, { name: t`Values`, number: true }, { name: t`Refused`, number: true }, { name: t`Last value` }]}>
          {found.slice(0, shownRows).map((s) => {
            const id = s.id ?? s.name
            const x = known.get(id) ?? known.get(s.name)
            const look = s.disabled === true ? 'quiet' : x === undefined ? 'quiet' : x.connected ? (x.error ? 'warn' : 'good') : 'bad'
            const said = s.disabled === true ? t`switched off` : x === undefined ? t`not read here` : x.connected ? t`connected` : t`not connected`
            const shown = open === id
            return (
              <Fragment key={id}>
                <tr>
                  <td>
                    <button type="button" className={classes.fold} aria-expanded={shown} aria-label={t`Values of ${s.name}`} onClick={() => setOpen(shown ? undefined : id)}>
                      {shown ? <IconChevronDown size={15} aria-hidden="true" /> : <IconChevronRight size={15} aria-hidden="true" />}
                      {s.name}
                    </button>
                  </td>
                  <td>{catalogue.interfaceOf(s)?.protocol ?? 'internal'}</td>
                  <td>{s.gateway === undefined ? t`the centre` : catalogue.gateways.name(s.gateway)}</td>
                  <td className={classes.cell}>
                    <span className={classes.mark} data-look={look}>{said}</span>
                    {x?.error !== undefined && x.error !== '' && <span className={classes.dim}>{x.error}</span>}
                  </td>
                  <td data-number="true">{x ? count(x.items) : DASH}</td>
                  <td data-number="true">{x ? count(x.bad) : DASH}</td>
                  <td>{x?.last == null ? DASH : time(Date.parse(x.last), zone, 'stamp')}</td>
                </tr>
                {shown && (
                  <tr>
                    <td colSpan={7}>
                      <Values source={s} catalogue={catalogue} zone={zone} />
                    </td>
                  </tr>
                )}
              </Fragment>
            )
          })}
        </Table>
      )}
      {found.length > shownRows && <p className={classes.text}>{t`These are the first ${shownRows}; search to see others.`}</p>}
    </Panel>
  )
}

function Values({ source: s, catalogue, zone }: { source: Source; catalogue: Catalogue; zone: string }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['manifests', 'values', s.id ?? s.name], queryFn: ({ signal }) => sourceValues(s.id ?? s.name, signal), refetchInterval: 2_000, retry: 1 })
  const kind = catalogue.kinds.find(catalogue.sourceDefinitions.find(s.definition)?.kinds?.[0])
  const unit = kind?.unit ?? ''
  const list = useMemo(() => [...(asked.data ?? [])].sort((a, b) => a.time - b.time), [asked.data])
  const lines = useMemo(() => linesOf(list, unit), [list, unit])
  if (asked.isPending) return <p className={classes.text}>{t`Loading…`}</p>
  if (asked.error) return <p role="alert" className={classes.bad}>{asked.error.message}</p>
  const first = list[0]
  const last = list.at(-1)
  if (!first || !last) return <p className={classes.text}>{t`Nothing came from it yet.`}</p>
  return (
    <div className={classes.values}>
      <TimeChart lines={lines} from={Math.min(first.time, last.time - 10_000)} to={last.time} zone={zone} label={t`Newest values of ${s.name}`} height={130} />
      <ul className={classes.newest} aria-label={t`Newest values of ${s.name}`}>
        {list.slice(-5).reverse().map((r, i) => (
          <li key={`${r.time} ${r.key} ${i}`}>
            <span>{time(r.time, zone, 'stamp')}</span>
            <span>{r.key}</span>
            <strong className="ww-number">
              {r.value === null ? DASH : decimal(String(r.value))} {unit}
            </strong>
          </li>
        ))}
      </ul>
    </div>
  )
}

function linesOf(list: readonly Result[], unit: string): Line[] {
  const lines = new Map<string, Line>()
  for (const r of list) {
    let l = lines.get(r.key)
    if (!l) {
      if (lines.size >= 8) continue
      lines.set(r.key, (l = { key: r.key, label: r.key, unit, t: [], avg: [] }))
    }
    l.t.push(r.time)
    l.avg.push(r.value)
  }
  return [...lines.values()]
}
