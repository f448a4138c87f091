// Who is signed in, the language, the way out.

import { useLingui } from '@lingui/react/macro'
import { Menu, UnstyledButton } from '@mantine/core'
import { IconCheck, IconLogout, IconUserCircle } from '@tabler/icons-react'
import type { MeResponse } from '../api/generated/types.gen'
import { language, languages, speak, type Language } from '../lib/locale'
import classes from './Shell.module.css'

export function Account({ me, onSignOut }: { me: MeResponse; onSignOut: () => void }) {
  const { t } = useLingui()
  const roles: Partial<Record<string, string>> = { viewer: t`viewer`, operator: t`operator`, researcher: t`researcher`, administrator: t`administrator` }
  return (
    <Menu position="bottom-end" width={200}>
      <Menu.Target>
        <UnstyledButton className={classes.user} aria-label={t`Account of ${me.name}`}>
          <IconUserCircle size={22} stroke={1.6} aria-hidden="true" />
          <span className={classes.userName}>{me.name}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {me.name}
          {me.role ? `, ${roles[me.role] ?? me.role}` : ''}
        </Menu.Label>
        <Menu.Label>{t`Language`}</Menu.Label>
        {(Object.keys(languages) as Language[]).map((l) => (
          <Menu.Item key={l} lang={l} onClick={() => speak(l)} leftSection={l === language ? <IconCheck size={16} /> : <span style={{ width: 16 }} />}>
            {languages[l]}
          </Menu.Item>
        ))}
        {me.kind === 'user' && <Menu.Divider />}
        {me.kind === 'user' && (
          <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => onSignOut()}>
            {t`Sign out`}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}
