// From sign-in to the first own reading.

import { Trans, useLingui } from '@lingui/react/macro'
import { Button, SegmentedControl, Select, TextInput } from '@mantine/core'
import { IconCircleCheck, IconCircleDashed } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState, type ReactNode } from 'react'
import { useSensor } from '../api/live'
import { assign, changeModel, unassigned } from '../api/model'
import { createToken, system } from '../api/system'
import { useFollowed, useModel } from '../data/model'
import { firstGroup, firstHierarchy, newID } from '../lib/edit'
import { ago, scaled, unitOf } from '../lib/format'
import type { Index } from '../lib/tree'
import { Copied } from '../part/Copied'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { useMe } from '../shell/session'
import classes from './Welcome.module.css'

export function Welcome() {
  const { t } = useLingui()
  const model = useModel()
  const scopes = useMe().data?.scopes ?? []
  return (
    <Page title={t`Welcome`} note={t`Four steps to the first reading of your own.`}>
      {model.index ? (
        <Steps index={model.index} operate={scopes.includes('operate')} admin={scopes.includes('admin')} />
      ) : (
        <Panel title={t`Where it is`} height={160} asked={model}>
          {null}
        </Panel>
      )}
    </Page>
  )
}

function Step({ n, title, done, children }: { n: number; title: string; done: boolean; children: ReactNode }) {
  const { t } = useLingui()
  return (
    <section className={`ww-card ${classes.step ?? ''}`} aria-label={t`Step ${n}: ${title}`} data-done={done}>
      {done ? <IconCircleCheck size={26} aria-label={t`done`} className={classes.done} /> : <IconCircleDashed size={26} aria-label={t`to do`} className={classes.todo} />}
      <div className={classes.body}>
        <h2>{title}</h2>
        {children}
      </div>
    </section>
  )
}

function Steps({ index, operate, admin }: { index: Index; operate: boolean; admin: boolean }) {
  const { t } = useLingui()
  const [secret, setSecret] = useState<string>()
  const [sensor, setSensor] = useState<string>()
  const sys = useQuery({ queryKey: ['system'], queryFn: ({ signal }) => system(signal) })
  const asked = useQuery({ queryKey: ['unassigned', ''], queryFn: ({ signal }) => unassigned('', signal), refetchInterval: sensor === undefined ? 1000 : false })
  const waiting = asked.data?.items ?? []
  const site = index.model.sites[0]
  // Who comes back finds done what is.
  const there = index.model.groups.flatMap((g) => g.members ?? []).find((m) => m.sensor !== undefined)?.sensor
  return (
    <div className={classes.steps}>
      <Step n={1} title={t`Where it is`} done={site !== undefined}>
        {site ? (
          <p>
            <Trans>
              The site is <strong>{site.name ?? site.id}</strong>, its days are those of {site.zone ?? 'UTC'}.
            </Trans>
          </p>
        ) : operate ? (
          <SiteForm />
        ) : (
          <p>{t`Somebody with the role of an operator has to say it.`}</p>
        )}
      </Step>
      <Step n={2} title={t`A token for the sender`} done={secret !== undefined || there !== undefined}>
        {admin ? <TokenForm secret={secret} onMade={setSecret} /> : <p>{t`An administrator makes it, under System.`}</p>}
      </Step>
      <Step n={3} title={t`The first reading`} done={waiting.length > 0 || sensor !== undefined || there !== undefined}>
        <Sending secret={secret} mqtt={sys.data?.mqtt} />
        {/* It says one thing more when MQTT is known to be there. */}
        {sys.isPending && <span hidden className="ww-grows" />}
        <p aria-live="polite" className={waiting.length > 0 ? classes.good : classes.waiting} data-testid="heard">
          {waiting.length > 0
            ? t`Heard: ${waiting[0]?.sensor ?? ''}, ${ago(asked.dataUpdatedAt - Date.parse(waiting[0]?.first ?? ''))}`
            : sensor !== undefined
              ? t`Heard: ${sensor}`
              : t`Waiting for a sensor that is not known yet…`}
        </p>
      </Step>
      <Step n={4} title={t`Its place`} done={sensor !== undefined || (there !== undefined && waiting.length === 0)}>
        {sensor !== undefined ? (
          <Moving index={index} sensor={sensor} />
        ) : waiting.length === 0 && there !== undefined ? (
          <Moving index={index} sensor={there} />
        ) : waiting.length === 0 ? (
          <p className={classes.waiting}>{t`As soon as a sensor is heard, it is put into a group here.`}</p>
        ) : operate ? (
          <Placing index={index} sensors={waiting.map((x) => x.sensor)} onPlaced={setSensor} />
        ) : (
          <p>{t`Somebody with the role of an operator has to say it.`}</p>
        )}
      </Step>
    </div>
  )
}

function SiteForm() {
  const { t } = useLingui()
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [zone, setZone] = useState<string | null>(() => Intl.DateTimeFormat().resolvedOptions().timeZone)
  const zones = Intl.supportedValuesOf('timeZone')
  const add = useMutation({
    mutationFn: () => changeModel({ sites: [{ id: newID(name, () => false), name, ...(zone === null ? {} : { zone }) }] }, undefined),
    onSettled: () => client.invalidateQueries({ queryKey: ['model'] }),
  })
  return (
    <form
      className={classes.form}
      onSubmit={(e) => {
        e.preventDefault()
        add.mutate()
      }}
    >
      <TextInput label={t`Name of the site`} placeholder={t`Plant, house, laboratory…`} required withAsterisk={false} value={name} onChange={(e) => setName(e.currentTarget.value)} />
      <Select label={t`Time zone`} searchable limit={40} allowDeselect={false} data={zone !== null && !zones.includes(zone) ? [zone, ...zones] : zones} value={zone} onChange={setZone} />
      <Button type="submit" loading={add.isPending}>
        {t`Add the site`}
      </Button>
      {add.error && <p role="alert" className={classes.bad}>{add.error.message}</p>}
    </form>
  )
}

