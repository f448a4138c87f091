import { useLingui } from '@lingui/react/macro'
import { Alert, Button, Skeleton } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useCallback, useMemo, type ReactNode } from 'react'
import type { Known } from '../api/client'
import type { Hierarchy } from '../api/generated/types.gen'
import { Now } from '../dashboard/Now'
import { Tiles } from '../dashboard/Tiles'
import { Unassigned } from '../dashboard/Unassigned'
import { useModel } from '../data/model'
import { readBefore } from '../lib/span'
import { missing, shownIn } from '../lib/subject'
import type { Index } from '../lib/tree'
import { later } from '../part/later'
import { Page } from '../part/Page'
import { Seen } from '../part/Seen'
import { SpanPicker } from '../part/SpanPicker'
import { useMe } from '../shell/session'
import { useSpan } from '../shell/span'
import { Path } from '../subject/Path'
import { groupSubject, type Subject } from '../subject/subject'
import classes from './Dashboard.module.css'

// The first screen is there before what is drawn on it.
const Gone = lazy(() => import('../part/Gone').then((m) => ({ default: m.Gone })))
const Empty = lazy(() => import('../dashboard/Empty').then((m) => ({ default: m.Empty })))
const History = later(() => import('../subject/History').then((m) => m.History))
const Beside = later(() => import('../dashboard/Beside').then((m) => m.Beside))
const Where = later(() => import('../dashboard/Where').then((m) => m.Where))
const Coverage = later(() => import('../dashboard/Coverage').then((m) => m.Coverage))
const Below = later(() => import('../dashboard/Below').then((m) => m.Below))

const chartHeight = 320

export function Dashboard() {
  const { t } = useLingui()
  const { index, isPending, error, refetch } = useModel()
  const search = useSearch({ from: '/app' })
  const me = useMe()
  const may = me.data?.scopes?.includes('operate') ?? false

  if (isPending) {
    return (
      <Page title={t`Dashboard`}>
        <Skeleton height={86} radius={14} />
        <Skeleton height={370} radius={14} />
        <Skeleton height={420} radius={14} />
      </Page>
    )
  }
  if (!index) {
    return (
      <Page title={t`Dashboard`}>
        <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={t`What there is could not be loaded`}>
          <p>{error?.message}</p>
          <Button size="xs" onClick={() => void refetch()}>
            {t`Try again`}
          </Button>
        </Alert>
      </Page>
    )
  }
  const gone = missing(index, { h: search.h, g: search.g })
  if (gone) {
    return (
      <Waiting height={370}>
        <Gone title={t`Dashboard`} of={gone} />
      </Waiting>
    )
  }
  const h = shownIn(index, search.h, search.g)
  const group = search.g ?? h?.root
  if (!h || group === undefined) {
    return (
      <Page title={t`Dashboard`}>
        <Waiting height={300}>
          <Empty />
        </Waiting>
        <Unassigned index={index} group={undefined} name="" may={may} />
      </Page>
    )
  }
  return <OfGroup index={index} h={h} group={group} may={may} />
}

function OfGroup({ index, h, group, may }: { index: Index; h: Known<Hierarchy>; group: string; may: boolean }) {
  const { t } = useLingui()
  const { c } = useSearch({ from: '/app' })
  const navigate = useNavigate()
  const view = useSpan('1h')
  const subject = useMemo(() => groupSubject(index, h, group) as Extract<Subject, { kind: 'group' }>, [index, h, group])
  const compared = readBefore(c)

  const select = useCallback((h: string, g: string) => void navigate({ to: '/', search: (old) => ({ ...old, h, g, s: undefined }), replace: true }), [navigate])
  const open = useCallback((h: string, g: string, s: string) => void navigate({ to: '/sensors', search: { ...(h === '' ? {} : { h, g }), s } }), [navigate])
  const pick = useCallback((kind: 'sensor' | 'group', id: string) => (kind === 'group' ? select(h.id, id) : open(h.id, group, id)), [select, open, h.id, group])

  return (
    <Page
      title={subject.label}
      note={<Path index={index} h={h} group={group} onGroup={(g) => select(h.id, g)} />}
      actions={<SpanPicker view={view} zone={subject.zone} />}
    >
      <Tiles index={index} selected={h.id} onSelect={(x) => select(x.id, x.root)} />
      {/* Another group is another page: nothing of one is shown under the name of another. */}
      <div key={`${h.id}\n${group}`} className={classes.parts}>
        <div className={classes.first}>
          <Now subject={subject} />
          <Waiting height={chartHeight + 94} grows>
            <History
              subject={subject}
              view={view}
              title={t`Power over time`}
              compared={compared}
              onCompare={(b) => void navigate({ to: '.', search: (old) => ({ ...old, c: b }), replace: true })}
              height={chartHeight}
            />
          </Waiting>
        </div>
        <Waiting height={320} grows>
          <div className={classes.two}>
            <Beside index={index} subject={subject} view={view} onPick={pick} />
          </div>
        </Waiting>
      </div>
      <div className={classes.lower}>
        <Waiting height={420} grows>
          <Where index={index} hierarchy={h.id} group={group} onGroup={select} onSensor={open} />
        </Waiting>
        <div className={classes.stack}>
          <Waiting height={200} grows>
            <Coverage key={`${h.id}\n${group}`} subject={subject} />
          </Waiting>
          <Unassigned index={index} group={group} name={index.groupName(group)} may={may} />
        </div>
      </div>
      <Seen height={900}>
        <Waiting height={900}>
          <Below key={`${h.id}\n${group}`} index={index} subject={subject} view={view} onPick={pick} />
        </Waiting>
      </Seen>
    </Page>
  )
}

/** `grows` is as of a panel. */
function Waiting({ height, grows, children }: { height: number; grows?: boolean; children: ReactNode }) {
  return <Suspense fallback={<Skeleton height={height} radius={14} className={grows ? 'ww-grows' : undefined} />}>{children}</Suspense>
}
