// What a group or sensor used in a period of the calendar, and what it costs.

import { Button, Menu } from '@mantine/core'
import { useLingui } from '@lingui/react/macro'
import { IconFileDownload, IconSitemap } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import * as ask from '../api/costs'
import { Duration } from '../costs/Duration'
import { Energy } from '../costs/Energy'
import { Money } from '../costs/Money'
import { Peaks } from '../costs/Peaks'
import { PeriodPicker } from '../costs/PeriodPicker'
import classes from '../costs/Costs.module.css'
import { useModel } from '../data/model'
import { useNow } from '../data/now'
import { shareDown } from '../flow/Figures'
import { amount, bars, beside, periodAt, periodOf, sizes, type Period } from '../lib/costs'
import { percent, signedPercent } from '../lib/format'
import { language } from '../lib/locale'
import { before } from '../lib/span'
import { missing, nameOf, shownIn, zoneOf, type Subject } from '../lib/subject'
import { time, zoneName } from '../lib/time'
import type { Index } from '../lib/tree'
import { startOf } from '../lib/zone'
import { downloads } from '../part/download'
import { Gone } from '../part/Gone'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { SubjectPicker } from '../part/SubjectPicker'
import { useMe } from '../shell/session'

export function Costs() {
  const { t } = useLingui()
  const { index, isPending, error, refetch } = useModel()
  const { h, g, s } = useSearch({ from: '/app' })
  const subject = useMemo((): Subject | undefined => {
    if (!index) return undefined
    if (s !== undefined) return { kind: 'sensor', id: s }
    const group = g ?? shownIn(index, h, undefined)?.root
    if (group !== undefined) return { kind: 'group', id: group }
    const first = index.model.sensors[0]
    return first && { kind: 'sensor', id: first.id }
  }, [index, h, g, s])
  const gone = index && missing(index, { h, g, s })
  if (gone) return <Gone title={t`Energy and costs`} of={gone} />
  if (!index || !subject) {
    return (
      <Page title={t`Energy and costs`}>
        <Panel title={t`Energy`} height={370} asked={{ isPending, error: index ? null : error, refetch }} empty={t`Nothing measures yet. What is sent is settled some minutes later, and shown here.`}>
          {null}
        </Panel>
      </Page>
    )
  }
  return <Of key={`${subject.kind} ${subject.id}`} index={index} subject={subject} />
}

/** Asked for again: an open period goes on, and readings of a closed one may come late. */
const again = 300_000

