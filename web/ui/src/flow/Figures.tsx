// The figures of an energy flow as a table: what the drawing shows, and what
// it cannot.

import { Plural, useLingui } from '@lingui/react/macro'
import { percent, text } from '../lib/format'
import type { FlowRow } from '../lib/flow'
import classes from './Flow.module.css'

export interface FiguresProps {
  rows: readonly FlowRow[]
  unit: string
  label: string
  name: (r: FlowRow) => string
  /** Whether it leads anywhere. */
  leads: (r: FlowRow) => boolean
  onPick: (r: FlowRow) => void
}

export function Figures({ rows, unit, label, name, leads, onPick }: FiguresProps) {
  const { t } = useLingui()
  return (
    <div className={classes.scroll} tabIndex={0} role="region" aria-label={label}>
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">{t`Name`}</th>
            <th scope="col">{t`Energy`}</th>
            <th scope="col">{t`Share`}</th>
            <th scope="col">{t`Complete`}</th>
            <th scope="col">{t`Estimated`}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <tr key={r.index} data-kind={r.node.kind}>
              <th scope="row" style={{ paddingLeft: `${0.5 + 1.1 * r.node.depth}rem` }}>
                {leads(r) ? (
                  <button type="button" onClick={() => onPick(r)}>
                    {name(r)}
                  </button>
                ) : (
                  name(r)
                )}
                {(r.node.unknown ?? 0) > 0 && (
                  <small>
                    <Plural value={r.node.unknown ?? 0} one="# member unknown" other="# members unknown" />
                  </small>
                )}
              </th>
              <td className="ww-number">{text(r.amount, unit)}</td>
              <td className="ww-number">{percent(r.share, 1)}</td>
              <td className="ww-number">{percent(shareDown(r.node.completeness), 1)}</td>
              <td className="ww-number">{percent(r.node.estimated, 1)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** Nearly all is not all: 99.96 % is not shown as 100 %. */
export function shareDown(v: number): number {
  return v >= 1 ? 1 : Math.floor(v * 1000) / 1000
}
