// Who may do what: users and the tokens of machines.

import { useLingui } from '@lingui/react/macro'
import { Button, Checkbox, CopyButton, Group, Modal, PasswordInput, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { NewTokenBody, NewUserBody, TokenView, UserView } from '../api/generated/types.gen'
import { changeUser, createLink, createToken, createUser, deleteUser, revokeToken, tokens, users } from '../api/system'
import { time } from '../lib/time'
import { read } from '../lib/wall'
import { Ask, type Question } from '../model/Ask'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import classes from './System.module.css'

type Role = NewUserBody['role']
type Scope = NonNullable<NewTokenBody['scopes']>[number]

function useRoles() {
  const { t } = useLingui()
  return [
    { value: 'viewer', label: t`Viewer: looks` },
    { value: 'operator', label: t`Operator: looks and changes` },
    { value: 'researcher', label: t`Researcher: looks, and looks after a survey` },
    { value: 'administrator', label: t`Administrator: everything` },
  ] as const
}

/** Shown once: a link or a secret. */
function Secret({ title, text, value, onClose }: { title: string; text: string; value: string; onClose: () => void }) {
  const { t } = useLingui()
  return (
    <Modal opened onClose={onClose} title={title} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      <p>{text}</p>
      <TextInput readOnly value={value} aria-label={title} onFocus={(e) => e.currentTarget.select()} data-autofocus />
      <Group justify="flex-end" mt="md">
        <CopyButton value={value}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy}>
              {copied ? t`Copied` : t`Copy`}
            </Button>
          )}
        </CopyButton>
        <Button onClick={onClose}>{t`Done`}</Button>
      </Group>
    </Modal>
  )
}

export function Users({ zone, self }: { zone: string; self: string | undefined }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const roles = useRoles()
  const asked = useQuery({ queryKey: ['users'], queryFn: ({ signal }) => users(signal) })
  const [adding, setAdding] = useState(false)
  const [link, setLink] = useState<{ name: string; url: string }>()
  const [password, setPassword] = useState<UserView>()
  const [question, setQuestion] = useState<Question>()
  const act = useMutation({
    mutationFn: (work: () => Promise<unknown>) => work(),
    onError: (e) => tell({ bad: true, title: t`Not done`, message: e.message }),
    onSettled: () => client.invalidateQueries({ queryKey: ['users'] }),
  })
  const items = asked.data?.items ?? []
  return (
    <Panel
      title={t`Users`} height={180} grows asked={asked}
      actions={
        <Button size="compact-sm" variant="default" onClick={() => setAdding(true)}>
          {t`Add a user`}
        </Button>
      }
    >
      <Table label={t`Users`} columns={[{ name: t`Name` }, { name: t`Role` }, { name: t`Signed in last` }, { name: t`What to do` }]}>
        {items.map((u) => (
          <tr key={u.id}>
            <td>
              {u.name}
              {u.external && <span className={classes.dim}> {t`(by the provider)`}</span>}
            </td>
            <td>
              <Select
                size="xs" aria-label={t`Role of ${u.name}`} allowDeselect={false} value={u.role} data={roles} className={classes.role}
                onChange={(v) => v !== null && act.mutate(() => changeUser(u.id, { role: v }))}
              />
            </td>
            <td>{u.signedIn === null ? t`never` : time(Date.parse(u.signedIn), zone)}</td>
            <td>
              <Group gap="xs" wrap="nowrap">
                <Button size="compact-xs" variant="default" aria-label={t`Sign-in link for ${u.name}`} onClick={() => act.mutate(() => createLink(u.id).then((l) => setLink({ name: u.name, url: l.url })))}>
                  {t`Link`}
                </Button>
                {!u.external && (
                  <Button size="compact-xs" variant="default" aria-label={t`New password for ${u.name}`} onClick={() => setPassword(u)}>
                    {t`Password`}
                  </Button>
                )}
                <Button
                  size="compact-xs" variant="default" aria-label={t`Remove ${u.name}`} disabled={u.id === self}
                  onClick={() =>
                    setQuestion({
                      title: t`Remove ${u.name}?`, action: t`Remove`, danger: true, text: t`Sessions end at once. What the user changed stays.`, onAnswer: () => act.mutate(() => deleteUser(u.id)),
                    })
                  }
                >
                  {t`Remove`}
                </Button>
              </Group>
            </td>
          </tr>
        ))}
      </Table>
      {adding && <NewUser onClose={() => setAdding(false)} />}
      {password && <NewPassword user={password} onClose={() => setPassword(undefined)} />}
      {link && <Secret title={t`Sign-in link for ${link.name}`} text={t`It signs in once, within 15 minutes.`} value={link.url} onClose={() => setLink(undefined)} />}
      {question && <Ask question={question} onClose={() => setQuestion(undefined)} />}
    </Panel>
  )
}

