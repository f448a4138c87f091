// A card around a figure, with its export.

import { useRef, type ReactNode } from 'react'
import { Figure, type FigureProps } from '../chart/Figure'
import { ExportMenu, type FileLink } from './ExportMenu'
import { Panel, type PanelProps } from './Panel'
import type { Table } from './table'

export interface FigurePanelProps extends Omit<PanelProps, 'children' | 'height'>, Omit<FigureProps, 'canvas'> {
  /** What is drawn, as rows and columns. */
  table: () => Table
  /** Name of the files. */
  file: string
  links?: readonly FileLink[]
  /** Above the figure: its figures in words. */
  above?: ReactNode
  /** Below it. */
  below?: ReactNode
}

export function FigurePanel({ option, label, height, onPick, table, file, links, actions, above, below, ...panel }: FigurePanelProps) {
  const host = useRef<HTMLDivElement>(null)
  return (
    <Panel
      {...panel}
      height={height}
      actions={
        <>
          {actions}
          <ExportMenu name={file} table={table} picture={() => host.current} {...(links ? { links } : {})} />
        </>
      }
    >
      {above}
      <div ref={host}>
        <Figure option={option} label={label} height={height} {...(onPick ? { onPick } : {})} />
      </div>
      {below}
    </Panel>
  )
}
