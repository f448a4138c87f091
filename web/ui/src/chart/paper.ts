// Paper is white and cannot be scrolled: what is printed has the light
// colours, whatever the screen has, and lists as a whole.

import { useSyncExternalStore } from 'react'

/** Where Mantine says which colours are shown; tokens.css goes by it, too. */
const attribute = 'data-mantine-color-scheme'

const listeners = new Set<() => void>()
let printing = false
let screen: string | null = null

function become(now: boolean): void {
  if (now === printing) return
  printing = now
  const page = document.documentElement
  if (printing) {
    screen = page.getAttribute(attribute)
    page.setAttribute(attribute, 'light')
  } else if (screen !== null) {
    page.setAttribute(attribute, screen)
  }
  for (const l of listeners) l()
}

/** Follows what the browser says about printing, for as long as the page is there. */
export function watchPaper(): void {
  const paper = matchMedia('print')
  window.addEventListener('beforeprint', () => become(true))
  window.addEventListener('afterprint', () => become(paper.matches))
  paper.addEventListener('change', () => become(paper.matches))
}

function subscribe(l: () => void): () => void {
  listeners.add(l)
  return () => {
    listeners.delete(l)
  }
}

/** Whether the page is drawn for paper now. */
export function usePrinting(): boolean {
  return useSyncExternalStore(subscribe, () => printing)
}
