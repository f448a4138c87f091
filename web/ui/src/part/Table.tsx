// A plain table that scrolls sideways in its own box.

import type { ReactNode } from 'react'
import classes from './Table.module.css'

export interface Col {
  name: string
  /** Numbers stand at the right. */
  number?: boolean
}

/** `most` is how high it gets before it scrolls downwards in its own box, too, px. */
export function Table({ label, columns, most, children }: { label: string; columns: readonly Col[]; most?: number; children: ReactNode }) {
  return (
    <div className={classes.box} style={most === undefined ? undefined : { maxHeight: most, overflowY: 'auto' }} data-bounded={most !== undefined} role="group" aria-label={label} tabIndex={0}>
      <table className={classes.table}>
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c.name} scope="col" data-number={c.number}>
                {c.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}
