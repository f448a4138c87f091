// Where in the tree something stands; each step leads there.

import { useLingui } from '@lingui/react/macro'
import type { Known } from '../api/client'
import type { Hierarchy } from '../api/generated/types.gen'
import type { Index } from '../lib/tree'
import classes from './Path.module.css'

export function Path({ index, h, group, whole = false, onGroup }: { index: Index; h: Known<Hierarchy>; group: string; whole?: boolean; onGroup: (group: string) => void }) {
  const { t } = useLingui()
  const way = index.path(h.id, group)
  const above = whole ? way : way.slice(0, -1)
  const site = h.site === undefined ? undefined : (index.sites.get(h.site)?.name ?? h.site)
  return (
    <nav aria-label={t`Place in the tree`} className={classes.path}>
      {site !== undefined && <span>{site}</span>}
      {above.map((g, i) => (
        <span key={g}>
          {(site !== undefined || i > 0) && <span aria-hidden="true"> / </span>}
          <button type="button" onClick={() => onGroup(g)}>
            {g === h.root ? index.hierarchyName(h) : index.groupName(g)}
          </button>
        </span>
      ))}
      {site === undefined && above.length === 0 && <span>{t`Live power`}</span>}
    </nav>
  )
}
