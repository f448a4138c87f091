// One household: its consent, devices, meters, incidents, and what can be done.

import { useLingui } from '@lingui/react/macro'
import { Button, Checkbox, Group, Modal, TextInput } from '@mantine/core'
import { IconArrowLeft } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { ApiError } from '../api/client'
import type { SurveyDevice, SurveyHousehold, SurveyReceipt, SurveyToken } from '../api/generated/types.gen'
import { household, makeToken, receipts, revokeConsent, revokeDevice } from '../api/survey'
import { useNow } from '../data/now'
import { ago, DASH } from '../lib/format'
import { locale } from '../lib/locale'
import { time } from '../lib/time'
import { Ask, type Question } from '../model/Ask'
import { Panel } from '../part/Panel'
import { saveBlob } from '../part/save'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import { Incidents } from './Incidents'
import { Tokens } from './Tokens'
import { at, ConsentState, short, Versions } from './words'
import classes from './Survey.module.css'

export interface May {
  /** Make and revoke what devices show. */
  devices: boolean
  /** See and revoke consents. */
  consent: boolean
}

const number = (n: number | undefined, unit = ''): string => (n === undefined ? DASH : `${new Intl.NumberFormat(locale, { maximumFractionDigits: 6 }).format(n)}${unit}`)

export function Household({ id, zone, may }: { id: string; zone: string; may: May }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const navigate = useNavigate()
  const asked = useQuery({
    queryKey: ['survey', 'household', id],
    queryFn: ({ signal }) => household(id, signal),
    refetchInterval: 30_000,
    retry: (n, e) => n < 2 && !(e instanceof ApiError && e.status === 404),
  })
  const [revoking, setRevoking] = useState(false)
  const [ended, setEnded] = useState<SurveyReceipt>()
  const h = asked.data
  const back = (
    <p style={{ margin: 0 }}>
      <Link to="/survey" search={(old) => ({ ...old, home: undefined })} className={classes.back}>
        <IconArrowLeft size={15} aria-hidden="true" style={{ verticalAlign: '-2px' }} /> {t`All households`}
      </Link>
    </p>
  )
  if (ended) {
    return (
      <>
        {back}
        <Panel title={t`The consent is revoked`} height={200}>
          <p className={classes.text}>{t`The household is anonymous now, under another pseudonym. This receipt is for the participant: it cannot be shown again, because nothing leads from it to the household any more.`}</p>
          <Receipt receipt={ended} zone={zone} />
        </Panel>
      </>
    )
  }
  if (!h) {
    return (
      <>
        {back}
        <Panel
          title={t`Household ${short(id)}`} height={300} asked={{ ...asked, error: asked.error instanceof ApiError && asked.error.status === 404 ? null : asked.error }}
          empty={asked.isPending ? undefined : t`There is no such household. It may have become anonymous, under another pseudonym.`}
        >
          {null}
        </Panel>
      </>
    )
  }
  return (
    <>
      {back}
      <div className={classes.two}>
        <About h={h} zone={zone} />
        <Consent h={h} zone={zone} may={may.consent} onRevoke={() => setRevoking(true)} />
      </div>
      <Devices h={h} zone={zone} may={may.devices && h.consent.state !== 'revoked'} />
      <Things h={h} zone={zone} />
      <Incidents zone={zone} household={id} />
      {revoking && (
        <Revoke
          h={h} onClose={() => setRevoking(false)}
          onDone={(r) => {
            setRevoking(false)
            setEnded(r)
            client.removeQueries({ queryKey: ['survey', 'household', id] })
            void client.invalidateQueries({ queryKey: ['survey', 'households'] })
            void navigate({ to: '.', search: (old) => old, replace: true })
          }}
        />
      )}
    </>
  )
}

