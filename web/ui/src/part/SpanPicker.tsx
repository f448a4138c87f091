// Chooses the span of a page. What it is made of comes after the page.

import { Suspense } from 'react'
import type { Length } from '../lib/span'
import type { View } from '../shell/span'
import { later } from './later'

const SpanControls = later(() => import('./SpanControls').then((m) => m.SpanControls))

export interface SpanPickerProps {
  view: View
  zone: string
  /** The lengths that are offered; all without it. */
  only?: readonly Length[]
}

export function SpanPicker(props: SpanPickerProps) {
  return (
    <Suspense fallback={<div style={{ height: 30, width: 220 }} />}>
      <SpanControls {...props} />
    </Suspense>
  )
}
