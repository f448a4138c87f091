// Which dead letters can be offered again from the page: those that came as
// JSON in the form that needs no mapping, and are kept whole.

import type { Letter } from '../api/generated/types.gen'

/** As many characters of what was offered are kept; what has so many may have been cut. */
const kept = 2000

const isReading = (x: unknown) => typeof x === 'object' && x !== null && 'sensor' in x && 'value' in x

/** What to offer, or undefined. */
export function again(l: Pick<Letter, 'source' | 'sample'>): unknown {
  if (l.source !== 'json' || l.sample === undefined || l.sample.length >= kept) return undefined
  try {
    const body = JSON.parse(l.sample) as unknown
    return (Array.isArray(body) ? body.length > 0 && body.every(isReading) : isReading(body)) ? body : undefined
  } catch {
    return undefined
  }
}
