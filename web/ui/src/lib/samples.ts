// Samples for a trial, as people paste them.

import type { Sample } from '../api/manifests'
import { read } from './wall'

/** What the server takes at once. */
export const mostSamples = 10_000

export type SampleFault = { is: 'columns' | 'time' | 'value' | 'source'; line: number; text: string } | { is: 'many'; count: number } | { is: 'json'; text: string }

/** A moment as it is pasted: milliseconds or seconds since 1970, ISO 8601, or what the clock of the zone shows. */
export function moment(s: string, zone: string): number | undefined {
  if (/^\d{1,10}$/.test(s)) return Number(s) * 1000
  if (/^\d{11,13}$/.test(s)) return Number(s)
  const iso = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,3})?)?(Z|[+-]\d\d:?\d\d)?$/.exec(s)
  if (!iso) return undefined
  const [, day, clock, seconds, offset] = iso
  if (offset !== undefined) {
    const at = Date.parse(`${day ?? ''}T${clock ?? ''}${seconds ?? ''}${offset}`)
    return Number.isNaN(at) ? undefined : at
  }
  const at = read(`${day ?? ''}T${clock ?? ''}`, zone)
  return at === undefined ? undefined : at + Math.round(Number((seconds ?? ':0').slice(1)) * 1000)
}

const nothing = /^(|-|–|null)$/i

/** A figure with a point or, where columns are parted by something else, a comma. */
function figure(s: string, apart: string): number | undefined {
  const plain = apart !== ',' && /^[+-]?\d+,\d+$/.test(s) ? s.replace(',', '.') : s
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : undefined
}

/**
 * Lines of time, value, key and source, parted by semicolons, tabs or commas,
 * or a JSON list of samples. The key may be absent; the source is `usual` where
 * a line names none. An empty value is none, not zero.
 */
export function samplesOf(text: string, usual: string | undefined, zone: string): { samples: Sample[]; faults: SampleFault[] } {
  const samples: Sample[] = []
  const faults: SampleFault[] = []
  const trimmed = text.trim()
  if (trimmed === '') return { samples, faults }
  if (trimmed.startsWith('[')) {
    let list: unknown
    try {
      list = JSON.parse(trimmed)
    } catch (e) {
      return { samples, faults: [{ is: 'json', text: e instanceof Error ? e.message : String(e) }] }
    }
    for (const [i, x] of (list as unknown[]).entries()) {
      const s = (typeof x === 'object' && x !== null ? x : {}) as { time?: unknown; value?: unknown; key?: unknown; source?: unknown }
      const said = JSON.stringify(x).slice(0, 80)
      const at = typeof s.time === 'number' ? s.time : typeof s.time === 'string' ? moment(s.time, zone) : undefined
      const source = typeof s.source === 'string' && s.source !== '' ? s.source : usual
      const value = s.value === null || s.value === undefined ? null : typeof s.value === 'number' ? s.value : undefined
      if (at === undefined) faults.push({ is: 'time', line: i + 1, text: said })
      else if (value === undefined) faults.push({ is: 'value', line: i + 1, text: said })
      else if (source === undefined) faults.push({ is: 'source', line: i + 1, text: said })
      else samples.push({ source, time: Math.round(at), value, ...(typeof s.key === 'string' && s.key !== '' ? { key: s.key } : {}) })
    }
  } else {
    let first = true
    for (const [i, raw] of text.split(/\r?\n/).entries()) {
      const line = raw.trim()
      if (line === '' || line.startsWith('#')) continue
      const apart = raw.includes(';') ? ';' : raw.includes('\t') ? '\t' : ','
      const cells = raw.split(apart).map((c) => c.trim())
      const at = moment(cells[0] ?? '', zone)
      const head = first
      first = false
      if (at === undefined) {
        // The first may say what the columns are.
        if (!(head && cells.length > 1 && !/^\d/.test(line))) faults.push({ is: cells.length < 2 ? 'columns' : 'time', line: i + 1, text: line.slice(0, 80) })
        continue
      }
      if (cells.length < 2 || cells.length > 4) {
        faults.push({ is: 'columns', line: i + 1, text: line.slice(0, 80) })
        continue
      }
      const value = nothing.test(cells[1] ?? '') ? null : figure(cells[1] ?? '', apart)
      const source = cells[3] !== undefined && cells[3] !== '' ? cells[3] : usual
      if (value === undefined) faults.push({ is: 'value', line: i + 1, text: line.slice(0, 80) })
      else if (source === undefined) faults.push({ is: 'source', line: i + 1, text: line.slice(0, 80) })
      else samples.push({ source, time: at, value, ...(cells[2] !== undefined && cells[2] !== '' ? { key: cells[2] } : {}) })
    }
  }
  if (samples.length > mostSamples) faults.push({ is: 'many', count: samples.length })
  return { samples, faults }
}

/** Something to begin with: two hours of a value each minute, up and down. */
export function exampleOf(now: number, write: (at: number) => string): string {
  const begin = Math.floor(now / 3_600_000) * 3_600_000 - 2 * 3_600_000
  return Array.from({ length: 120 }, (_, i) => `${write(begin + i * 60_000)}; ${String(Math.round(1000 + 400 * Math.sin(i / 12)))}`).join('\n')
}

export interface RefusedOf {
  processor: string
  why: string
}

/** What a dead letter says of a manifest, which its reason names by id or name; undefined when it speaks of another. */
export function refusedOf(reason: string, names: readonly string[]): RefusedOf | undefined {
  for (const n of names) {
    const begin = `manifest ${JSON.stringify(n)}, processor "`
    if (!reason.startsWith(begin)) continue
    const m = /^((?:[^"\\]|\\.)*)": ([^]*)$/.exec(reason.slice(begin.length))
    if (m) return { processor: (m[1] ?? '').replace(/\\(.)/g, '$1'), why: m[2] ?? '' }
  }
  return undefined
}
