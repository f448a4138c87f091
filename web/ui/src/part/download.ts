// Brings a file that the server makes. What takes longer than a moment shows
// at the edge of the page how far it is, can be cancelled there, and goes on
// while other pages are looked at. It comes when it is asked for.

import type { MouseEvent } from 'react'

export interface Wanted {
  href: string
  /** What it is called when the server does not say. */
  name: string
}

export function download(w: Wanted): void {
  void import('./Downloading').then((m) => m.begin(w))
}

/** For links to such files: a plain click brings them so, anything else is the browser's. */
export const downloads = (w: Wanted) => ({
  href: w.href,
  download: w.name,
  onClick: (e: MouseEvent) => {
    if (e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return
    e.preventDefault()
    download(w)
  },
})
