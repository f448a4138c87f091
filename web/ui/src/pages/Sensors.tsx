import { useLingui } from '@lingui/react/macro'
import { Alert, Button, Drawer, Skeleton } from '@mantine/core'
import { useDisclosure, useMediaQuery } from '@mantine/hooks'
import { IconAlertTriangle, IconListTree } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { api } from '../api/client'
import { seenAs } from '../api/model'
import { Below } from '../dashboard/Below'
import { Beside } from '../dashboard/Beside'
import { Coverage } from '../dashboard/Coverage'
import { Now } from '../dashboard/Now'
import { useModel } from '../data/model'
import { ownUnit } from '../lib/quantities'
import { readBefore, type Before } from '../lib/span'
import { missing, shownIn } from '../lib/subject'
import { Index } from '../lib/tree'
import { Gone } from '../part/Gone'
import { Page } from '../part/Page'
import { SpanPicker } from '../part/SpanPicker'
import { Chooser } from '../sensors/Chooser'
import { OfSensor } from '../sensors/OfSensor'
import { useSpan } from '../shell/span'
import { History } from '../subject/History'
import parts from '../subject/Parts.module.css'
import { Path } from '../subject/Path'
import { groupSubject, sensorSubject } from '../subject/subject'
import classes from './Sensors.module.css'

export function Sensors() {
  const { t } = useLingui()
  const { index, isPending, error, refetch } = useModel()
  if (isPending) {
    return (
      <Page title={t`Sensors`}>
        <Skeleton height={600} radius={14} />
      </Page>
    )
  }
  if (!index) {
    return (
      <Page title={t`Sensors`}>
        <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={t`What there is could not be loaded`}>
          <p>{error?.message}</p>
          <Button size="xs" onClick={() => void refetch()}>
            {t`Try again`}
          </Button>
        </Alert>
      </Page>
    )
  }
  return <There index={index} />
}

/** What sends but is in no model, or was taken out of it, can still be looked at. */
function There({ index }: { index: Index }) {
  const { t } = useLingui()
  const { h, g, s = '' } = useSearch({ from: '/app' })
  const gone = missing(index, { h, g, s: s === '' ? undefined : s })
  const sends = gone?.kind === 'sensor'
  const known = useQuery({ queryKey: ['latest', s], queryFn: ({ signal }) => api.latest([s], signal), enabled: sends, staleTime: 10_000 })
  const seen = useQuery({ queryKey: ['unassigned', 'one', s], queryFn: ({ signal }) => seenAs(s, signal), enabled: sends, staleTime: 10_000, retry: 1 })
  const whole = useMemo(() => (seen.data ? new Index(index.model, [seen.data]) : index), [index, seen.data])
  if (!gone) return <Chosen index={index} />
  if (sends && (known.isPending || seen.isPending)) {
    return (
      <Page title={t`Sensors`}>
        <Skeleton height={600} radius={14} />
      </Page>
    )
  }
  return known.data?.sensors?.[0]?.value != null ? <Chosen index={whole} /> : <Gone title={t`Sensors`} of={gone} />
}

/** What the address speaks of: a sensor, or a group, or what comes first. */
function useChosen(index: Index) {
  const { h: wanted, g, s } = useSearch({ from: '/app' })
  return useMemo(() => {
    const hierarchies = index.model.hierarchies
    const named = hierarchies.find((x) => x.id === wanted)
    if (s !== undefined) {
      const there = named && g !== undefined && index.path(named.id, g).length > 0 && index.groups.get(g)?.members?.some((m) => m.sensor === s)
      const place = there ? { hierarchy: named.id, group: g } : index.placeOf(s)
      return { h: hierarchies.find((x) => x.id === place?.hierarchy), group: place?.group ?? '', sensor: s }
    }
    const h = shownIn(index, wanted, g)
    const group = g ?? h?.root
    const loose = h === undefined ? index.model.sensors[0]?.id : undefined
    return { h, group: group ?? '', sensor: loose }
  }, [index, wanted, g, s])
}

