// Work that goes on while other pages are looked at, and is there again when
// somebody comes back to its own.

import { useSyncExternalStore } from 'react'

// Whoever leaves the application is asked whether what is not done may be lost.
const stay = (e: Event) => e.preventDefault()

export class Going<S> {
  private state: S
  private stop: AbortController | undefined
  private readonly listeners = new Set<() => void>()

  constructor(first: S, private readonly window: () => EventTarget = () => globalThis.window) {
    this.state = first
  }

  readonly now = () => this.state
  readonly subscribe = (l: () => void) => {
    this.listeners.add(l)
    return () => void this.listeners.delete(l)
  }

  set(s: S): void {
    this.state = s
    this.listeners.forEach((l) => l())
  }

  /** Nobody looks at it: what came of it has to be told in another place. */
  get unseen(): boolean {
    return this.listeners.size === 0
  }

  /** Does it, once at a time. */
  async run(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.stop) return
    this.stop = new AbortController()
    this.window().addEventListener('beforeunload', stay)
    try {
      await work(this.stop.signal)
    } finally {
      this.stop = undefined
      this.window().removeEventListener('beforeunload', stay)
    }
  }

  cancel(): void {
    this.stop?.abort()
  }
}

export const useGoing = <S>(g: Going<S>): S => useSyncExternalStore(g.subscribe, g.now)
