// Whether the page is in sight. A browser has six connections to a server for
// all its tabs together, so those that nobody sees must not keep one.

export type Page = Pick<Document, 'visibilityState' | 'addEventListener' | 'removeEventListener'>

/** A page out of sight for this long is not looked at, ms: who only passes by another tab misses nothing. */
const patience = 10_000

/** Says when the page has been out of sight for a while, and when it comes into sight, until the returned function is called. */
export function watchShown(hide: () => void, show: () => void, page: Page = document): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const look = () => {
    clearTimeout(timer)
    if (page.visibilityState === 'hidden') timer = setTimeout(hide, patience)
    else show()
  }
  page.addEventListener('visibilitychange', look)
  if (page.visibilityState === 'hidden') look()
  return () => {
    clearTimeout(timer)
    page.removeEventListener('visibilitychange', look)
  }
}
