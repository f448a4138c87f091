// One's own password and language.

import { useLingui } from '@lingui/react/macro'
import { Button, PasswordInput, Select } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { MeResponse } from '../api/generated/types.gen'
import { changePassword } from '../api/system'
import { language, languages, speak, type Language } from '../lib/locale'
import { Panel } from '../part/Panel'
import { tell } from '../part/tell'
import classes from './System.module.css'

export function Own({ me }: { me: MeResponse }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [was, setWas] = useState('')
  const [next, setNext] = useState('')
  const change = useMutation({
    mutationFn: () => changePassword({ old: was, new: next }),
    onSuccess: (m) => {
      client.setQueryData(['me'], m)
      setWas('')
      setNext('')
      tell({ message: t`The password is changed. Other sessions have ended.` })
    },
  })
  return (
    <>
      <Panel title={t`Language`} height={60}>
        <Select
          size="xs" aria-label={t`Language`} className={classes.narrow} allowDeselect={false} value={language} data={Object.entries(languages).map(([value, label]) => ({ value, label }))}
          onChange={(v) => v !== null && v !== language && speak(v as Language)}
        />
      </Panel>
      {me.kind === 'user' && (
        <Panel title={t`Own password`} note={me.name} height={160}>
          <form
            className={classes.narrow}
            onSubmit={(e) => {
              e.preventDefault()
              change.mutate()
            }}
          >
            <PasswordInput size="xs" label={t`Present password`} autoComplete="current-password" required withAsterisk={false} value={was} onChange={(e) => setWas(e.currentTarget.value)} />
            <PasswordInput size="xs" label={t`New password`} autoComplete="new-password" required withAsterisk={false} value={next} onChange={(e) => setNext(e.currentTarget.value)} mt="xs" />
            {change.error && <p role="alert" className={classes.bad}>{change.error.message}</p>}
            <Button type="submit" size="xs" mt="sm" loading={change.isPending}>
              {t`Change the password`}
            </Button>
          </form>
        </Panel>
      )}
    </>
  )
}
