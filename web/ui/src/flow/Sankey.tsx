// The drawing of an energy flow.

import { useLingui } from '@lingui/react/macro'
import { useCallback } from 'react'
import { colourIndex, type Tokens } from '../chart/colour'
import { Figure } from '../chart/Figure'
import { text } from '../lib/format'
import type { Drawing, FlowRow } from '../lib/flow'

/** Between two nodes of a narrow drawing: a name of three lines and an amount. */
export const narrowGap = 46
/** Between two nodes of a wide one: a line, also where a ribbon is thinner than one. */
export const wideGap = 18
/** Room for names and amounts beside the last column, px. */
const wideRight = 260

export interface SankeyProps {
  drawing: Drawing
  unit: string
  name: (r: FlowRow) => string
  label: string
  height: number
  narrow: boolean
  onPick: (r: FlowRow) => void
}

export function Sankey({ drawing, unit, name, label, height, narrow, onPick }: SankeyProps) {
  const { t } = useLingui()
  const option = useCallback(
    (k: Tokens) => {
      const rows = new Map(drawing.rows.map((r) => [r.index, r]))
      const colour = (r: FlowRow) =>
        r.node.kind === 'unaccounted' ? k.warn : r.node.kind === 'others' ? k.dim : r.node.depth === 0 ? k.power : (k.series[colourIndex(r.node.id ?? '')] ?? k.power)
      return {
        tooltip: {
          backgroundColor: k.card, borderColor: k.line, textStyle: { color: k.ink },
          formatter: (p: { dataType: string; name: string; value: number; data: { said?: string; source?: string; target?: string } }) => p.data.said ?? '',
        },
        series: [
          {
            type: 'sankey',
            left: 4, top: 12, bottom: 12, right: narrow ? 108 : wideRight,
            nodeWidth: narrow ? 10 : 14, nodeGap: narrow ? narrowGap : wideGap, nodeAlign: 'left', layoutIterations: 0, draggable: false,
            emphasis: { focus: 'adjacency' },
            lineStyle: { color: 'target', opacity: k.scheme === 'dark' ? 0.38 : 0.28, curveness: 0.5 },
            labelLayout: { hideOverlap: false },
            // Where there is no room beside a ribbon a name stands on it, in as many lines as it needs.
            label: { color: k.ink, fontSize: narrow ? 11 : 12, width: narrow ? 100 : wideRight - 10, overflow: narrow ? 'break' : 'truncate', textBorderColor: k.card, textBorderWidth: narrow ? 3 : 0 },
            data: drawing.rows
              .filter((r) => drawing.drawn.has(r.index))
              .map((r) => {
                const amount = text(r.amount, unit)
                return {
                  id: `${r.index}`,
                  name: `${r.index}`,
                  depth: r.node.depth,
                  said: `<b>${escaped(name(r))}</b><br>${escaped(amount)}`,
                  itemStyle: { color: colour(r), borderColor: k.card, ...(r.node.kind === 'unaccounted' ? { decal: { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4, color: k.card } } : {}) },
                  // What is broken into lines cannot have styles, too: they would be put into one line.
                  label: narrow
                    ? { formatter: `${braceless(name(r))}\n${amount}`, lineHeight: 13 }
                    : {
                        formatter: `{n|${shortened(braceless(name(r)))}} {a|${amount}}`,
                        rich: { n: { lineHeight: 16, fontSize: 12, color: k.ink }, a: { lineHeight: 16, fontSize: 11, color: k.dim } },
                      },
                }
              }),
            links: drawing.ribbons.map((l) => {
              const a = rows.get(l.source)
              const b = rows.get(l.target)
              return {
                source: `${l.source}`, target: `${l.target}`, value: l.value,
                said: a && b ? `${escaped(name(a))} → ${escaped(name(b))}<br><b>${escaped(text(l.value, unit))}</b>` : '',
              }
            }),
          },
        ],
      }
    },
    [drawing, unit, name, narrow],
  )
  return (
    <Figure
      option={option}
      height={height}
      label={`${label}. ${t`The table below has the same figures.`}`}
      onPick={(id) => {
        const r = drawing.rows.find((x) => `${x.index}` === id)
        if (r) onPick(r)
      }}
    />
  )
}

function escaped(s: string): string {
  return s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
}

/** What fits into a line beside its amount; all of it is told by the table and under the mouse. */
function shortened(s: string): string {
  return s.length > 26 ? `${s.slice(0, 25).trimEnd()}…` : s
}

/** Braces begin a style in a label. */
function braceless(s: string): string {
  return s.replace(/[{}|]/g, ' ')
}
