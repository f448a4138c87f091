// How a chart is moved by hand: dragging with Shift or the middle button,
// the wheel with Ctrl, one finger and two.

import type uPlot from 'uplot'

export interface Grip {
  /** Asks for a part of what is shown (0 to 1), or beyond it. */
  seek: (begin: number, end: number) => void
  /** Whether it may be moved at all. */
  wanted: () => boolean
  view: () => { from: number; to: number }
}

/** Makes a chart movable until the returned function is called. */
export function hands(u: uPlot, grip: Grip): () => void {
  const el = u.over
  const stop = new AbortController()
  const on = <K extends keyof HTMLElementEventMap>(type: K, f: (e: HTMLElementEventMap[K]) => void, options: AddEventListenerOptions = {}) => {
    el.addEventListener(type, f, { ...options, signal: stop.signal })
  }
  el.style.touchAction = 'pan-y'

  const fingers = new Map<number, number>()
  /** Where the fingers were when their number last changed, as shares of the width. */
  let held: number[] = []
  /** The part in view while a hand is on it. */
  let shown: [number, number] | undefined

  const share = (x: number) => {
    const box = el.getBoundingClientRect()
    return box.width > 0 ? (x - box.left) / box.width : 0
  }
  const places = () => [...fingers.values()].map(share).sort((a, b) => a - b)

  const draw = (begin: number, end: number) => {
    const { from, to } = grip.view()
    shown = [begin, end]
    u.setScale('x', { min: from + begin * (to - from), max: from + end * (to - from) })
  }

  on('pointerdown', (e) => {
    const pans = e.pointerType === 'touch' || e.button === 1 || (e.button === 0 && e.shiftKey)
    if (!pans || !grip.wanted()) return
    fingers.set(e.pointerId, e.clientX)
    held = places()
    if (e.pointerType !== 'touch') el.setPointerCapture(e.pointerId)
    if (e.button === 1) e.preventDefault()
  })
  on('pointermove', (e) => {
    if (!fingers.has(e.pointerId)) return
    fingers.set(e.pointerId, e.clientX)
    const now = places()
    const [a, b] = held
    const [c, d] = now
    if (a === undefined || c === undefined) return
    if (b === undefined || d === undefined) {
      if (Math.abs(c - a) > 0.01 || shown) draw(a - c, 1 + a - c)
      return
    }
    // What lay under the fingers stays under them.
    const k = (b - a) / Math.max(d - c, 0.02)
    draw(a - c * k, a - c * k + k)
  })
  const end = (e: PointerEvent) => {
    if (!fingers.delete(e.pointerId)) return
    held = places()
    if (fingers.size > 0 || !shown) return
    const [begin, last] = shown
    shown = undefined
    grip.seek(begin, last)
  }
  on('pointerup', end)
  on('pointercancel', (e) => {
    // The browser took the gesture to scroll the page.
    if (!fingers.delete(e.pointerId)) return
    if (fingers.size === 0 && shown) {
      shown = undefined
      draw(0, 1)
      shown = undefined
    }
  })
  on(
    'wheel',
    (e) => {
      if (!(e.ctrlKey || e.metaKey) || !grip.wanted()) return
      e.preventDefault()
      const x = share(e.clientX)
      const k = Math.exp(Math.max(-1, Math.min(1, e.deltaY / 250)))
      grip.seek(x - x * k, x + (1 - x) * k)
    },
    { passive: false },
  )
  return () => stop.abort()
}
