// What each of several contributes to a whole.

export interface Share {
  /** Identifier of a sensor or group; `others` and `unaccounted` have none of their own. */
  id: string
  kind: 'sensor' | 'group' | 'others' | 'unaccounted'
  label: string
  /** With the sign with which it counts; null when not known. */
  value: number | null
}

export interface Shares {
  /** The largest first, what is below 0 last; then the others together, then what is unaccounted for. */
  parts: Share[]
  /** How many were put together. */
  others: number
  /** Of how many nothing is known. */
  unknown: number
}

/** The largest `most` by themselves, the others together; unaccounted (undefined: there is no meter) stands last. */
export function shares(members: readonly Share[], unaccounted: number | null | undefined, most: number, names: { others: (n: number) => string; unaccounted: string }): Shares {
  const known = members.filter((m) => m.value !== null).sort((a, b) => Math.abs(b.value ?? 0) - Math.abs(a.value ?? 0))
  // One more takes the place that "1 other" would have.
  const own = known.length <= most + 1 ? known : known.slice(0, most)
  const rest = known.slice(own.length)
  const parts = [...own].sort((a, b) => (b.value ?? 0) - (a.value ?? 0))
  if (rest.length > 0) parts.push({ id: '', kind: 'others', label: names.others(rest.length), value: rest.reduce((n, m) => n + (m.value ?? 0), 0) })
  if (unaccounted !== null && unaccounted !== undefined) parts.push({ id: '', kind: 'unaccounted', label: names.unaccounted, value: unaccounted })
  return { parts, others: rest.length, unknown: members.length - known.length }
}
