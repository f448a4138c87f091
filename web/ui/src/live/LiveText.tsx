// Live values on the page. What moves with every tick is written past React
// (LiveText, usePainted); what changes now and then is drawn by React when it
// does (useLive).

import { useCallback, useLayoutEffect, useRef, useSyncExternalStore, type ComponentPropsWithoutRef } from 'react'
import { live } from '../api/live'
import { painted, writer } from './paint'

/**
 * Paints what is read, now and in the next frame whenever one of the topics,
 * with tabs between them, speaks. `bind` finds the elements that are painted,
 * once they are there.
 */
export function usePainted<T>(topics: string, read: () => T, bind: () => (shown: T) => void): void {
  const latest = useRef(read)
  const binds = useRef(bind)
  const repaint = useRef<() => void>(undefined)
  useLayoutEffect(() => {
    latest.current = read
    repaint.current?.()
  })
  useLayoutEffect(() => {
    const write = binds.current()
    const paint = () => write(latest.current())
    repaint.current = paint
    return painted(topics.split('\t'), paint)
  }, [topics])
}

/** A text that moves with the live stream. */
export function LiveText({ topics, read, ...rest }: { topics: string; read: () => string } & Omit<ComponentPropsWithoutRef<'span'>, 'children'>) {
  const ref = useRef<HTMLSpanElement>(null)
  usePainted(topics, read, () => writer(ref.current))
  return <span ref={ref} {...rest} />
}

/** What is read of the stream when a topic speaks; draws anew only when it is another. */
export function useLive<T extends string | number | boolean>(topic: string, read: () => T): T {
  return useSyncExternalStore(
    useCallback((l: () => void) => live.subscribe(topic, l), [topic]),
    read,
  )
}
