// Sensors that send but stand in no hierarchy: one click puts each into the
// group that is chosen.

import { Plural, Trans, useLingui } from '@lingui/react/macro'
import { Button, Skeleton } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api } from '../api/client'
import { changeModel } from '../api/model'
import { firstGroup, firstHierarchy } from '../lib/edit'
import { ago } from '../lib/format'
import type { Index } from '../lib/tree'
import { tell } from '../part/tell'
import classes from './Unassigned.module.css'

export function Unassigned({ index, group, name, may }: { index: Index; group: string | undefined; name: string; may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const q = useQuery({ queryKey: ['unassigned'], queryFn: ({ signal }) => api.unassigned(signal), refetchInterval: 5000 })
  const target = group === undefined ? t`Everything` : name
  const assign = useMutation({
    mutationFn: async (sensor: string) => {
      if (group === undefined) await changeModel(firstHierarchy(index.model, target), undefined)
      return api.assign(sensor, group ?? firstGroup)
    },
    onSuccess: (_r, sensor) => tell({ title: t`Assigned`, message: t`${sensor} counts for ${target} now` }),
    onError: (e, sensor) => tell({ bad: true, title: t`${sensor} was not assigned`, message: e.message }),
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ['unassigned'] }), client.invalidateQueries({ queryKey: ['model'] })]),
  })
  const items = q.data?.items ?? []
  const total = q.data?.total ?? items.length
  return (
    <section className={`ww-card ${classes.card ?? ''}`} aria-labelledby="unassigned-title">
      <h2 id="unassigned-title">
        <Trans>Unassigned sensors</Trans> {total > 0 && <span className={classes.count}>{total}</span>}
      </h2>
      {q.isPending ? (
        <Skeleton height={44} />
      ) : q.isError ? (
        <p className={classes.quiet} role="alert">
          {t`This could not be loaded: ${q.error.message}`}
        </p>
      ) : items.length === 0 ? (
        <p className={classes.quiet}>
          <Trans>Every sensor that sends stands in a hierarchy. New ones appear here with their first reading, and nothing they send is lost meanwhile.</Trans>
        </p>
      ) : (
        <>
          <p className={classes.quiet}>{may ? t`They send, but stand in no hierarchy. Add them to ${target}:` : t`They send, but stand in no hierarchy.`}</p>
          <ul className={classes.list}>
            {items.map((s) => (
              <li key={s.sensor}>
                <span className={classes.who}>
                  <span className={classes.id}>{s.sensor}</span>
                  <span className={classes.from}>
                    {t`by ${s.source}, first seen ${ago(q.dataUpdatedAt - Date.parse(s.first))}`}
                  </span>
                </span>
                {may && (
                    <Button
                      size="compact-sm"
                      variant="default"
                      className={classes.add}
                      leftSection={<IconPlus size={14} aria-hidden="true" />}
                      loading={assign.isPending && assign.variables === s.sensor}
                      onClick={() => assign.mutate(s.sensor)}
                      aria-label={t`Add ${s.sensor} to ${target}`}
                      title={t`Add to ${target}`}
                    >
                      <Trans>Add</Trans>
                    </Button>
                )}
              </li>
            ))}
          </ul>
          {total > items.length && (
            <p className={classes.quiet}>
              <Plural value={total - items.length} one="and one more" other="and # more" />
            </p>
          )}
        </>
      )}
    </section>
  )
}
