import { Alert, Button, Skeleton } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useCallback } from 'react'
import { useModel } from '../data/model'
import { Hero } from '../dashboard/Hero'
import { Tiles } from '../dashboard/Tiles'
import { Tree } from '../dashboard/Tree'
import { Unassigned } from '../dashboard/Unassigned'
import { useMe } from '../shell/session'
import classes from './Dashboard.module.css'

const Empty = lazy(() => import('../dashboard/Empty').then((m) => ({ default: m.Empty })))

export function Dashboard() {
  const { index, isPending, error, refetch } = useModel()
  const search = useSearch({ from: '/app' })
  const navigate = useNavigate({ from: '/' })
  const me = useMe()
  const may = me.data?.scopes?.includes('operate') ?? false

  const select = useCallback((h: string, g: string) => void navigate({ search: { h, g }, replace: true }), [navigate])

  if (isPending) {
    return (
      <div className={classes.page} aria-busy="true">
        <h1 className="ww-skip">Dashboard</h1>
        <Skeleton height={86} radius={14} />
        <Skeleton height={370} radius={14} />
        <Skeleton height={420} radius={14} />
      </div>
    )
  }
  if (!index) {
    return (
      <div className={classes.page}>
        <h1 className="ww-skip">Dashboard</h1>
        <Alert color="red" variant="light" icon={<IconAlertTriangle />} title="What there is could not be loaded">
          <p>{error?.message}</p>
          <Button size="xs" onClick={() => void refetch()}>
            Try again
          </Button>
        </Alert>
      </div>
    )
  }
  const hierarchies = index.model.hierarchies
  const h = hierarchies.find((x) => x.id === search.h) ?? hierarchies[0]
  const group = h && search.g !== undefined && index.path(h.id, search.g).length > 0 ? search.g : h?.root

  return (
    <div className={classes.page}>
      <h1 className="ww-skip">Dashboard</h1>
      {h && group !== undefined ? (
        <>
          <Tiles index={index} selected={h.id} onSelect={(x) => select(x.id, x.root)} />
          <Hero key={`${h.id}\n${group}`} index={index} h={h} group={group} onSelect={(g) => select(h.id, g)} />
          <div className={classes.lower}>
            <Tree index={index} hierarchy={h.id} group={group} onSelect={select} />
            <Unassigned group={group} name={index.groupName(group)} may={may} />
          </div>
        </>
      ) : (
        <>
          <Suspense fallback={<Skeleton height={300} radius={14} />}>
            <Empty />
          </Suspense>
          <Unassigned group={undefined} name="" may={may} />
        </>
      )}
    </div>
  )
}
