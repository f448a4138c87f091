// Chooses the span of a page. What it is made of comes after the page.

import { lazy, Suspense } from 'react'
import type { Length } from '../lib/span'
import type { View } from '../shell/span'

const SpanControls = lazy(() => import('./SpanControls').then((m) => ({ default: m.SpanControls })))

export interface SpanPickerProps {
  view: View
  zone: string
  /** The lengths that are offered; all without it. */
  only?: readonly Length[]
}

export function SpanPicker(props: SpanPickerProps) {
  return (
    <Suspense fallback={<div style={{ height: 30, width: 260 }} />}>
      <SpanControls {...props} />
    </Suspense>
  )
}
