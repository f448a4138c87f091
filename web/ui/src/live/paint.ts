// Writes live values into the page past React: a tick that moves hundreds of
// them costs what it takes to write the texts that changed, once a frame.

import { live } from '../api/live'

export type Paint = () => void

/** What is to be painted in the next frame. */
const due = new Set<Paint>()
let frame = 0

function flush(): void {
  frame = 0
  const now = [...due]
  due.clear()
  for (const paint of now) paint()
}

/** Paints now, and in the next frame whenever one of the topics of the live stream speaks; until the returned function is called. */
export function painted(topics: readonly string[], paint: Paint): () => void {
  const touch = () => {
    due.add(paint)
    if (frame === 0) frame = requestAnimationFrame(flush)
  }
  const stops = topics.map((topic) => live.subscribe(topic, touch))
  paint()
  return () => {
    stops.forEach((stop) => stop())
    due.delete(paint)
  }
}

/** Writes a text into an element that holds nothing else; the same text again costs nothing. */
export function writer(el: HTMLElement | null): (text: string) => void {
  if (!el) return () => undefined
  let old = el.textContent
  let node = el.firstChild
  if (!(node instanceof Text)) {
    node = document.createTextNode('')
    el.replaceChildren(node)
    old = ''
  }
  return (text) => {
    if (text === old) return
    old = text
    node.nodeValue = text
  }
}

/** Shows by an attribute that an element is so, or is not; it changes only when that does. */
export function marker(el: HTMLElement | null, attribute: string): (on: boolean) => void {
  let old: boolean | undefined
  return (on) => {
    if (on === old || !el) return
    old = on
    el.toggleAttribute(attribute, on)
  }
}

/** A bar of this many steps: what cannot be seen is not drawn. */
const barSteps = 80

/** Draws a share from 0 to 1. */
export function bar(el: HTMLElement | null): (share: number | null) => void {
  let old = -1
  return (share) => {
    const step = Math.round(Math.max(0, Math.min(1, share ?? 0)) * barSteps)
    if (step === old || !el) return
    old = step
    el.style.setProperty('--bar', String(step / barSteps))
  }
}
