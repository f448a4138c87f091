// A model out of a file: what it would change is shown before it is put.

import { useLingui } from '@lingui/react/macro'
import { Alert, Button, FileInput, Group, Modal } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, ApiError, type Model } from '../api/client'
import type { Document, Patch } from '../api/generated/types.gen'
import { replaceModel, revisions } from '../api/model'
import { changes, difference } from '../lib/edit'
import { tell } from '../part/tell'
import { Changes } from './Changes'

interface Read {
  document: Document
  against: Model
  patch: Patch
}

export function Import({ onClose }: { onClose: () => void }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [file, setFile] = useState<File | null>(null)
  const look = useMutation({
    mutationFn: async (f: File): Promise<Read> => {
      let document: Document
      try {
        document = JSON.parse(await f.text()) as Document
      } catch (e) {
        throw new Error(t`This is no JSON: ${e instanceof Error ? e.message : String(e)}`, { cause: e })
      }
      if (typeof document !== 'object' || Array.isArray(document)) throw new Error(t`This is no model: it must hold sites, sensors, groups and hierarchies.`)
      const against = await api.model()
      const next = { sites: [], sensors: [], groups: [], hierarchies: [], ...Object.fromEntries(Object.entries(document).filter(([, list]) => Array.isArray(list))) } as Model
      return { document, against, patch: difference(against, next) }
    },
  })
  const send = useMutation({
    mutationFn: async (r: Read) => {
      try {
        return await replaceModel(r.document, r.against.revision ?? 0)
      } catch (e) {
        if (!(e instanceof ApiError && e.status === 412)) throw e
        const who = (await revisions(undefined)).items?.[0]?.who ?? '?'
        throw new Error(t`The model was changed meanwhile by ${who}. Load it again to see what the file would change now.`, { cause: e })
      }
    },
    onSuccess: async () => {
      await Promise.all([client.invalidateQueries({ queryKey: ['model'] }), client.invalidateQueries({ queryKey: ['revisions'] })])
      tell({ title: t`The model was put`, message: t`The list of revisions can bring back the one before.` })
      onClose()
    },
  })
  const list = look.data ? changes(look.data.against, look.data.patch) : undefined
  return (
    <Modal opened onClose={onClose} title={t`Bring a model`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      <p>{t`The file becomes the whole model: what it does not name is removed. Readings stay.`}</p>
      <FileInput
        label={t`Model as a JSON file`} description={t`As “Export as JSON” writes it. One in YAML can be put by PUT /api/v1/model, without being looked at before.`} placeholder={t`Choose a file`} accept=".json,application/json" value={file}
        onChange={(f) => {
          setFile(f)
          send.reset()
          if (f) look.mutate(f)
        }}
      />
      {look.error && <Alert color="red" mt="md" role="alert">{look.error.message}</Alert>}
      {send.error && (
        <Alert color="red" mt="md" role="alert">
          {send.error.message}
          <Button
            size="compact-sm" variant="default" mt="xs" display="block"
            onClick={() => {
              send.reset()
              if (file) look.mutate(file)
            }}
          >
            {t`Load again`}
          </Button>
        </Alert>
      )}
      {list && (
        <>
          <h3>{t`What it would change`}</h3>
          <Changes list={list} />
        </>
      )}
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onClose}>{t`Cancel`}</Button>
        <Button disabled={!list || list.length === 0} loading={send.isPending} onClick={() => look.data && send.mutate(look.data)}>
          {t`Put this model`}
        </Button>
      </Group>
    </Modal>
  )
}