function Chosen({ index }: { index: Index }) {
  const { t } = useLingui()
  const { q = '', c } = useSearch({ from: '/app' })
  const { h, group, sensor } = useChosen(index)
  const navigate = useNavigate()
  const view = useSpan('1h')
  const wide = useMediaQuery('(min-width: 75em)', true, { getInitialValueInEffect: false })
  const [open, { open: show, close }] = useDisclosure(false)

  const toGroup = useCallback(
    (h: string, g: string) => {
      close()
      void navigate({ to: '/sensors', search: (old) => ({ ...old, h, g, s: undefined }) })
    },
    [navigate, close],
  )
  const toSensor = useCallback(
    (h: string, g: string, s: string) => {
      close()
      void navigate({ to: '/sensors', search: (old) => ({ ...old, h: h === '' ? undefined : h, g: g === '' ? undefined : g, s }) })
    },
    [navigate, close],
  )
  const onQuery = useCallback((next: string) => void navigate({ to: '.', search: (old) => ({ ...old, q: next === '' ? undefined : next }), replace: true }), [navigate])
  const onCompare = useCallback((b: Before | undefined) => void navigate({ to: '.', search: (old) => ({ ...old, c: b }), replace: true }), [navigate])

  const subject = useMemo(() => (sensor !== undefined ? sensorSubject(index, sensor, ownUnit(index.sensor(sensor))) : h ? groupSubject(index, h, group) : undefined), [index, sensor, h, group])
  if (!subject) {
    return (
      <Page title={t`Sensors`}>
        <p className={classes.none}>
          {t`There is no sensor yet.`} <Link to="/">{t`The dashboard says how to send a first reading.`}</Link>
        </p>
      </Page>
    )
  }
  const chooser = (height: string) => (
    <Chooser index={index} hierarchy={h?.id ?? ''} group={group} sensor={sensor} query={q} onQuery={onQuery} onGroup={toGroup} onSensor={toSensor} height={height} />
  )
  const pick = (kind: 'sensor' | 'group', id: string) => (kind === 'group' ? toGroup(h?.id ?? '', id) : toSensor(h?.id ?? '', group, id))
  return (
    <Page
      title={subject.label}
      note={h ? <Path index={index} h={h} group={group} whole={sensor !== undefined} onGroup={(g) => toGroup(h.id, g)} /> : t`stands in no hierarchy`}
      actions={
        <>
          {!wide && (
            <Button variant="default" size="xs" leftSection={<IconListTree size={16} aria-hidden="true" />} onClick={show} aria-expanded={open}>
              {t`Choose`}
            </Button>
          )}
          <SpanPicker view={view} zone={subject.zone} />
        </>
      }
    >
      <div className={classes.both}>
        {wide ? (
          <aside className={`ww-card ${classes.aside ?? ''} ww-noprint`} aria-label={t`What there is`}>
            {chooser('calc(100vh - 15rem)')}
          </aside>
        ) : (
          <Drawer opened={open} onClose={close} title={t`Sensors and groups`} closeButtonProps={{ 'aria-label': t`Close` }} size={420}>
            {chooser('calc(100dvh - 9rem)')}
          </Drawer>
        )}
        {/* Another sensor is another page: nothing of one is shown under the name of another. */}
        <div key={`${subject.kind} ${subject.id}`} className={classes.content}>
          {subject.kind === 'sensor' ? (
            <OfSensor index={index} subject={subject} view={view} compared={c} onCompare={onCompare} />
          ) : (
            <>
              <div className={parts.first}>
                <Now subject={subject} />
                <History subject={subject} view={view} title={t`Power over time`} compared={readBefore(c)} onCompare={onCompare} height={320} />
              </div>
              <div className={parts.two}>
                <Beside index={index} subject={subject} view={view} onPick={pick} />
              </div>
              <Coverage subject={subject} />
              <Below index={index} subject={subject} view={view} onPick={pick} />
            </>
          )}
        </div>
      </div>
    </Page>
  )
}
