// One tile per hierarchy: its name and what it takes now.

import { useLingui } from '@lingui/react/macro'
import type { Known } from '../api/client'
import type { Hierarchy } from '../api/generated/types.gen'
import { live, ofGroups } from '../api/live'
import { scaled } from '../lib/format'
import type { Index } from '../lib/tree'
import { LiveText } from '../live/LiveText'
import classes from './Tiles.module.css'

function Tile({ index, h, selected, onSelect }: { index: Index; h: Known<Hierarchy>; selected: boolean; onSelect: () => void }) {
  const now = () => scaled(live.group(h.id, h.root)?.power, 'W')
  const ticks = ofGroups(h.id)
  const site = h.site === undefined ? undefined : (index.sites.get(h.site)?.name ?? h.site)
  return (
    <button type="button" className={classes.tile} aria-pressed={selected} onClick={onSelect}>
      <span className={classes.name}>{index.hierarchyName(h)}</span>
      <span className={classes.value}>
        <LiveText className="ww-number" topics={ticks} read={() => now().value} />{' '}
        <small>
          <LiveText topics={ticks} read={() => now().unit} />
        </small>
      </span>
      <span className={classes.site}>{site ?? '\u00a0'}</span>
    </button>
  )
}

export function Tiles({ index, selected, onSelect }: { index: Index; selected: string; onSelect: (h: Known<Hierarchy>) => void }) {
  const { t } = useLingui()
  const hs = index.model.hierarchies
  if (hs.length < 2) return null
  return (
    <div className={classes.strip} role="group" aria-label={t`Hierarchies`}>
      {hs.map((h) => (
        <Tile key={h.id} index={index} h={h} selected={h.id === selected} onSelect={() => onSelect(h)} />
      ))}
    </div>
  )
}
