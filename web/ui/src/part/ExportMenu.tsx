// Takes what a chart shows away. What it is made of comes after the page.

import { lazy, Suspense } from 'react'
import type { Table } from './table'

const ExportList = lazy(() => import('./ExportList').then((m) => ({ default: m.ExportList })))

export interface FileLink {
  label: string
  href: string
  /** How its name ends: "csv". */
  end: string
}

export interface ExportMenuProps {
  /** Name of the file, without its end. */
  name: string
  /** What is shown now; asked for when it is wanted. */
  table?: () => Table
  /** The element whose canvas is the picture. */
  picture?: () => HTMLElement | null | undefined
  /** Files that the server makes, with everything in them. */
  links?: readonly FileLink[]
}

export function ExportMenu(props: ExportMenuProps) {
  return (
    <Suspense fallback={<span style={{ width: 22, height: 22 }} />}>
      <ExportList {...props} />
    </Suspense>
  )
}
