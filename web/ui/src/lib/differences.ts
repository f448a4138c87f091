// What the server says of differences, as the list of changes shows them.

import type { Differences } from '../api/generated/types.gen'
import type { FieldChange, Kind, ThingChange } from './edit'

const kinds: Record<'site' | 'sensor' | 'group' | 'hierarchy', Kind> = { site: 'sites', sensor: 'sensors', group: 'groups', hierarchy: 'hierarchies' }

/** A word of JSON as people write it. */
function plain(json: string | undefined): string {
  if (json === undefined || json === '') return ''
  try {
    const v: unknown = JSON.parse(json)
    return typeof v === 'string' ? v : json
  } catch {
    return json
  }
}

export function thingChanges(d: Differences): ThingChange[] {
  return (d.items ?? []).map((x) => {
    const fields: FieldChange[] =
      x.what === 'renamed' ? [{ field: 'name', was: x.from ?? '', is: x.to ?? '' }]
      : x.what === 'moved' ? [{ field: 'group', was: x.from ?? '', is: x.to ?? '' }]
      : (x.fields ?? []).map((f) => ({ field: f.field, was: plain(f.from), is: f.from === undefined && f.to === undefined ? '⇅' : plain(f.to) }))
    return { kind: kinds[x.kind], id: x.id, name: x.name ?? x.id, what: x.what, fields }
  })
}