function Of({ index, subject }: { index: Index; subject: Subject }) {
  const { t } = useLingui()
  const navigate = useNavigate()
  const search = useSearch({ from: '/app' })
  const me = useMe()
  const may = me.data?.scopes?.includes('operate') ?? false
  const zone = zoneOf(index, subject)
  const now = useNow()
  const name = nameOf(index, subject)
  const { from, to, size: wished, with: compare } = search
  const period = useMemo(() => (from !== undefined && to !== undefined ? periodOf({ from, to }, zone) : periodAt('month', now, zone)), [from, to, zone, now])
  const size: ask.Size = sizes[period.unit].find((x) => x === wished) ?? sizes[period.unit][0]
  const other = compare === 'previous' || compare === 'year' ? compare : undefined

  const set = useCallback((more: { size?: string; with?: string }) => void navigate({ to: '.', search: (old) => ({ ...old, ...more }), replace: true }), [navigate])
  const go = useCallback((p: Period) => void navigate({ to: '.', search: (old) => ({ ...old, span: undefined, from: p.from, to: p.to, size: undefined }), replace: true }), [navigate])

  const group = subject.kind === 'group' ? index.groups.get(subject.id) : undefined
  const meter = group?.members?.find((m) => m.meter === true)?.sensor
  const metered = group !== undefined && index.metered.has(group.id)
  const key = [subject.kind, subject.id]
  const settings = { placeholderData: keepPreviousData, refetchInterval: again, retry: 1 }
  const windows = (p: { from: number; to: number }) => async ({ signal }: { signal: AbortSignal }) => {
    const [own, its] = await Promise.all([
      ask.windows(subject, size, p.from, p.to, signal),
      meter === undefined ? undefined : ask.windows({ kind: 'sensor', id: meter }, size, p.from, p.to, signal),
    ])
    return { body: own, bars: bars(own, metered, its) }
  }
  const past = useMemo(() => (other === undefined ? undefined : other === 'previous' ? periodAt(period.unit, period.from, zone, -1) : before(period, 'year', zone)), [other, period, zone])

  const energy = useQuery({ queryKey: ['windows', ...key, size, period.from, period.to, meter], queryFn: windows(period), ...settings })
  const earlier = useQuery({ queryKey: ['windows', ...key, size, past?.from, past?.to, meter], queryFn: windows(past ?? period), enabled: past !== undefined, ...settings })
  const report = useQuery({ queryKey: ['report', ...key, period.text], queryFn: ({ signal }) => ask.report(subject, period.text, signal), ...settings })
  const curve = useQuery({ queryKey: ['duration', ...key, period.from, period.to], queryFn: ({ signal }) => ask.duration(subject, period.from, period.to, signal), ...settings })
  const year = useMemo(() => {
    const last = Math.min(period.to, now) - 1
    return { from: startOf('month', last, zone, -11), to: startOf('month', last, zone, 1) }
  }, [period.to, zone, now])
  const demand = useQuery({ queryKey: ['demand', ...key, year.from, year.to], queryFn: ({ signal }) => ask.demand(subject, year.from, year.to, signal), ...settings })
  const priced: ask.Size = period.unit === 'day' ? '1h' : period.unit === 'year' ? '1M' : '1d'
  const bill = useQuery({ queryKey: ['costs', 'bill', ...key, period.from, period.to], queryFn: ({ signal }) => ask.bill(subject, 'cost', period.from, period.to, signal), ...settings })
  const costs = useQuery({ queryKey: ['costs', 'windows', ...key, priced, period.from, period.to], queryFn: ({ signal }) => ask.costs(subject, 'cost', priced, period.from, period.to, signal), ...settings })
  const emitted = useQuery({ queryKey: ['costs', 'co2', ...key, period.from, period.to], queryFn: ({ signal }) => ask.bill(subject, 'location', period.from, period.to, signal), ...settings })
  const hasFactors = emitted.data !== undefined && emitted.data.currency !== ''
  const emissions = useQuery({ queryKey: ['costs', 'co2 windows', ...key, priced, period.from, period.to], queryFn: ({ signal }) => ask.costs(subject, 'location', priced, period.from, period.to, signal), enabled: hasFactors, ...settings })

  const shown = energy.data?.bars
  const then = past === undefined ? undefined : earlier.data?.bars
  const others = useMemo(() => (shown && then ? beside(shown, then, zone) : undefined), [shown, then, zone])

  const r = report.data
  const unit = energy.data?.body.unit ?? 'Wh'
  const settled = energy.data?.body.settled
  const said = settled === undefined ? '' : settled >= period.to ? t`settled` : settled <= 0 ? t`not settled yet` : t`settled until ${time(settled, zone)} ${zoneName(zone, settled)}`
  const change = (c: NonNullable<typeof r>['previous']) => (c ? (c.change !== null ? signedPercent(c.change) : <span className={classes.unsaid}>{why[c.why ?? 'none']}</span>) : '–')
  const why: Record<string, string> = {
    open: t`the period is open`, unknown: t`nothing known`, incomplete: t`too incomplete to compare`, zero: t`it was zero`, none: '–',
  }

  return (
    <Page
      title={t`Energy and costs`}
      note={name}
      actions={
        <>
          <SubjectPicker
            index={index}
            label={t`Choose a group or sensor`}
            icon={<IconSitemap size={15} />}
            chosen={new Set([`${subject.kind}:${subject.id}`])}
            onPick={(e) => void navigate({ to: '.', search: (old) => ({ ...old, g: e.kind === 'group' ? e.id : old.g, s: e.kind === 'sensor' ? e.id : undefined }) })}
          >
            {t`Group or sensor`}
          </SubjectPicker>
          <PeriodPicker period={period} zone={zone} onPick={go} />
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <Button variant="default" size="xs" leftSection={<IconFileDownload size={15} />} className="ww-noprint">
                {t`Report`}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Label>{t`Report of ${period.text}`}</Menu.Label>
              <Menu.Item component="a" href={ask.reportFile(subject, period.text, 'html', language)} target="_blank" rel="noopener">
                {t`Page to print (HTML)`}
              </Menu.Item>
              <Menu.Item component="a" {...downloads({ href: ask.reportFile(subject, period.text, 'csv', language), name: `${period.text}.csv` })}>
                CSV
              </Menu.Item>
              <Menu.Item component="a" {...downloads({ href: ask.reportFile(subject, period.text, 'xlsx', language), name: `${period.text}.xlsx` })}>
                {t`Excel (XLSX)`}
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </>
      }
    >
      <Panel title={t`Together`} note={said} asked={report} height={63} grows warning={r && r.waiting > 0 ? t`Readings came late: parts of this period are being settled again.` : undefined}>
        <dl className={classes.sums}>
          <div>
            <dt>{metered ? t`Energy by its meter` : t`Energy`}</dt>
            <dd className="ww-number" data-testid="energy-total">
              {amount(r?.total.amount, r?.unit ?? unit)}
            </dd>
          </div>
          <div>
            <dt>{t`Complete`}</dt>
            <dd className="ww-number" data-testid="completeness">
              {percent(r ? shareDown(r.total.completeness) : null, 1)}
            </dd>
          </div>
          <div>
            <dt>{t`Estimated`}</dt>
            <dd className="ww-number" data-testid="estimated">
              {percent(r?.total.estimatedShare, 1)}
            </dd>
          </div>
          {r?.unaccounted && (
            <div>
              <dt>{t`Unaccounted`}</dt>
              <dd className="ww-number">{amount(r.unaccounted.amount, r.unit)}</dd>
            </div>
          )}
          <div>
            <dt>{t`Against the period before`}</dt>
            <dd className="ww-number">
              {change(r?.previous)}
              {typeof r?.previous?.figure.amount === 'number' && <small>{amount(r.previous.figure.amount, r.unit)}</small>}
            </dd>
          </div>
          <div>
            <dt>{t`Against the year before`}</dt>
            <dd className="ww-number">
              {change(r?.yearAgo)}
              {typeof r?.yearAgo?.figure.amount === 'number' && <small>{amount(r.yearAgo.figure.amount, r.unit)}</small>}
            </dd>
          </div>
        </dl>
      </Panel>
      <Energy
        subject={subject}
        name={name}
        period={period}
        zone={zone}
        size={size}
        unit={unit}
        bars={energy.data?.bars ?? []}
        other={others}
        otherName={other === 'year' ? t`A year before` : t`Period before`}
        asked={past === undefined ? [energy] : [energy, earlier]}
        until={said}
        compare={other ?? ''}
        onSize={(x) => set({ size: x })}
        onCompare={(x) => set({ with: x })}
      />
      <Money title={t`Costs`} subject={subject} name={name} period={period} zone={zone} costs={costs.data} bill={bill.data} asked={[bill, costs]} may={may} />
      {hasFactors && <Money title={t`Emissions`} subject={subject} name={name} period={period} zone={zone} costs={emissions.data} bill={emitted.data} asked={[emitted, emissions]} may={may} />}
      <Duration body={curve.data} asked={curve} name={name} period={period.text} zone={zone} />
      <Peaks body={demand.data} asked={demand} index={index} name={name} zone={zone} />
    </Page>
  )
}
