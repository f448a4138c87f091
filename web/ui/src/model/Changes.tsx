// What a change of the model changes, thing by thing.

import { useLingui } from '@lingui/react/macro'
import type { Kind, ThingChange } from '../lib/edit'
import classes from './Changes.module.css'

/** More are counted and not listed. */
const most = 200

/** `total` when there are more than the list has. */
export function Changes({ list, total = list.length }: { list: readonly ThingChange[]; total?: number }) {
  const { t } = useLingui()
  const kinds: Record<Kind, string> = { sites: t`Site`, sensors: t`Sensor`, groups: t`Group`, hierarchies: t`Hierarchy` }
  const whats: Record<ThingChange['what'], string> = { added: t`added`, removed: t`removed`, renamed: t`renamed`, moved: t`moved`, changed: t`changed` }
  const more = total - Math.min(list.length, most)
  if (list.length === 0) return <p className={classes.none}>{t`No difference.`}</p>
  return (
    <ul className={classes.list} aria-label={t`Differences`} tabIndex={0}>
      {list.slice(0, most).map((c) => (
        <li key={`${c.kind}/${c.id}/${c.what}/${c.fields[0]?.field ?? ''}`} data-what={c.what}>
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
