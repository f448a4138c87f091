// What the hatching of windows means, as far as there are such windows.

import { marked, qualityName, type Quality } from '../lib/quality'
import classes from './QualityLegend.module.css'

export function QualityLegend({ of }: { of: readonly (Quality | null | undefined)[] }) {
  const some = marked.filter((q) => of.includes(q))
  if (some.length === 0) return null
  return (
    <ul className={classes.legend}>
      {some.map((q) => (
        <li key={q} data-kind={q}>
          {qualityName(q)}
        </li>
      ))}
    </ul>
  )
}