function TokenForm({ secret, onMade }: { secret: string | undefined; onMade: (secret: string) => void }) {
  const { t } = useLingui()
  const make = useMutation({ mutationFn: () => createToken({ name: 'first sensor', scopes: ['ingest'] }), onSuccess: (x) => onMade(x.secret) })
  if (secret !== undefined) {
    return (
      <>
        <p>{t`It may send readings and nothing else. It is shown this once; under System it can be revoked.`}</p>
        <Copied line={secret} label={t`Token`} />
      </>
    )
  }
  return (
    <>
      <p>{t`With it a machine may send readings, and nothing else.`}</p>
      <Button onClick={() => make.mutate()} loading={make.isPending}>
        {t`Make a token`}
      </Button>
      {make.error && <p role="alert" className={classes.bad}>{make.error.message}</p>}
    </>
  )
}

function Sending({ secret, mqtt }: { secret: string | undefined; mqtt: string | undefined }) {
  const { t } = useLingui()
  const [way, setWay] = useState('http')
  const base = new URL('.', window.location.href.split('#')[0]).href
  const token = secret ?? 'TOKEN'
  const [host = '127.0.0.1', port = '1883'] = (mqtt ?? '').split(/:(?=\d+$)/)
  const line =
    way === 'http'
      ? `curl ${base}api/v1/ingest/json \\\n  -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' \\\n  -d '{"sensor": "kettle", "value": 1800}'`
      : `mosquitto_pub -h ${host} -p ${port} -q 1 -t power/kettle -m 1800`
  return (
    <>
      <p>{t`1800 W of a sensor called kettle. Send it a few times with other values, and see it move.`}</p>
      {mqtt !== undefined && <SegmentedControl size="xs" value={way} onChange={setWay} aria-label={t`How to send`} data={[{ value: 'http', label: 'HTTP' }, { value: 'mqtt', label: 'MQTT' }]} />}
      <Copied line={line} label={t`Line for the terminal`} />
      {way === 'http' && secret === undefined && <p className={classes.quiet}>{t`In the place of TOKEN stands the one of the step before, once it is made; a token that was made earlier will do, too.`}</p>}
      <p className={classes.quiet}>
        <Trans>
          Telegraf, Prometheus, Tasmota, Shelly and rack PDUs work too: see the <a href="docs">API</a>. A file of readings comes by{' '}
          <Link to="/data" search={{}}>
            Import
          </Link>
          .
        </Trans>
      </p>
    </>
  )
}

function Placing({ index, sensors, onPlaced }: { index: Index; sensors: readonly string[]; onPlaced: (sensor: string) => void }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [sensor, setSensor] = useState<string>()
  const [group, setGroup] = useState<string>()
  const [name, setName] = useState(t`Everything`)
  const groups = index.model.hierarchies.length === 0 ? [] : index.model.groups
  const chosen = sensor !== undefined && sensors.includes(sensor) ? sensor : (sensors[0] ?? '')
  const into = group ?? index.model.hierarchies[0]?.root ?? firstGroup
  const put = useMutation({
    mutationFn: async () => {
      if (groups.length === 0) await changeModel(firstHierarchy(index.model, name), undefined)
      await assign({ sensor: chosen, group: into })
    },
    onSuccess: () => onPlaced(chosen),
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ['model'] }), client.invalidateQueries({ queryKey: ['unassigned'] })]),
  })
  return (
    <form
      className={classes.form}
      onSubmit={(e) => {
        e.preventDefault()
        put.mutate()
      }}
    >
      <Select label={t`Sensor`} allowDeselect={false} data={[...sensors]} value={chosen} onChange={(v) => v !== null && setSensor(v)} />
      {groups.length === 0 ? (
        <TextInput label={t`Name of the first group`} required withAsterisk={false} value={name} onChange={(e) => setName(e.currentTarget.value)} />
      ) : (
        <Select label={t`Group`} searchable limit={40} allowDeselect={false} data={groups.map((g) => ({ value: g.id, label: g.name ?? g.id }))} value={into} onChange={(v) => v !== null && setGroup(v)} />
      )}
      <Button type="submit" loading={put.isPending}>
        {t`Put it there`}
      </Button>
      {put.error && <p role="alert" className={classes.bad}>{put.error.message}</p>}
    </form>
  )
}

function Moving({ index, sensor }: { index: Index; sensor: string }) {
  const { t } = useLingui()
  useFollowed([sensor], [])
  const v = useSensor(sensor)
  const s = scaled(v?.value ?? null, unitOf(index.sensor(sensor).quantity))
  return (
    <>
      <p className={classes.value} data-testid="moving" aria-live="polite">
        <span className="ww-number">{s.value}</span> {s.unit}
      </p>
      <p>{t`That is ${sensor}, now. Every further reading moves it.`}</p>
      <Button renderRoot={(props) => <Link to="/" search={{}} {...props} />}>
        {t`To the dashboard`}
      </Button>
    </>
  )
}
