// What is looked at stands in the address, so that it can be shared. All
// pages read the same few words, so that a link leads from one to another
// with what was chosen.

import { spanSearch, type SpanSearch } from '../lib/span'

export interface Place extends SpanSearch {
  /** Hierarchy. */
  h?: string | undefined
  /** Group. */
  g?: string | undefined
  /** Sensor. */
  s?: string | undefined
  /** What is compared: its own short notation, see lib/compare. */
  c?: string | undefined
  /** A part of the page: the tab, the open entry. */
  tab?: string | undefined
  /** What is searched for. */
  q?: string | undefined
  /** Length of the windows that are shown: "15m", "1d". */
  size?: string | undefined
  /** What the time is compared with: "previous", "year". */
  with?: string | undefined
  /** A household of a survey; "new" registers one. */
  home?: string | undefined
  /** A manifest; "new" makes one. */
  m?: string | undefined
  /** A type of models. */
  kind?: string | undefined
  /** An object: "sensor/boiler", "group/hall1". */
  o?: string | undefined
  /** Of objects: their class, their space, their states with commas between. */
  cls?: string | undefined
  sp?: string | undefined
  st?: string | undefined
  /** An energy service. */
  sid?: string | undefined
  /** Levels of the tree that are shown. */
  depth?: string | undefined
}

// The router reads 42 as a number; an identifier can look like one.
const text = (v: unknown): string | undefined => (typeof v === 'string' && v !== '' ? v : typeof v === 'number' ? String(v) : undefined)

export function readPlace(s: Record<string, unknown>): Place {
  const out: Place = spanSearch(s)
  for (const key of ['h', 'g', 's', 'c', 'tab', 'q', 'size', 'with', 'depth', 'home', 'm', 'kind', 'o', 'cls', 'sp', 'st', 'sid'] as const) {
    const v = text(s[key])
    if (v !== undefined) out[key] = v
  }
  return out
}
