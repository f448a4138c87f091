// Takes what a chart shows away: as CSV, as a workbook, as a picture.

import { ActionIcon, Menu, Tooltip } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useLingui } from '@lingui/react/macro'
import { downloads } from './download'
import { saveBlob, picture } from './save'
import type { ExportMenuProps } from './ExportMenu'
import { csv, xlsx } from './table'
import { tell } from './tell'

export function ExportList({ name, table, picture: host, links = [] }: ExportMenuProps) {
  const { t } = useLingui()
  const file = name.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').toLowerCase()
  const attempt = (make: () => Promise<Blob>, end: string) => {
    make()
      .then((b) => saveBlob(b, `${file}.${end}`))
      .catch((e: unknown) => tell({ bad: true, title: t`The file could not be made`, message: e instanceof Error ? e.message : String(e) }))
  }
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Tooltip label={t`Export`}>
          <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t`Export ${name}`}>
            <IconDownload size={17} />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        {table && (
          <>
            <Menu.Label>{t`What is shown`}</Menu.Label>
            <Menu.Item onClick={() => attempt(() => Promise.resolve(new Blob([csv(table())], { type: 'text/csv' })), 'csv')}>CSV</Menu.Item>
            <Menu.Item onClick={() => attempt(() => xlsx(table()), 'xlsx')}>{t`Excel (XLSX)`}</Menu.Item>
          </>
        )}
        {host && <Menu.Item onClick={() => attempt(() => picture(host()), 'png')}>{t`Picture (PNG)`}</Menu.Item>}
        {links.length > 0 && <Menu.Label>{t`Everything behind it`}</Menu.Label>}
        {links.map((l) => (
          <Menu.Item key={l.href} component="a" {...downloads({ href: l.href, name: `${file}.${l.end}` })}>
            {l.label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
