import { Trans, useLingui } from '@lingui/react/macro'
import { Alert, Button, Divider, PasswordInput, Skeleton, TextInput } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useRouter, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { api, ApiError } from '../api/client'
import { Logo } from '../shell/Logo'
import { keepWay, takeWay, wayOf } from '../shell/way'
import classes from './SignIn.module.css'

export function SignIn() {
  const { t } = useLingui()
  const reasons: Partial<Record<string, string>> = {
    link: t`This sign-in link was used already or has expired. Each works once, for 15 minutes.`,
    denied: t`The provider knows you, but you are in no group that may come in.`,
    provider: t`The sign-in provider did not answer as it should. Try again in a moment.`,
    error: t`Signing in went wrong. The log of the program says more.`,
    session: t`Your session has ended.`,
  }
  const { why, way: said } = useSearch({ from: '/sign-in' })
  // The router leaves in what a page's own reading of the address left out.
  const way = wayOf(said)
  const { history } = useRouter()
  useEffect(() => {
    if (way !== undefined) keepWay(way)
  }, [way])
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const ways = useQuery({ queryKey: ['ways'], queryFn: ({ signal }) => api.signInWays(signal) })
  const login = useMutation({
    mutationFn: () => api.login(name, password),
    onSuccess: (me) => {
      client.clear()
      client.setQueryData(['me'], me)
      const kept = takeWay()
      history.replace(way ?? kept ?? '/')
    },
  })
  const reason = login.error
    ? login.error instanceof ApiError && login.error.status === 401
      ? t`The name or the password is wrong.`
      : login.error.message
    : ways.error
      ? t`The server does not answer: ${ways.error.message}`
      : why === undefined
        ? undefined
        : reasons[why]

  return (
    <main className={classes.page}>
      <div className={`ww-card ${classes.card ?? ''}`}>
        <div className={classes.brand}>
          <Logo size={44} />
          <h1>Wattwerk</h1>
        </div>
        <p className={classes.claim}>
          <Trans>Where the power goes, while it goes there.</Trans>
        </p>
        <div aria-live="polite" className={classes.reason}>
          {reason !== undefined && (
            <Alert color={login.error || ways.error ? 'red' : 'yellow'} variant="light" icon={<IconAlertTriangle />}>
              {reason}
            </Alert>
          )}
        </div>
        {ways.isPending ? (
          <Skeleton height={190} />
        ) : (
          <>
            {(ways.data?.passwords ?? true) && (
              <form
                onSubmit={(e) => {
                  e.preventDefault()
                  login.mutate()
                }}
              >
                <TextInput label={t`Name`} name="username" autoComplete="username" required withAsterisk={false} value={name} onChange={(e) => setName(e.currentTarget.value)} size="md" autoFocus />
                <PasswordInput label={t`Password`} name="password" autoComplete="current-password" required withAsterisk={false} value={password} onChange={(e) => setPassword(e.currentTarget.value)} size="md" mt="sm" />
                <Button type="submit" fullWidth size="md" mt="lg" loading={login.isPending}>
                  <Trans>Sign in</Trans>
                </Button>
              </form>
            )}
            {ways.data?.provider && (
              <>
                {ways.data.passwords && <Divider label={t`or`} my="md" />}
                <Button component="a" href={ways.data.provider.path} fullWidth size="md" variant="default">
                  {t`Continue with ${ways.data.provider.name}`}
                </Button>
              </>
            )}
          </>
        )}
        <p className={classes.hint}>
          <Trans>
            On the first start the program prints a password and a link that signs in. A new link: <code>wattwerk user link</code> on the machine.
          </Trans>
        </p>
      </div>
    </main>
  )
}
