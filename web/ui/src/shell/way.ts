// Where somebody wanted to go before they had to sign in. It stands in the
// address of the page that signs in, and is kept for the tab meanwhile: a
// sign-in link, and the way back from a provider, lead to the first page.

const key = 'wattwerk-way'
/** For as long as a sign-in link works, ms. */
const holds = 15 * 60_000

type Keep = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

/** A place of this application other than its first page; undefined for all else. */
export function wayOf(v: unknown): string | undefined {
  return typeof v === 'string' && /^\/[^/\\]/.test(v) && !/^\/sign-in\b/.test(v) ? v : undefined
}

/** Keeps where to go. A browser that keeps nothing for pages goes without. */
export function keepWay(to: string, store: () => Keep = () => sessionStorage, now = Date.now()): void {
  try {
    store().setItem(key, JSON.stringify({ to, at: now }))
  } catch {
    return
  }
}

/** Gives where to go, once. */
export function takeWay(store: () => Keep = () => sessionStorage, now = Date.now()): string | undefined {
  try {
    const text = store().getItem(key)
    store().removeItem(key)
    const { to, at } = JSON.parse(text ?? '{}') as { to?: unknown; at?: unknown }
    return typeof at === 'number' && now - at < holds ? wayOf(to) : undefined
  } catch {
    return undefined
  }
}