function NewUser({ onClose }: { onClose: () => void }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const roles = useRoles()
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const add = useMutation({
    mutationFn: () => createUser({ name, password, role }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['users'] })
      onClose()
    },
  })
  return (
    <Modal opened onClose={onClose} title={t`Add a user`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          add.mutate()
        }}
      >
        <TextInput label={t`Name`} required withAsterisk={false} value={name} onChange={(e) => setName(e.currentTarget.value)} autoComplete="off" data-autofocus />
        <PasswordInput label={t`Password`} required withAsterisk={false} value={password} onChange={(e) => setPassword(e.currentTarget.value)} autoComplete="new-password" mt="sm" />
        <Select label={t`Role`} allowDeselect={false} value={role} data={roles} onChange={(v) => v !== null && setRole(v)} mt="sm" />
        {add.error && <p role="alert" className={classes.bad}>{add.error.message}</p>}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>{t`Cancel`}</Button>
          <Button type="submit" loading={add.isPending}>{t`Add`}</Button>
        </Group>
      </form>
    </Modal>
  )
}

function NewPassword({ user, onClose }: { user: UserView; onClose: () => void }) {
  const { t } = useLingui()
  const [password, setPassword] = useState('')
  const set = useMutation({
    mutationFn: () => changeUser(user.id, { password }),
    onSuccess: () => {
      tell({ message: t`The password of ${user.name} is changed.` })
      onClose()
    },
  })
  return (
    <Modal opened onClose={onClose} title={t`New password for ${user.name}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          set.mutate()
        }}
      >
        <PasswordInput label={t`Password`} required withAsterisk={false} value={password} onChange={(e) => setPassword(e.currentTarget.value)} autoComplete="new-password" data-autofocus />
        {set.error && <p role="alert" className={classes.bad}>{set.error.message}</p>}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>{t`Cancel`}</Button>
          <Button type="submit" loading={set.isPending}>{t`Save`}</Button>
        </Group>
      </form>
    </Modal>
  )
}

export function Tokens({ zone }: { zone: string }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const asked = useQuery({ queryKey: ['tokens'], queryFn: ({ signal }) => tokens(signal) })
  const [adding, setAdding] = useState(false)
  const [secret, setSecret] = useState<{ name: string; value: string }>()
  const [question, setQuestion] = useState<Question>()
  const revoke = useMutation({
    mutationFn: (x: TokenView) => revokeToken(x.id),
    onError: (e) => tell({ bad: true, title: t`Not done`, message: e.message }),
    onSettled: () => client.invalidateQueries({ queryKey: ['tokens'] }),
  })
  const items = asked.data?.items ?? []
  return (
    <Panel
      title={t`Tokens`} note={t`for machines and scripts`} height={120} asked={asked}
      actions={
        <Button size="compact-sm" variant="default" onClick={() => setAdding(true)}>
          {t`Make a token`}
        </Button>
      }
    >
      {items.length === 0 ? (
        <p className={classes.text}>{t`There is none. A token lets a machine read or send without a user.`}</p>
      ) : (
        <Table label={t`Tokens`} columns={[{ name: t`Name` }, { name: t`May` }, { name: t`Made` }, { name: t`Used last` }, { name: t`Ends` }, { name: t`What to do` }]}>
          {items.map((x) => (
            <tr key={x.id}>
              <td>{x.name}</td>
              <td>{(x.scopes ?? []).join(', ')}</td>
              <td>{t`${time(Date.parse(x.created), zone)} by ${x.createdBy}`}</td>
              <td>{x.used === null ? t`never` : time(Date.parse(x.used), zone)}</td>
              <td>{x.expires === null ? t`never` : time(Date.parse(x.expires), zone)}</td>
              <td>
                <Button
                  size="compact-xs" variant="default" aria-label={t`Revoke ${x.name}`}
                  onClick={() => setQuestion({ title: t`Revoke ${x.name}?`, action: t`Revoke`, danger: true, text: t`What uses it is refused from then on.`, onAnswer: () => revoke.mutate(x) })}
                >
                  {t`Revoke`}
                </Button>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {adding && (
        <NewToken
          zone={zone}
          onClose={() => setAdding(false)}
          onMade={(name, value) => {
            setAdding(false)
            setSecret({ name, value })
          }}
        />
      )}
      {secret && <Secret title={t`Secret of ${secret.name}`} text={t`It is shown this once. Send it in the header Authorization, after Bearer.`} value={secret.value} onClose={() => setSecret(undefined)} />}
      {question && <Ask question={question} onClose={() => setQuestion(undefined)} />}
    </Panel>
  )
}

function NewToken({ zone, onClose, onMade }: { zone: string; onClose: () => void; onMade: (name: string, secret: string) => void }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [scopes, setScopes] = useState<Scope[]>(['ingest'])
  const [expires, setExpires] = useState('')
  const end = read(expires, zone)
  const make = useMutation({
    mutationFn: () => createToken({ name, scopes, ...(end === undefined ? {} : { expires: new Date(end).toISOString() }) }),
    onSuccess: (x) => {
      void client.invalidateQueries({ queryKey: ['tokens'] })
      onMade(x.name, x.secret)
    },
  })
  return (
    <Modal opened onClose={onClose} title={t`Make a token`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          make.mutate()
        }}
      >
        <TextInput label={t`Name`} description={t`What uses it`} required withAsterisk={false} value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
        <Checkbox.Group label={t`It may`} value={scopes} onChange={(v) => setScopes(v)} mt="sm">
          <Checkbox value="ingest" label={t`Send readings`} mt={6} />
          <Checkbox value="read" label={t`Read everything`} mt={6} />
          <Checkbox value="operate" label={t`Change the model, rules and corrections`} mt={6} />
          <Checkbox value="admin" label={t`Manage users and tokens`} mt={6} />
          <p className={classes.dim}>{t`In a survey:`}</p>
          <Checkbox value="household" label={t`See households and their devices`} mt={6} />
          <Checkbox value="account" label={t`See and register who takes part, and where`} mt={6} />
          <Checkbox value="consent" label={t`Grant and revoke consents`} mt={6} />
          <Checkbox value="measurement-read" label={t`See what was measured in a household`} mt={6} />
          <Checkbox value="measurement-write" label={t`Send what was measured in a household`} mt={6} />
        </Checkbox.Group>
        <TextInput type="datetime-local" label={t`It ends`} description={t`Never, if empty`} value={expires} onChange={(e) => setExpires(e.currentTarget.value)} mt="sm" />
        {make.error && <p role="alert" className={classes.bad}>{make.error.message}</p>}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>{t`Cancel`}</Button>
          <Button type="submit" loading={make.isPending} disabled={scopes.length === 0}>{t`Make`}</Button>
        </Group>
      </form>
    </Modal>
  )
}
