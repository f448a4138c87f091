// What a change of the model changes, thing by thing.

import { useLingui } from '@lingui/react/macro'
import type { Kind, ThingChange } from '../lib/edit'
import classes from './Changes.module.css'

/** More are counted and not listed. */
const most = 200

export function Changes({ list }: { list: readonly ThingChange[] }) {
  const { t } = useLingui()
  const kinds: Record<Kind, string> = { sites: t`Site`, sensors: t`Sensor`, groups: t`Group`, hierarchies: t`Hierarchy` }
  const whats: Record<ThingChange['what'], string> = { added: t`added`, removed: t`removed`, changed: t`changed` }
  const more = list.length - most
  if (list.length === 0) return <p className={classes.none}>{t`No difference.`}</p>
  return (
    <ul className={classes.list} aria-label={t`Differences`}>
      {list.slice(0, most).map((c) => (
        <li key={`${c.kind}/${c.id}`} data-what={c.what}>
          <span className={classes.head}>
            <span className={classes.what}>{whats[c.what]}</span> {kinds[c.kind]} <strong>{c.name}</strong>
          </span>
          {c.fields.map((f) => (
            <span key={f.field} className={classes.field}>
              {f.field}: {f.was !== '' && <del>{f.was}</del>} {f.is !== '' && <ins>{f.is}</ins>}
            </span>
          ))}
        </li>
      ))}
      {more > 0 && <li>{t`and ${more} more`}</li>}
    </ul>
  )
}
