// Who changed what and when, what that was, and back to how it was.

import { useLingui } from '@lingui/react/macro'
import { Button, Drawer, Group, Loader } from '@mantine/core'
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Model } from '../api/client'
import type { Change } from '../api/generated/types.gen'
import { differences, restoreRevision, revisions } from '../api/model'
import { thingChanges } from '../lib/differences'
import { time } from '../lib/time'
import { Changes } from './Changes'
import type { Edits } from './edits'
import classes from './Revisions.module.css'

export function Revisions({ model, edits, may, zone, onClose }: { model: Model; edits: Edits; may: boolean; zone: string; onClose: () => void }) {
  const { t } = useLingui()
  const [open, setOpen] = useState<number>()
  const list = useInfiniteQuery({
    queryKey: ['revisions'],
    queryFn: ({ pageParam, signal }) => revisions(pageParam, signal),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (p) => p.next,
  })
  const items = list.data?.pages.flatMap((p) => p.items ?? []) ?? []
  return (
    <Drawer opened onClose={onClose} position="right" size="lg" title={t`Revisions of the model`} closeButtonProps={{ 'aria-label': t`Close` }}>
      {list.isPending ? (
        <Loader size="sm" />
      ) : list.error ? (
        <p role="alert">{list.error.message}</p>
      ) : (
        <ol className={classes.list} aria-label={t`Revisions`}>
          {items.map((c) => (
            <li key={c.revision}>
              <button type="button" aria-expanded={open === c.revision} className={classes.head} onClick={() => setOpen((o) => (o === c.revision ? undefined : c.revision))}>
                <span className={classes.note}>{c.note}</span>
                <span className={classes.who}>
                  {t`${c.revision}: by ${c.who}`}, <time dateTime={c.at}>{time(Date.parse(c.at), zone, 'exact')}</time>
                </span>
              </button>
              {open === c.revision && <One change={c} model={model} edits={edits} may={may} />}
            </li>
          ))}
        </ol>
      )}
      {list.hasNextPage && (
        <Button mt="sm" size="xs" variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {t`Older ones`}
        </Button>
      )}
    </Drawer>
  )
}

function One({ change: c, model, edits, may }: { change: Change; model: Model; edits: Edits; may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [compare, setCompare] = useState(false)
  const now = model.revision ?? 0
  const asked = useQuery({ queryKey: ['revision', c.revision], queryFn: ({ signal }) => differences(c.revision, undefined, signal), staleTime: Infinity })
  const back = useQuery({ queryKey: ['revision', c.revision, 'restore', now], queryFn: ({ signal }) => differences(c.revision, now, signal), enabled: compare, staleTime: Infinity })
  const newest = c.revision === model.revision
  const restore = () => {
    const goal = c.revision
    void edits
      .run({
        label: t`Back to revision ${goal}`,
        // What came meanwhile is not undone with it: a changed model asks for another look.
        plan: (m) => {
          if (m.revision !== model.revision) throw new Error(t`the model was changed meanwhile; look at the differences again`)
          return {}
        },
        send: () => restoreRevision(goal, now),
      })
      .then((ok) => {
        if (ok) setCompare(false)
        void client.invalidateQueries({ queryKey: ['revisions'] })
      })
  }
  return (
    <div className={classes.one}>
      {asked.isPending ? <Loader size="xs" /> : asked.error ? <p role="alert">{asked.error.message}</p> : <Changes list={thingChanges(asked.data)} total={asked.data.total} />}
      {!newest && !compare && (
        <Button size="compact-sm" variant="default" onClick={() => setCompare(true)}>
          {t`What going back to here would change…`}
        </Button>
      )}
      {compare && (
        <div className={classes.restore} role="group" aria-label={t`Back to revision ${c.revision}`}>
          {back.isPending ? <Loader size="xs" /> : back.error ? <p role="alert">{back.error.message}</p> : <Changes list={thingChanges(back.data)} total={back.data.total} />}
          <Group gap="xs">
            {may && (
              <Button size="compact-sm" disabled={!back.data || back.data.total === 0} loading={edits.busy} onClick={restore}>
                {t`Restore revision ${c.revision}`}
              </Button>
            )}
            <Button size="compact-sm" variant="default" onClick={() => setCompare(false)}>
              {t`Leave it`}
            </Button>
          </Group>
        </div>
      )}
    </div>
  )
}