function About({ h, zone }: { h: SurveyHousehold; zone: string }) {
  const { t } = useLingui()
  const { participant: p, address: a, location: l, metadata: m } = h
  const yes = (v: boolean | undefined) => (v === undefined ? DASH : v ? t`yes` : t`no`)
  const lines = [a?.street, [a?.postcode, a?.city].filter((x) => x !== undefined).join(' '), a?.country].filter((x) => x !== undefined && x !== '')
  return (
    <Panel title={t`Household ${short(h.id)}`} height={260}>
      <dl className={classes.facts}>
        <dt>{t`Pseudonym`}</dt>
        <dd className={classes.id}>{h.id}</dd>
        <dt>{t`Registered`}</dt>
        <dd>{time(Date.parse(h.registered), zone, 'date')}</dd>
        <dt>{t`Participant`}</dt>
        <dd>{[p?.name, p?.email, p?.phone].filter((x) => x !== undefined).join(', ') || DASH}</dd>
        <dt>{t`Address`}</dt>
        <dd>{lines.join(', ') || DASH}</dd>
        <dt>{t`Place`}</dt>
        <dd>
          {l === undefined ? DASH : `${number(l.latitude, '°')}, ${number(l.longitude, '°')}`}
          {l?.anonymised === true && <span className={`${classes.dim ?? ''} ${classes.line ?? ''}`}>{t`drawn at random in a ring around the real one`}</span>}
        </dd>
        <dt>{t`People`}</dt>
        <dd>{t`${number(m.children)} children, ${number(m.adults)} adults, of them ${number(m.employedAdults)} employed`}</dd>
        <dt>{t`Charger`}</dt>
        <dd>{yes(m.charger)}</dd>
        <dt>{t`Heat pump`}</dt>
        <dd>{yes(m.heatPump)}</dd>
        <dt>{t`Battery`}</dt>
        <dd>{yes(m.battery)}</dd>
        {p?.note !== undefined && (
          <>
            <dt>{t`Note`}</dt>
            <dd>{p.note}</dd>
          </>
        )}
      </dl>
    </Panel>
  )
}

function Receipt({ receipt: r, zone }: { receipt: SurveyReceipt; zone: string }) {
  const { t } = useLingui()
  return (
    <>
      <dl className={classes.facts}>
        <dt>{t`Text`}</dt>
        <dd>{r.version}</dd>
        <dt>{t`Signed`}</dt>
        <dd>{time(Date.parse(r.at), zone, 'exact')}</dd>
        <dt>{t`SHA-256 of the text`}</dt>
        <dd className={classes.id}>{r.digest}</dd>
        <dt>{t`Signature`}</dt>
        <dd className={classes.id}>{r.signature}</dd>
      </dl>
      <Button mt="sm" size="compact-sm" variant="default" onClick={() => saveBlob(new Blob([JSON.stringify(r, null, 2)], { type: 'application/json' }), `receipt-${short(r.household)}-${r.state}.json`)}>
        {t`Download the receipt`}
      </Button>
    </>
  )
}

function Consent({ h, zone, may, onRevoke }: { h: SurveyHousehold; zone: string; may: boolean; onRevoke: () => void }) {
  const { t } = useLingui()
  const granted = h.consent.state === 'granted'
  const asked = useQuery({ queryKey: ['survey', 'household', h.id, 'receipts', h.consent.state], queryFn: ({ signal }) => receipts(h.id, signal), enabled: may && granted })
  const receipt = asked.data?.items?.[0]
  return (
    <Panel
      title={t`Consent`} note={<ConsentState state={h.consent.state} />} height={120} asked={may && granted ? asked : []}
      actions={
        may && granted && (
          <Button size="compact-sm" variant="default" color="red" onClick={onRevoke}>
            {t`Revoke the consent`}
          </Button>
        )
      }
    >
      {h.consent.state === 'not_granted' && <p className={classes.text}>{t`The household grants its consent on the page of its device. Nothing is measured before.`}</p>}
      {h.consent.state === 'revoked' && <p className={classes.text}>{t`The household is anonymous: its receipts are with the participant alone.`}</p>}
      {receipt && <Receipt receipt={receipt} zone={zone} />}
    </Panel>
  )
}

