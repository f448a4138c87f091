// Parts that are made after the first picture of the page: to run what they
// need takes time that the first numbers would wait for.

import { lazy, type ComponentType } from 'react'

let begin: () => void
const pictured = new Promise<void>((resolve) => {
  begin = resolve
})

/** Says that the first picture is there, and has its other parts made once it is drawn. */
export function firstPicture(): void {
  // A page in the background is not drawn.
  setTimeout(begin, 200)
  requestAnimationFrame(() => setTimeout(begin))
}

/** A part that is made after the first picture. */
export function later<P>(load: () => Promise<ComponentType<P>>) {
  return lazy(async () => {
    await pictured
    return { default: await load() }
  })
}
