// The span of a page, as its address has it, going on with the clock.

import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useState } from 'react'
import { ends, fromSearch, isLive, lengths, toSearch, type Length, type Span } from '../lib/span'

export interface View {
  span: Span
  from: number
  to: number
  live: boolean
  set: (s: Span) => void
  /** Follows the clock again; undefined while it does. */
  follow: (() => void) | undefined
}

/** Moves on each half minute, of long spans each minute: a page is not drawn anew more often; what it draws live goes on by itself. */
function useClock(length: number | undefined): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (length === undefined) return
    const pace = Math.min(60_000, Math.max(30_000, length / 1500))
    const timer = setInterval(() => setNow(Date.now()), pace)
    return () => clearInterval(timer)
  }, [length])
  return now
}

/** The span in the address of the page. */
export function useSpan(otherwise: Length): View {
  const navigate = useNavigate()
  const { span: name, from, to } = useSearch({ from: '/app' })
  const span = useMemo(() => fromSearch({ span: name, from, to }, otherwise), [name, from, to, otherwise])
  const live = isLive(span)
  const [last, setLast] = useState<Length>(otherwise)
  const now = useClock(live ? lengths[span.live] : undefined)
  if (live && span.live !== last) setLast(span.live)
  const set = useCallback(
    (s: Span) => void navigate({ to: '.', search: (old) => ({ ...old, ...toSearch(s) }), replace: true }),
    [navigate],
  )
  const follow = useCallback(() => set({ live: last }), [set, last])
  return { span, ...ends(span, now), live, set, follow: live ? undefined : follow }
}
