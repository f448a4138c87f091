// What the editor of manifests keeps of one that is not finished.

import type { Manifest } from '../api/manifests'
import { nothingLoose, type Loose } from './manifest'

const prefix = 'draft '

/** How an address names a draft, in the place of a manifest. */
export const draftRef = (id: string): string => prefix + id

/** The id of a draft that an address names. */
export const draftOf = (ref: string): string | undefined => (ref.startsWith(prefix) ? ref.slice(prefix.length) : undefined)

const texts = (x: unknown): string[] => (Array.isArray(x) ? x.filter((s): s is string => typeof s === 'string') : [])
const isObject = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null && !Array.isArray(x)

/** What was kept, as far as it is what the editor can show; others may have put anything there. */
export function taken(document: unknown): { manifest: Manifest; loose: Loose } {
  const d = isObject(document) ? document : {}
  const m = isObject(d.manifest) ? d.manifest : {}
  const l = isObject(d.loose) ? d.loose : {}
  const processors = (Array.isArray(m.processors) ? m.processors : []).filter(isObject).map((p) => ({ ...p, name: typeof p.name === 'string' ? p.name : '', from: texts(p.from) }))
  const manifest = { ...m, name: typeof m.name === 'string' ? m.name : '', processors } as Manifest
  delete manifest.state // it is not what makes it run
  return { manifest, loose: { ...nothingLoose, sources: texts(l.sources), sinks: texts(l.sinks) } }
}
