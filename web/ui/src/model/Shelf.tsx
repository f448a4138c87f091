// Sensors to put into the tree: those that send and stand nowhere, and all
// that there are.

import { useLingui } from '@lingui/react/macro'
import { Button, SegmentedControl, TextInput } from '@mantine/core'
import { IconGripVertical, IconPlus, IconSearch } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useDeferredValue, useMemo, useRef, useState } from 'react'
import type { Model } from '../api/client'
import { unassigned } from '../api/model'
import { ago, unitOf } from '../lib/format'
import { Panel } from '../part/Panel'
import { sensorKey, type Node } from './nodes'
import classes from './Shelf.module.css'
import { dragged } from './Tree'

interface Props {
  model: Model
  all: ReadonlyMap<string, Node>
  /** The group that a button adds to. */
  group: string | undefined
  groupName: string
  may: boolean
  onBring: (sensor: string, to: string) => void
}

interface Entry {
  id: string
  name: string
  note: string
  here: boolean
}

const rowHeight = 44

export function Shelf({ model, all, group, groupName, may, onBring }: Props) {
  const { t } = useLingui()
  const [which, setWhich] = useState<'unassigned' | 'all'>('unassigned')
  const [q, setQ] = useState('')
  const wanted = useDeferredValue(q.trim())
  const asked = useQuery({ queryKey: ['unassigned', wanted], queryFn: ({ signal }) => unassigned(wanted, signal), refetchInterval: 5000, placeholderData: keepPreviousData })
  const total = asked.data?.total ?? 0
  const entries = useMemo((): Entry[] => {
    if (which === 'unassigned') {
      return (asked.data?.items ?? []).map((u) => {
        const since = ago(asked.dataUpdatedAt - Date.parse(u.first))
        const source = u.source
        return { id: u.sensor, name: u.sensor, note: t`by ${source}, first seen ${since}`, here: all.has(sensorKey(u.sensor)) }
      })
    }
    const low = wanted.toLowerCase()
    return model.sensors
      .filter((s) => low === '' || s.id.toLowerCase().includes(low) || (s.name ?? '').toLowerCase().includes(low))
      .map((s) => ({ id: s.id, name: s.name ?? s.id, note: [s.name === undefined ? '' : s.id, unitOf(s.quantity)].filter((x) => x !== '').join(', '), here: all.has(sensorKey(s.id)) }))
  }, [which, asked.data, asked.dataUpdatedAt, wanted, model, all, t])

  const box = useRef<HTMLDivElement>(null)
  // Nothing of it is handed to memoised components.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({ count: entries.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 10, getItemKey: (i) => entries[i]?.id ?? i })

  return (
    <Panel title={t`Sensors to place`} height={260} grows asked={which === 'unassigned' ? asked : []}>
      <SegmentedControl
        fullWidth size="xs" value={which} onChange={(v) => setWhich(v)} aria-label={t`Which sensors`}
        data={[{ value: 'unassigned', label: total > 0 ? t`Unassigned (${total})` : t`Unassigned` }, { value: 'all', label: t`All (${model.sensors.length})` }]}
      />
      <TextInput
        mt="xs" size="xs" value={q} onChange={(e) => setQ(e.currentTarget.value)} placeholder={t`Search`} aria-label={t`Search sensors`} leftSection={<IconSearch size={15} aria-hidden="true" />}
      />
      {entries.length === 0 ? (
        <p className={classes.none}>
          {wanted !== '' ? t`No sensor is called so.` : which === 'unassigned' ? t`Every sensor that sends stands in a hierarchy. New ones appear here with their first reading.` : t`There is no sensor yet.`}
        </p>
      ) : (
        <div className={classes.box} ref={box} tabIndex={0} role="group" aria-label={t`Sensors to place`}>
          <ul style={{ height: virtual.getTotalSize() }} className={classes.list}>
            {virtual.getVirtualItems().map((v) => {
              const e = entries[v.index]
              if (!e) return null
              return (
                <li
                  key={v.key}
                  style={{ transform: `translateY(${v.start}px)` }}
                  draggable={may}
                  onDragStart={(ev) => {
                    ev.dataTransfer.setData(dragged, e.id)
                    ev.dataTransfer.effectAllowed = 'move'
                  }}
                >
                  {may && <IconGripVertical size={15} aria-hidden="true" className={classes.grip} />}
                  <span className={classes.who}>
                    <span className={classes.id}>{e.name}</span>
                    <span className={classes.note}>{e.note}</span>
                  </span>
                  {may && group !== undefined && (
                    <Button
                      size="compact-xs" variant="default" leftSection={<IconPlus size={13} aria-hidden="true" />} onClick={() => onBring(e.id, group)}
                      aria-label={e.here ? t`Move ${e.name} to ${groupName}` : t`Add ${e.name} to ${groupName}`}
                    >
                      {e.here ? t`Move` : t`Add`}
                    </Button>
                  )}
                </li>
              )
            })}
          </ul>
        </div>
      )}
      {may && <p className={classes.hint}>{t`Drag one into the tree, or add it to ${groupName}.`}</p>}
    </Panel>
  )
}
