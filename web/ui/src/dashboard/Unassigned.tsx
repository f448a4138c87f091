// Sensors that send but stand in no hierarchy: one click puts each into the
// group that is chosen.

import { Button, Skeleton, Tooltip } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { IconCheck, IconPlus } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api } from '../api/client'
import { ago } from '../lib/format'
import classes from './Unassigned.module.css'

const most = 50

export function Unassigned({ group, name, may }: { group: string | undefined; name: string; may: boolean }) {
  const client = useQueryClient()
  const q = useQuery({ queryKey: ['unassigned'], queryFn: ({ signal }) => api.unassigned(signal), refetchInterval: 5000 })
  const assign = useMutation({
    mutationFn: (sensor: string) => api.assign(sensor, group ?? ''),
    onSuccess: (_r, sensor) => notifications.show({ color: 'teal', icon: <IconCheck size={18} />, title: 'Assigned', message: `${sensor} counts for ${name} now` }),
    onError: (e, sensor) => notifications.show({ color: 'red', title: `${sensor} was not assigned`, message: e.message }),
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ['unassigned'] }), client.invalidateQueries({ queryKey: ['model'] })]),
  })
  const items = q.data?.items ?? []
  return (
    <section className={`ww-card ${classes.card ?? ''}`} aria-labelledby="unassigned-title">
      <h2 id="unassigned-title">
        Unassigned sensors {items.length > 0 && <span className={classes.count}>{items.length}</span>}
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
          <p className={classes.quiet}>{group === undefined ? 'They send, but stand in no hierarchy.' : `They send, but stand in no hierarchy. Add them to ${name}:`}</p>
          <ul className={classes.list}>
            {items.slice(0, most).map((s) => (
              <li key={s.sensor}>
                <span className={classes.who}>
                  <span className={classes.id}>{s.sensor}</span>
                  <span className={classes.from}>
                    {[s.source, s.at === undefined ? undefined : ago(q.dataUpdatedAt - s.at)].filter(Boolean).join(', ')}
                  </span>
                </span>
                {may && group !== undefined && (
                  <Tooltip label={`Add to ${name}`}>
                    <Button
                      size="compact-sm"
                      variant="default"
                      className={classes.add}
                      leftSection={<IconPlus size={14} aria-hidden="true" />}
                      loading={assign.isPending && assign.variables === s.sensor}
                      onClick={() => assign.mutate(s.sensor)}
                      aria-label={`Add ${s.sensor} to ${name}`}
                    >
                      Add
                    </Button>
                  </Tooltip>
                )}
              </li>
            ))}
          </ul>
          {items.length > most && <p className={classes.quiet}>and {items.length - most} more</p>}
        </>
      )}
    </section>
  )
}
