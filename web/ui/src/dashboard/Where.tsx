// The tree of everything, with live values.

import { Trans, useLingui } from '@lingui/react/macro'
import { memo } from 'react'
import type { Index } from '../lib/tree'
import { Tree, TreeLegend } from '../tree/Tree'
import classes from './Where.module.css'

export const Where = memo(function Where({ index, hierarchy, group, onGroup, onSensor }: {
  index: Index
  hierarchy: string
  group: string
  onGroup: (hierarchy: string, group: string) => void
  onSensor: (hierarchy: string, group: string, sensor: string) => void
}) {
  const { t } = useLingui()
  return (
    <section className={`ww-card ${classes.card ?? ''}`} aria-labelledby="tree-title">
      <header className={classes.head}>
        <h2 id="tree-title">
          <Trans>Where it goes</Trans>
        </h2>
        <TreeLegend />
      </header>
      <Tree index={index} label={t`Where it goes`} hierarchy={hierarchy} group={group} onGroup={onGroup} onSensor={onSensor} height="min(36rem, 72vh)" />
    </section>
  )
})
