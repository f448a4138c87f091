// Sensors that send but stand in no hierarchy: one click puts each into the
// group that is chosen.

import { Button, Skeleton } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api } from '../api/client'
import { ago } from '../lib/format'
import { tell } from '../part/tell'
import classes from './Unassigned.module.css'

/** What is made when there is nothing yet to put a sensor into. */
const first = { id: 'all', name: 'Everything' }

export function Unassigned({ group, name, may }: { group: string | undefined; name: string; may: boolean }) {
  const client = useQueryClient()
  const q = useQuery({ queryKey: ['unassigned'], queryFn: ({ signal }) => api.unassigned(signal), refetchInterval: 5000 })
  const target = group === undefined ? first.name : name
  const assign = useMutation({
    mutationFn: async (sensor: string) => {
      if (group === undefined) {
        await api.putGroup({ id: first.id, name: first.name })
        await api.putHierarchy({ id: first.id, name: first.name, root: first.id })
      }
      return api.assign(sensor, group ?? first.id)
    },
    onSuccess: (_r, sensor) => tell({ title: 'Assigned', message: `${sensor} counts for ${target} now` }),
    onError: (e, sensor) => tell({ bad: true, title: `${sensor} was not assigned`, message: e.message }),
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ['unassigned'] }), client.invalidateQueries({ queryKey: ['model'] })]),
  })
  const items = q.data?.items ?? []
  const total = q.data?.total ?? items.length
  return (
    <section className={`ww-card ${classes.card ?? ''}`} aria-labelledby="unassigned-title">
      <h2 id="unassigned-title">
        Unassigned sensors {total > 0 && <span className={classes.count}>{total}</span>}
      </h2>
      {q.isPending ? (
        <Skeleton height={44} />
      ) : q.isError ? (
        <p className={classes.quiet} role="alert">
          Could not be loaded: {q.error.message}
        </p>
      ) : items.length === 0 ? (
        <p className={classes.quiet}>Every sensor that sends stands in a hierarchy. New ones appear here with their first reading, and nothing they send is lost meanwhile.</p>
      ) : (
        <>
          <p className={classes.quiet}>They send, but stand in no hierarchy.{may && ` Add them to ${target}:`}</p>
          <ul className={classes.list}>
            {items.map((s) => (
              <li key={s.sensor}>
                <span className={classes.who}>
                  <span className={classes.id}>{s.sensor}</span>
                  <span className={classes.from}>
                    by {s.source}, first seen {ago(q.dataUpdatedAt - Date.parse(s.first))}
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
                      aria-label={`Add ${s.sensor} to ${target}`}
                      title={`Add to ${target}`}
                    >
                      Add
                    </Button>
                )}
              </li>
            ))}
          </ul>
          {total > items.length && <p className={classes.quiet}>and {total - items.length} more</p>}
        </>
      )}
    </section>
  )
}
