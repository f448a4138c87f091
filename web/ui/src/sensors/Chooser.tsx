// The whole tree, with a search.

import { useLingui } from '@lingui/react/macro'
import { CloseButton, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { useDeferredValue, useState } from 'react'
import type { Index } from '../lib/tree'
import { Tree } from '../tree/Tree'
import classes from './Chooser.module.css'

export function Chooser({ index, hierarchy, group, sensor, query, onQuery, onGroup, onSensor, height }: {
  index: Index
  hierarchy: string
  group: string
  sensor: string | undefined
  /** As the address has it. */
  query: string
  onQuery: (q: string) => void
  onGroup: (hierarchy: string, group: string) => void
  onSensor: (hierarchy: string, group: string, sensor: string) => void
  height: string
}) {
  const { t } = useLingui()
  const [typed, setTyped] = useState(query)
  const wanted = useDeferredValue(typed)
  const take = (q: string) => {
    setTyped(q)
    onQuery(q)
  }
  return (
    <div className={classes.chooser}>
      <TextInput
        type="search"
        size="sm"
        aria-label={t`Search sensors and groups`}
        placeholder={index.model.sensors.length === 1 ? t`Search` : t`Search ${index.model.sensors.length} sensors`}
        leftSection={<IconSearch size={16} aria-hidden="true" />}
        rightSection={typed === '' ? null : <CloseButton size="sm" aria-label={t`Clear the search`} onClick={() => take('')} />}
        value={typed}
        onChange={(e) => take(e.currentTarget.value)}
      />
      <Tree index={index} label={t`Sensors and groups`} hierarchy={hierarchy} group={group} sensor={sensor} onGroup={onGroup} onSensor={onSensor} query={wanted} loose height={height} />
    </div>
  )
}
