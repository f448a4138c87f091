// The versions of a model, what each changed, and back to one of them.

import { useLingui } from '@lingui/react/macro'
import { Button, Drawer, Loader } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { restore, versionOf, versions, type ModelKind, type Models, type Stored } from '../api/manifests'
import { differences } from '../lib/manifest'
import { time } from '../lib/time'
import { tell } from '../part/tell'
import classes from './Manifests.module.css'

export function Versions<K extends ModelKind>({ kind, stored, zone, may, onClose }: { kind: K; stored: Stored<Models[K]>; zone: string; may: boolean; onClose: () => void }) {
  const { t } = useLingui()
  const id = stored.model.id ?? ''
  const [open, setOpen] = useState<number>()
  const asked = useQuery({ queryKey: ['manifests', 'versions', kind, id, stored.version], queryFn: ({ signal }) => versions(kind, id, signal) })
  const what = { created: t`created`, changed: t`changed`, deleted: t`deleted`, restored: t`restored` }
  return (
    <Drawer opened onClose={onClose} position="right" size="lg" title={t`Versions`} closeButtonProps={{ 'aria-label': t`Close` }}>
      {asked.isPending ? (
        <Loader size="sm" />
      ) : asked.error ? (
        <p role="alert">{asked.error.message}</p>
      ) : (
        <ol className={classes.versions} aria-label={t`Versions`}>
          {asked.data.map((v) => (
            <li key={v.version}>
              <button type="button" aria-expanded={open === v.version} className={classes.version} onClick={() => setOpen((o) => (o === v.version ? undefined : v.version))}>
                <strong>{t`Version ${v.version}: ${what[v.what]}`}</strong>
                <span>{t`by ${v.who}, ${time(Date.parse(v.at), zone, 'exact')}`}</span>
              </button>
              {open === v.version && v.what !== 'deleted' && <One kind={kind} id={id} version={v.version} before={asked.data.find((x) => x.version < v.version && x.what !== 'deleted')?.version} newest={stored.version} may={may} onDone={onClose} />}
            </li>
          ))}
        </ol>
      )}
    </Drawer>
  )
}

function One({ kind, id, version, before, newest, may, onDone }: { kind: ModelKind; id: string; version: number; before: number | undefined; newest: number; may: boolean; onDone: () => void }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const get = (n: number | undefined) => ({
    queryKey: ['manifests', 'version', kind, id, n], queryFn: ({ signal }: { signal: AbortSignal }) => versionOf(kind, id, n ?? 0, signal), enabled: n !== undefined, staleTime: Infinity,
  })
  const own = useQuery(get(version))
  const earlier = useQuery(get(before))
  const now = useQuery(get(newest))
  const back = useMutation({
    mutationFn: () => restore(kind, id, version, newest),
    onSuccess: async () => {
      tell({ message: t`It is as it was in version ${version}.` })
      onDone()
      await client.invalidateQueries({ queryKey: ['manifests'] })
    },
    onError: (e) => tell({ bad: true, title: t`Not restored`, message: e.message }),
  })
  if (own.error) return <p role="alert">{own.error.message}</p>
  if (!own.data || (before !== undefined && !earlier.data) || !now.data) return <Loader size="xs" />
  return (
    <div className={classes.changes}>
      {before === undefined ? <p className={classes.text}>{t`It is the first one.`}</p> : <Differences title={t`What it changed`} before={earlier.data?.model} after={own.data.model} />}
      {version !== newest && <Differences title={t`What going back to it would change`} before={now.data.model} after={own.data.model} />}
      {version !== newest && may && (
        <Button size="compact-sm" loading={back.isPending} onClick={() => back.mutate()}>
          {t`Restore version ${version}`}
        </Button>
      )}
    </div>
  )
}

function Differences({ title, before, after }: { title: string; before: unknown; after: unknown }) {
  const { t } = useLingui()
  const list = differences(before, after)
  return (
    <>
      <h3 className={classes.sub}>{title}</h3>
      {list.length === 0 ? (
        <p className={classes.text}>{t`Nothing.`}</p>
      ) : (
        <ul className={classes.diff} aria-label={title}>
          {list.map((d) => (
            <li key={d.path}>
              <span>{d.path}</span>
              {d.before !== undefined && <del>{d.before}</del>}
              {d.after !== undefined && <ins>{d.after}</ins>}
            </li>
          ))}
        </ul>
      )}
    </>
  )
}