function Devices({ h, zone, may }: { h: SurveyHousehold; zone: string; may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const now = useNow()
  const [question, setQuestion] = useState<Question>()
  const [token, setToken] = useState<SurveyToken>()
  const act = useMutation({
    mutationFn: (work: () => Promise<unknown>) => work(),
    onError: (e) => tell({ bad: true, title: t`Not done`, message: e.message }),
    onSettled: () => client.invalidateQueries({ queryKey: ['survey'] }),
  })
  const called = (d: SurveyDevice) => d.name ?? short(d.id)
  const devices = h.devices ?? []
  return (
    <Panel title={t`Devices`} height={120} empty={devices.length === 0 ? t`There is none.` : undefined}>
      <Table label={t`Devices`} columns={[{ name: t`Name` }, { name: t`Certificate` }, { name: t`Version` }, { name: t`Last seen` }, { name: t`Last measurement` }, ...(may ? [{ name: t`What to do` }] : [])]}>
        {devices.map((d) => {
          const seen = at(d.lastSeen)
          const measured = at(d.lastMeasurement)
          return (
            <tr key={d.id}>
              <td>
                {called(d)}
                <span className={`${classes.id ?? ''} ${classes.dim ?? ''} ${classes.line ?? ''}`}>{d.id}</span>
              </td>
              <td className={d.enrolled ? undefined : classes.warn}>{d.enrolled ? (d.expires === undefined ? t`good` : t`until ${time(Date.parse(d.expires), zone, 'date')}`) : t`not enrolled`}</td>
              <td><Versions device={d} /></td>
              <td>{seen === null ? DASH : <span title={time(seen, zone, 'exact')}>{ago(now - seen)}</span>}</td>
              <td>{measured === null ? DASH : time(measured, zone)}</td>
              {may && (
                <td>
                  <Group gap="xs" wrap="nowrap">
                    {d.kind === 'edge' && (
                      <Button
                        size="compact-xs" variant="default" aria-label={t`New token for ${called(d)}`}
                        onClick={() =>
                          setQuestion({
                            title: t`New enrolment token for ${called(d)}?`, action: t`Make a token`,
                            text: t`A token that was made before and not used is good no more. Certificates that the device has stay good.`,
                            onAnswer: () => act.mutate(() => makeToken(d.id).then(setToken)),
                          })
                        }
                      >
                        {t`New token`}
                      </Button>
                    )}
                    {d.enrolled && (
                      <Button
                        size="compact-xs" variant="default" aria-label={t`Revoke ${called(d)}`}
                        onClick={() =>
                          setQuestion({
                            title: t`Revoke ${called(d)}?`, action: t`Revoke`, danger: true,
                            text: t`Its certificates and tokens are refused from the next request on, and the device deletes what it has not sent. With a new enrolment token it can take part again.`,
                            onAnswer: () => act.mutate(() => revokeDevice(d.id)),
                          })
                        }
                      >
                        {t`Revoke`}
                      </Button>
                    )}
                  </Group>
                </td>
              )}
            </tr>
          )
        })}
      </Table>
      {question && <Ask question={question} onClose={() => setQuestion(undefined)} />}
      {token && <Tokens title={t`New enrolment token`} tokens={[token]} zone={zone} names={(id) => devices.find((d) => d.id === id)?.name ?? id} onClose={() => setToken(undefined)} />}
    </Panel>
  )
}

function Things({ h, zone }: { h: SurveyHousehold; zone: string }) {
  const { t } = useLingui()
  const pvs = h.pvSystems ?? []
  const meters = h.meters ?? []
  const called = (id: string | undefined) => {
    const i = pvs.findIndex((p) => p.id === id)
    return i < 0 ? DASH : (pvs[i]?.name ?? t`PV system ${i + 1}`)
  }
  return (
    <div className={classes.two}>
      <Panel title={t`Meters`} height={100}>
        <Table label={t`Meters`} columns={[{ name: t`Model` }, { name: t`Name` }, { name: t`Serial number` }, { name: t`PV system on it` }]}>
          {meters.map((m) => (
            <tr key={m.id}>
              <td>{m.model}</td>
              <td>{m.name ?? DASH}</td>
              <td>{m.serial ?? DASH}</td>
              <td>{called(m.pvSystem)}</td>
            </tr>
          ))}
        </Table>
      </Panel>
      <Panel title={t`PV systems`} height={100} empty={pvs.length === 0 ? t`There is none.` : undefined}>
        <Table label={t`PV systems`} columns={[{ name: t`Name` }, { name: t`Nominal power`, number: true }, { name: t`Azimuth`, number: true }, { name: t`Tilt`, number: true }, { name: t`Installed` }]}>
          {pvs.map((p, i) => (
            <tr key={p.id}>
              <td>{p.name ?? t`PV system ${i + 1}`}</td>
              <td data-number="true">{number(p.nominalPower, '\u00a0kW')}</td>
              <td data-number="true">{number(p.azimuth, '°')}</td>
              <td data-number="true">{number(p.tilt, '°')}</td>
              <td>{p.installed === undefined || p.installed === '' ? DASH : time(Date.parse(`${p.installed}T12:00:00Z`), zone, 'date')}</td>
            </tr>
          ))}
        </Table>
      </Panel>
    </div>
  )
}

/** Asks twice: first says what will happen, then wants the pseudonym. */
function Revoke({ h, onClose, onDone }: { h: SurveyHousehold; onClose: () => void; onDone: (r: SurveyReceipt) => void }) {
  const { t } = useLingui()
  const [sure, setSure] = useState(false)
  const [understood, setUnderstood] = useState(false)
  const [typed, setTyped] = useState('')
  const send = useMutation({ mutationFn: () => revokeConsent(h.id), onSuccess: onDone })
  const word = short(h.id)
  return (
    <Modal opened onClose={onClose} size="lg" title={t`Revoke the consent of household ${word}?`} closeButtonProps={{ 'aria-label': t`Close` }}>
      {!sure ? (
        <>
          <p>{t`This is for ever. The household becomes anonymous at once:`}</p>
          <ul className={classes.steps}>
            <li>{t`Contact, address, notes, names and serial numbers are deleted.`}</li>
            <li>{t`Its place is replaced by one drawn at random around it; nominal powers, dates and numbers of people are made coarse.`}</li>
            <li>{t`Household, meters and devices get other pseudonyms; incidents, certificates and the log of who did what are deleted.`}</li>
            <li>{t`Its devices measure no more, and delete what they have not sent.`}</li>
            <li>{t`What was measured stays, under the new pseudonyms.`}</li>
            <li>{t`Backups that were made before still hold what they held: delete them yourself.`}</li>
          </ul>
          <Checkbox label={t`The participant has asked for it.`} checked={understood} onChange={(e) => setUnderstood(e.currentTarget.checked)} data-autofocus />
          <Group justify="flex-end" mt="md">
            <Button variant="default" onClick={onClose}>{t`Cancel`}</Button>
            <Button color="red" disabled={!understood} onClick={() => setSure(true)}>{t`Go on`}</Button>
          </Group>
        </>
      ) : (
        <form
          onSubmit={(e) => {
            e.preventDefault()
            if (typed.trim() === word) send.mutate()
          }}
        >
          <TextInput label={t`Type ${word} to revoke it`} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} autoComplete="off" data-autofocus autoFocus />
          {send.error && <p role="alert" className={classes.bad}>{send.error.message}</p>}
          <Group justify="flex-end" mt="md">
            <Button variant="default" onClick={onClose}>{t`Cancel`}</Button>
            <Button type="submit" color="red" loading={send.isPending} disabled={typed.trim() !== word}>{t`Revoke for ever`}</Button>
          </Group>
        </form>
      )}
    </Modal>
  )
}
