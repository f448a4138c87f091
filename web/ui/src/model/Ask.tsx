// Asks for a name, or whether it is meant.

import { useLingui } from '@lingui/react/macro'
import { Button, Group, Modal, TextInput } from '@mantine/core'
import { useState, type ReactNode } from 'react'

export interface Question {
  title: string
  /** What the button says. */
  action: string
  /** A name to begin with; without, nothing is asked but whether it is meant. */
  name?: string
  label?: string
  text?: ReactNode
  danger?: boolean
  onAnswer: (name: string) => void
}

export function Ask({ question: q, onClose }: { question: Question; onClose: () => void }) {
  const { t } = useLingui()
  const [name, setName] = useState(q.name ?? '')
  return (
    <Modal opened onClose={onClose} title={q.title} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          onClose()
          q.onAnswer(name.trim())
        }}
      >
        {q.text !== undefined && <p>{q.text}</p>}
        {q.name !== undefined && <TextInput label={q.label ?? t`Name`} value={name} onChange={(e) => setName(e.currentTarget.value)} required withAsterisk={false} data-autofocus />}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            {t`Cancel`}
          </Button>
          <Button type="submit" color={q.danger ? 'red' : undefined} disabled={q.name !== undefined && name.trim() === ''} data-autofocus={q.name === undefined || undefined}>
            {q.action}
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
