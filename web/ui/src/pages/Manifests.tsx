// Analytics by manifest: what is made of which data, and the models behind it.

import { useLingui } from '@lingui/react/macro'
import { useSearch } from '@tanstack/react-router'
import { ApiError } from '../api/client'
import { useModel } from '../data/model'
import { knownZone } from '../lib/zone'
import { useCatalogue } from '../manifests/data'
import { Editor } from '../manifests/Editor'
import { Gateways } from '../manifests/Gateways'
import { Models, ModelTable } from '../manifests/Models'
import { Overview } from '../manifests/Overview'
import { Sources } from '../manifests/Sources'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { Sections } from '../part/Sections'
import { useMe } from '../shell/session'

export function Manifests() {
  const { t } = useLingui()
  const { index } = useModel()
  const scopes = useMe().data?.scopes ?? []
  const { m } = useSearch({ from: '/app' })
  const may = { manage: scopes.includes('operate'), operate: scopes.includes('operate') }
  const zone = knownZone(index?.model.sites[0]?.zone)
  const { catalogue, asked } = useCatalogue()
  if (!catalogue) {
    const absent = asked.some((a) => a.error instanceof ApiError && a.error.status === 404)
    return (
      <Page title={t`Manifests`}>
        <Panel title={t`At a glance`} height={320} asked={absent ? [] : asked} empty={absent ? t`This program runs without the module “pipeline”. Start it with that module to declare analytics.` : undefined}>
          {null}
        </Panel>
      </Page>
    )
  }
  if (m !== undefined) return <Editor key={m} id={m} catalogue={catalogue} zone={zone} may={may} />
  return (
    <Page title={t`Manifests`} note={zone}>
      <Sections
        label={t`Parts of the manifests`}
        sections={[
          { id: 'overview', name: t`Overview`, content: () => <Overview catalogue={catalogue} zone={zone} may={may} /> },
          { id: 'sources', name: t`Sources`, content: () => <Sources catalogue={catalogue} zone={zone} /> },
          { id: 'gateways', name: t`Gateways`, content: () => (
            <>
              <Gateways catalogue={catalogue} zone={zone} />
              <ModelTable kind="gateways" catalogue={catalogue} zone={zone} may={may.manage} />
            </>
          ) },
          { id: 'models', name: t`Models`, content: () => <Models catalogue={catalogue} zone={zone} may={may.manage} /> },
        ]}
      />
    </Page>
  )
}
