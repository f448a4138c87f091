// Objects: every sensor and group with its meaning, its place and its state.

import { useLingui } from '@lingui/react/macro'
import { useSearch } from '@tanstack/react-router'
import { useModel } from '../data/model'
import { knownZone } from '../lib/zone'
import { Ask, Findings } from '../objects/Ask'
import { Detail } from '../objects/Detail'
import { ImportObjects } from '../objects/ImportObjects'
import { List } from '../objects/List'
import { Spaces } from '../objects/Spaces'
import { Page } from '../part/Page'
import { Sections } from '../part/Sections'
import { useMe } from '../shell/session'

export function Objects() {
  const { t } = useLingui()
  const { index } = useModel()
  const may = useMe().data?.scopes?.includes('operate') ?? false
  const { o } = useSearch({ from: '/app' })
  const zone = knownZone(index?.model.sites[0]?.zone)
  if (o !== undefined) return <Detail key={o} id={o} zone={zone} may={may} />
  return (
    <Page title={t`Objects`} note={zone}>
      <Sections
        label={t`Parts of the objects`}
        sections={[
          { id: 'list', name: t`All objects`, content: () => <List links={[{ label: t`JSON-LD`, href: 'api/v1/objects.jsonld', end: 'jsonld' }, { label: t`Turtle`, href: 'api/v1/objects.ttl', end: 'ttl' }]} /> },
          { id: 'spaces', name: t`Spaces`, content: () => <Spaces may={may} /> },
          { id: 'findings', name: t`Findings`, content: () => <Findings /> },
          { id: 'import', name: t`Import`, content: () => <ImportObjects may={may} /> },
          { id: 'ask', name: t`Ask`, content: () => <Ask /> },
        ]}
      />
    </Page>
  )
}
