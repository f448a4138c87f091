// Readings out of files, and everything as files.

import { useLingui } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { IconFileImport } from '@tabler/icons-react'
import { useState } from 'react'
import type { Import } from '../api/generated/types.gen'
import { useModel } from '../data/model'
import { Exports } from '../imports/Exports'
import { List } from '../imports/List'
import { Wizard } from '../imports/Wizard'
import { knownZone } from '../lib/zone'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { useMe } from '../shell/session'

export function Data() {
  const { t } = useLingui()
  const model = useModel()
  const may = useMe().data?.scopes?.includes('operate') ?? false
  const [work, setWork] = useState<{ begun: Import | undefined }>()
  const { index } = model
  const zone = knownZone(index?.model.sites[0]?.zone)
  return (
    <Page
      title={t`Import`}
      note={zone}
      actions={
        may && (
          <Button size="xs" leftSection={<IconFileImport size={16} aria-hidden="true" />} disabled={!index || work !== undefined} onClick={() => setWork({ begun: undefined })}>
            {t`Import a file`}
          </Button>
        )
      }
    >
      {index ? (
        <>
          {work && <Wizard key={work.begun?.id ?? 'new'} index={index} zone={zone} begun={work.begun} onClose={() => setWork(undefined)} />}
          <List zone={zone} may={may} onGoOn={(begun) => setWork({ begun })} />
          <Exports key={zone} index={index} zone={zone} />
        </>
      ) : (
        <Panel title={t`Files that were brought`} height={140} grows asked={model}>
          {null}
        </Panel>
      )}
    </Page>
  )
}
