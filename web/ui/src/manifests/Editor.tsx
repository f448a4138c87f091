// One manifest: its graph, what its parts are told, how it runs and what comes
// out of it.

import { useLingui } from '@lingui/react/macro'
import { Button, Group, MultiSelect, Select, TextInput, Textarea, type ComboboxData } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconAlertTriangle, IconArrowBackUp, IconCheck, IconDeviceFloppy, IconHistory, IconPlayerPause, IconPlayerPlay, IconPlayerStop, IconPlus, IconTrash } from '@tabler/icons-react'
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { ApiError } from '../api/client'
import { blank, change, create, dropDraft, keepDraft, keptDraft, one, remove, run, validate, type Finding, type KeptDraft, type Manifest, type Processor, type Status, type Stored } from '../api/manifests'
import { decimal } from '../lib/costs'
import { draftOf, taken } from '../lib/draft'
import { same } from '../lib/edit'
import { added, changed, connected, disconnected, freeName, graphOf, nothingLoose, parameterIn, processorKey, renamed, sinkKey, sourceKey, unused, type GraphEdge, type GraphNode, type Loose } from '../lib/manifest'
import { time } from '../lib/time'
import { Ask, type Question } from '../model/Ask'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { tell } from '../part/tell'
import { useStatus, type Catalogue } from './data'
import { ParameterFields } from './Fields'
import { Graph, type NodeWords } from './Graph'
import { Refused } from './Refused'
import { Results } from './Results'
import { Trial } from './Trial'
import { Versions } from './Versions'
import { StateMark, useRoles } from './words'
import classes from './Manifests.module.css'

export interface May {
  /** Change models and manifests. */
  manage: boolean
  /** Start, pause, stop. */
  operate: boolean
}

const empty: Manifest = { name: '', processors: [] }

export function Editor({ id, catalogue, zone, may }: { id: string; catalogue: Catalogue; zone: string; may: May }) {
  const { t } = useLingui()
  const draft = draftOf(id)
  // As it was when it was taken up: what is kept from here does not come back to it.
  const kept = useQuery({ queryKey: ['manifest-drafts', 'one', id], queryFn: ({ signal }) => keptDraft(draft ?? '', signal), enabled: draft !== undefined, retry: 1, refetchOnWindowFocus: false, staleTime: Infinity, gcTime: 0 })
  const of = draft === undefined ? id : (kept.data?.manifest ?? 'new')
  const waits = draft !== undefined && !kept.data
  const fresh = of === 'new'
  const asked = useQuery({ queryKey: ['manifests', 'one', of], queryFn: ({ signal }) => one('manifests', of, signal), enabled: !fresh && !waits, retry: 1, refetchOnWindowFocus: false })
  const isGone = (e: unknown) => e instanceof ApiError && e.status === 404
  if (!waits && (fresh || (draft !== undefined && isGone(asked.error)))) return <Open key={id} stored={undefined} kept={kept.data} catalogue={catalogue} zone={zone} may={may} />
  if (waits || !asked.data) {
    const gone = isGone(asked.error) || isGone(kept.error)
    return (
      <Page title={t`Manifest`} note={<Back />}>
        <Panel title={t`Graph`} height={300} asked={gone ? [] : waits ? kept : asked} empty={gone ? (waits ? t`There is no such draft (any more).` : t`There is no such manifest (any more).`) : undefined}>
          {null}
        </Panel>
      </Page>
    )
  }
  const stored = asked.data.value
  return <Open key={`${id} ${stored.version}`} stored={stored} kept={kept.data} catalogue={catalogue} zone={zone} may={may} />
}

function Back() {
  const { t } = useLingui()
  return (
    <Link className={classes.link} to="." search={(old) => ({ ...old, m: undefined })}>
      {t`All manifests`}
    </Link>
  )
}

/** What of a manifest an edit is about: its state is changed by other means. */
function body(m: Manifest): Manifest {
  const out = { ...m }
  delete out.state
  return out
}

interface Draft {
  manifest: Manifest
  loose: Loose
  /** It came about by typing, which is one step, not one for each letter. */
  typed?: boolean
}

function Open({ stored, kept, catalogue, zone, may }: { stored: Stored<Manifest> | undefined; kept: KeptDraft | undefined; catalogue: Catalogue; zone: string; may: May }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const navigate = useNavigate()
  const first = useMemo((): Draft => ({ manifest: stored ? body(stored.model) : empty, loose: nothingLoose }), [stored])
  const [steps, setSteps] = useState<readonly Draft[]>(() => (kept ? [first, taken(kept.document)] : [first]))
  /** The draft that is kept of this, as it was kept last. */
  const [own, setOwn] = useState(() => kept && { id: kept.id, version: kept.version, step: steps.at(-1) })
  const [chosen, setChosen] = useState<string>()
  const [dialog, setDialog] = useState<'versions'>()
  const [question, setQuestion] = useState<Question>()
  const draft = steps.at(-1) ?? first
  const { manifest: m, loose } = draft
  const id = stored?.model.id
  const touched = !same(m, first.manifest)

  const set = (manifest: Manifest, more: Loose = loose) => setSteps((old) => [...old.slice(-100), { manifest, loose: more }])
  const write = (manifest: Manifest) => setSteps((old) => [...(old.at(-1)?.typed === true ? old.slice(0, -1) : old), { manifest, loose, typed: true }])
  const undo = () => setSteps((old) => (old.length > 1 ? old.slice(0, -1) : old))

  const graph = useMemo(() => graphOf(m, loose), [m, loose])
  const byKey = useMemo(() => new Map(graph.nodes.map((n) => [n.key, n])), [graph])
  const node = chosen === undefined ? undefined : byKey.get(chosen)
  const refs = useMemo(() => new Set((m.processors ?? []).map((p) => p.name)), [m])

  const [settled] = useDebouncedValue(m, 400)
  const judged = useQuery({
    queryKey: ['manifests', 'validate', settled], queryFn: () => validate(settled),
    enabled: (settled.processors ?? []).length > 0, placeholderData: keepPreviousData, retry: 0, staleTime: 60_000,
  })
  const findings: readonly Finding[] = useMemo(() => {
    if ((m.processors ?? []).length === 0) return []
    if (judged.error) return [{ sentence: judged.error.message }]
    return (judged.data ?? []).map((f) => (f.field === 'from' && f.sentence.includes(blank) ? { ...f, sentence: t`It reads from nothing.` } : f))
  }, [m.processors, judged.data, judged.error, t])
  const of = (name: string) => findings.filter((f) => f.processor === name)
  const whole = findings.filter((f) => f.processor === undefined || f.processor === '' || !refs.has(f.processor))

  const asked = useStatus(id)
  const status = asked.data
  const rates = useMemo(() => new Map((status?.nodes ?? []).map((n) => [n.name, n])), [status])
  const runs = status !== undefined && ['RUNNING', 'DEGRADED', 'STARTING'].includes(status.state)

  const words = (n: GraphNode): NodeWords => {
    if (n.kind === 'processor') {
      const p = m.processors?.[n.at]
      const type = catalogue.typeOf(p ?? {})
      const wrong = p && of(p.name)[0]?.sentence
      return { title: p?.name === undefined || p.name === '' ? t`without a name` : p.name, below: catalogue.definitions.find(p?.definition)?.name ?? type?.name ?? p?.type ?? t`no type yet`, wrong }
    }
    const s = catalogue.sources.find(n.ref)
    const sink = status?.sinks?.find((x) => x.id === s?.id || x.name === s?.name)
    return {
      title: s?.name ?? n.ref, below: catalogue.interfaceOf(s)?.protocol ?? (s ? t`internal` : t`not there`),
      wrong: s ? (n.kind === 'sink' && sink?.error !== undefined && sink.error !== '' ? sink.error : undefined) : t`There is no such data source.`,
    }
  }
  const flow = (e: GraphEdge): string | undefined => {
    if (!runs || touched) return undefined
    const from = byKey.get(e.from)
    const to = byKey.get(e.to)
    const name = (n: GraphNode | undefined) => (n?.kind === 'processor' ? (m.processors?.[n.at]?.name ?? '') : '')
    // What comes from a source is known where nothing else comes in.
    const rate = from?.kind === 'processor' ? rates.get(name(from))?.outPerSecond : graph.edges.filter((x) => x.to === e.to).length === 1 ? rates.get(name(to))?.inPerSecond : undefined
    return rate === undefined ? undefined : perSecond(rate)
  }

  const save = useMutation({
    mutationFn: async () => {
      try {
        return stored?.model.id === undefined ? await create('manifests', m) : await change('manifests', stored.model.id, m, stored.version)
      } catch (e) {
        if (e instanceof ApiError && e.status === 412) throw new Error(t`Somebody has changed the manifest meanwhile. Look at it again.`, { cause: e })
        throw e
      }
    },
    onSuccess: async (s) => {
      tell({ message: t`Saved: version ${s.version}.` })
      // What is saved needs no draft; one that somebody has changed meanwhile stays.
      if (own) await giveUp().catch(() => undefined)
      await client.invalidateQueries({ queryKey: ['manifests'] })
      if (stored === undefined || kept) void navigate({ to: '.', search: (old) => ({ ...old, m: s.model.id }), replace: true })
    },
    onError: (e) => tell({ bad: true, title: t`Not saved`, message: e.message }),
  })
  const keepIt = useMutation({
    mutationFn: async () => {
      const d = { name: m.name, document: { manifest: m, loose }, ...(id !== undefined && stored ? { manifest: id, base: kept?.manifest === id ? (kept.base ?? stored.version) : stored.version } : {}) }
      try {
        return { draft: await keepDraft(d, own), step: draft }
      } catch (e) {
        if (e instanceof ApiError && e.status === 412) throw new Error(t`Somebody has kept another draft in its place meanwhile. Look at it again.`, { cause: e })
        throw e
      }
    },
    onSuccess: async ({ draft: d, step }) => {
      setOwn({ id: d.id, version: d.version, step })
      tell({ message: t`Kept as a draft. It does not run.` })
      await client.invalidateQueries({ queryKey: ['manifest-drafts', 'list'] })
    },
    onError: (e) => tell({ bad: true, title: t`Not kept`, message: e.message }),
  })
  const giveUp = async () => {
    if (!own) return
    await dropDraft(own.id, own.version)
    setOwn(undefined)
    await client.invalidateQueries({ queryKey: ['manifest-drafts', 'list'] })
  }
  const discard = useMutation({
    mutationFn: giveUp,
    onSuccess: () => navigate({ to: '.', search: (old) => ({ ...old, m: undefined }), replace: true }),
    onError: (e) => tell({ bad: true, title: t`Not given up`, message: e.message }),
  })
  const act = useMutation({
    mutationFn: (what: 'start' | 'pause' | 'resume' | 'stop') => run(id ?? '', what),
    onSuccess: (s) => client.setQueryData(['manifests', 'status', id], s),
    onError: (e) => tell({ bad: true, title: t`Not done`, message: e.message }),
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ['manifests', 'status', id] }), client.invalidateQueries({ queryKey: ['manifests', 'bundle'] })]),
  })
  const drop = useMutation({
    mutationFn: () => remove('manifests', id ?? '', stored?.version ?? 0),
    onSuccess: async () => {
      await navigate({ to: '.', search: (old) => ({ ...old, m: undefined }), replace: true })
      await client.invalidateQueries({ queryKey: ['manifests'] })
    },
    onError: (e) => tell({ bad: true, title: t`Not removed`, message: e.message }),
  })

  const removeNode = (n: GraphNode) => {
    setChosen(undefined)
    set(unused(m, n), { sources: loose.sources.filter((x) => sourceKey(x) !== n.key), sinks: loose.sinks.filter((x) => sinkKey(x) !== n.key) })
  }
  const addProcessor = (what: string) => {
    const [kind, ...rest] = what.split(':')
    const ref = rest.join(':')
    const name = freeName(m, kind === 'd' ? catalogue.definitions.name(ref) : ref)
    const from = node && node.kind !== 'sink' ? [node.kind === 'source' ? node.ref : (m.processors?.[node.at]?.name ?? '')].filter((x) => x !== '') : []
    set(added(m, { name, ...(kind === 'd' ? { definition: ref } : { type: ref }), from }))
    setChosen(processorKey((m.processors ?? []).length))
  }
  const addSource = (ref: string) => {
    const next = { ...loose, sources: [...loose.sources, ref] }
    set(node?.kind === 'processor' ? changed(m, node.at, { from: [...new Set([...(m.processors?.[node.at]?.from ?? []), ref])] }) : m, next)
    if (!node) setChosen(sourceKey(ref))
  }
  const addSink = (ref: string) => {
    set(node?.kind === 'processor' ? changed(m, node.at, { to: ref }) : m, { ...loose, sinks: [...loose.sinks, ref] })
  }
  const state = status?.state ?? stored?.model.state ?? 'stopped'
  const title = stored ? stored.model.name : t`New manifest`
  return (
    <Page
      title={title}
      note={
        <span className={classes.line}>
          <Back />
          {stored && <StateMark state={state} />}
          {stored && <span>{t`version ${stored.version}, ${time(Date.parse(stored.changed), zone)} by ${stored.changedBy}`}</span>}
        </span>
      }
      actions={
        <>
          {stored && may.operate && <Controls state={state} busy={act.isPending} onAct={(w) => act.mutate(w)} />}
          {stored && (
            <Button size="xs" variant="default" leftSection={<IconHistory size={15} aria-hidden="true" />} onClick={() => setDialog('versions')}>
              {t`Versions`}
            </Button>
          )}
          {stored && may.manage && (
            <Button
              size="xs" variant="default" leftSection={<IconTrash size={15} aria-hidden="true" />}
              onClick={() => setQuestion({ title: t`Remove ${title}?`, action: t`Remove`, danger: true, text: t`It ends, and what it keeps in mind is lost. What it wrote stays.`, onAnswer: () => drop.mutate() })}
            >
              {t`Remove`}
            </Button>
          )}
          {may.manage && (
            <Button size="xs" variant="default" leftSection={<IconArrowBackUp size={15} aria-hidden="true" />} disabled={steps.length < 2} onClick={undo}>
              {t`Undo`}
            </Button>
          )}
          {may.manage && own && (
            <Button
              size="xs" variant="default"
              onClick={() => setQuestion({ title: t`Give the draft up?`, action: t`Give up`, danger: true, text: t`The draft is lost. What runs stays as it is.`, onAnswer: () => discard.mutate() })}
            >
              {t`Give the draft up`}
            </Button>
          )}
          {may.manage && (
            <Button size="xs" variant="default" leftSection={<IconDeviceFloppy size={15} aria-hidden="true" />} disabled={own ? own.step === draft : draft === first} loading={keepIt.isPending} onClick={() => keepIt.mutate()}>
              {t`Keep as a draft`}
            </Button>
          )}
          {may.manage && (
            <Button size="xs" disabled={!touched || m.name.trim() === '' || (m.processors ?? []).length === 0} loading={save.isPending} onClick={() => save.mutate()}>
              {t`Save`}
            </Button>
          )}
        </>
      }
    >
      {status?.reason !== undefined && status.reason !== '' && (
        <p className={classes.reason} role="alert">
          <IconAlertTriangle size={17} aria-hidden="true" /> {status.reason}
        </p>
      )}
      {kept && own && (
        <p className={classes.hint} role="note">
          {t`This is a draft, kept ${time(Date.parse(kept.changed), zone)} by ${kept.changedBy}. It does not run; Save makes a version of it.`}
          {kept.manifest !== undefined && !stored && ` ${t`The manifest that it was of is gone: Save makes a new one.`}`}
          {stored && kept.base !== undefined && kept.base !== stored.version && ` ${t`The manifest was changed since: it was version ${kept.base}, and is ${stored.version}.`}`}
        </p>
      )}
      <Panel
        title={t`Graph`} height={300} note={<Verdict findings={findings} busy={judged.isFetching || settled !== m} nothing={(m.processors ?? []).length === 0} />}
        actions={
          may.manage && (
            <Add catalogue={catalogue} gateway={m.gateway} onProcessor={addProcessor} onSource={addSource} onSink={addSink} />
          )
        }
      >
        {graph.nodes.length === 0 ? (
          <p className={classes.text}>{t`Nothing is in it yet. Add a source, then a processor that reads from it, then a sink that its results go to.`}</p>
        ) : (
          <Graph
            graph={graph} label={t`Graph of ${title}`} words={words} flow={flow} chosen={chosen} may={may.manage} onChoose={setChosen}
            onConnect={(a, b) => set(connected(m, a, b))} onDisconnect={(a, b) => set(disconnected(m, a, b), keep(loose, a, b))} onRemove={removeNode}
          />
        )}
        {may.manage && <p className={classes.hint}>{t`Drag from the ring of a node to where its data goes. By the keyboard: arrows go along the data, C takes a line from a node and Enter puts it down (there is one already: takes it away), Enter opens a node, Delete removes it.`}</p>}
        {whole.length > 0 && (
          <ul className={classes.findings} aria-label={t`What is wrong with the manifest`}>
            {whole.map((f, i) => (
              <li key={i}>{f.sentence}</li>
            ))}
          </ul>
        )}
      </Panel>
      <div className={classes.pair}>
        {node?.kind === 'processor' && m.processors?.[node.at] ? (
          <ProcessorForm
            key={node.key} at={node.at} manifest={m} processor={m.processors[node.at] as Processor} catalogue={catalogue} findings={of(m.processors[node.at]?.name ?? '')} status={status} may={may.manage}
            onWrite={write} onSet={set} onRemove={() => removeNode(node)}
          />
        ) : node && node.kind !== 'processor' ? (
          <EndFacts node={node} catalogue={catalogue} may={may.manage} onRemove={() => removeNode(node)} />
        ) : (
          <Panel title={t`Manifest`} height={200}>
            <div className={classes.fields}>
              <TextInput size="xs" label={t`Name`} required withAsterisk={false} maxLength={200} value={m.name} readOnly={!may.manage} onChange={(e) => write({ ...m, name: e.currentTarget.value })} />
              <Textarea size="xs" label={t`Description`} autosize minRows={1} maxLength={2000} value={m.description ?? ''} readOnly={!may.manage} onChange={(e) => write(plain({ ...m, description: e.currentTarget.value }, 'description'))} />
              <Select
                size="xs" label={t`Runs on`} description={t`At the centre it can combine all gateways; on a gateway it goes on when the centre is away.`} value={m.gateway === undefined ? '' : (catalogue.gateways.find(m.gateway)?.id ?? m.gateway)} readOnly={!may.manage} allowDeselect={false}
                data={[{ value: '', label: t`the centre` }, ...catalogue.gateways.options]} onChange={(v) => set(plain({ ...m, gateway: v ?? '' }, 'gateway'))}
                error={whole.find((f) => f.field === 'gateway')?.sentence}
              />
            </div>
          </Panel>
        )}
        <Results id={stored?.model.id} manifest={m} chosen={node} catalogue={catalogue} zone={zone} runs={runs} />
      </div>
      <Trial manifest={m} catalogue={catalogue} zone={zone} may={may.operate} />
      {status && <Counts status={status} zone={zone} />}
      {stored && may.operate && <Refused manifest={stored.model} nodes={status?.nodes ?? []} zone={zone} />}
      {dialog === 'versions' && stored && <Versions kind="manifests" stored={stored} zone={zone} may={may.manage} onClose={() => setDialog(undefined)} />}
      {question && <Ask question={question} onClose={() => setQuestion(undefined)} />}
    </Page>
  )
}

/** Without a word that holds nothing. */
function plain<T extends object>(x: T, key: keyof T): T {
  if (x[key] !== '' && x[key] !== undefined) return x
  const out = { ...x }
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a word of a copy
  delete out[key]
  return out
}

/** What was connected stays in sight when it no longer is. */
function keep(l: Loose, a: GraphNode, b: GraphNode): Loose {
  return {
    sources: a.kind === 'source' && !l.sources.includes(a.ref) ? [...l.sources, a.ref] : l.sources,
    sinks: b.kind === 'sink' && !l.sinks.includes(b.ref) ? [...l.sinks, b.ref] : l.sinks,
  }
}

export function perSecond(rate: number): string {
  return `${decimal(String(rate), rate < 10 ? 1 : 0)}/s`
}

function Verdict({ findings, busy, nothing }: { findings: readonly Finding[]; busy: boolean; nothing: boolean }) {
  const { t } = useLingui()
  if (nothing) return null
  const n = findings.length
  return (
    <span className={classes.verdict} data-bad={n > 0} data-busy={busy} role="status" data-testid="verdict">
      {n === 0 ? <IconCheck size={15} aria-hidden="true" /> : <IconAlertTriangle size={15} aria-hidden="true" />}
      {n === 0 ? (busy ? t`is looked at…` : t`Nothing is wrong with it.`) : n === 1 ? t`One thing is wrong with it.` : t`${n} things are wrong with it.`}
    </span>
  )
}

function Controls({ state, busy, onAct }: { state: string; busy: boolean; onAct: (what: 'start' | 'pause' | 'resume' | 'stop') => void }) {
  const { t } = useLingui()
  const stands = ['STOPPED', 'CREATED', 'stopped'].includes(state)
  const rests = ['PAUSED', 'paused'].includes(state)
  if (state === 'STOPPING') return null
  return (
    <Group gap={6} wrap="nowrap" role="group" aria-label={t`Run`}>
      {stands ? (
        <Button size="xs" color="teal.9" leftSection={<IconPlayerPlay size={15} aria-hidden="true" />} disabled={busy} onClick={() => onAct('start')}>
          {t`Start`}
        </Button>
      ) : (
        <>
          {rests ? (
            <Button size="xs" variant="default" leftSection={<IconPlayerPlay size={15} aria-hidden="true" />} disabled={busy} onClick={() => onAct('resume')}>
              {t`Resume`}
            </Button>
          ) : (
            <Button size="xs" variant="default" leftSection={<IconPlayerPause size={15} aria-hidden="true" />} disabled={busy} onClick={() => onAct('pause')}>
              {t`Pause`}
            </Button>
          )}
          <Button size="xs" variant="default" leftSection={<IconPlayerStop size={15} aria-hidden="true" />} disabled={busy} onClick={() => onAct('stop')}>
            {t`Stop`}
          </Button>
        </>
      )}
    </Group>
  )
}

function Add({ catalogue, gateway, onProcessor, onSource, onSink }: { catalogue: Catalogue; gateway: string | undefined; onProcessor: (what: string) => void; onSource: (ref: string) => void; onSink: (ref: string) => void }) {
  const { t } = useLingui()
  const roles = useRoles()
  const place = catalogue.gateways.find(gateway)
  const here = (s: { gateway?: string }) => place === undefined || catalogue.gateways.find(s.gateway) === place
  const ends = (what: 'read' | 'write') =>
    catalogue.sources.all.filter((s) => here(s) && (catalogue.protocol(catalogue.interfaceOf(s)?.protocol)?.[what] ?? true)).map((s) => ({ value: s.id ?? s.name, label: s.name }))
  const types = [
    ...(['preprocessor', 'analytics', 'storage'] as const).map((role) => ({ group: roles[role], items: catalogue.types.filter((x) => x.role === role).map((x) => ({ value: `t:${x.name}`, label: x.name })) })),
    { group: t`Definitions`, items: catalogue.definitions.options.map((o) => ({ value: `d:${o.value}`, label: o.label })) },
  ].filter((g) => g.items.length > 0)
  const pick = (label: string, data: ComboboxData, onPick: (v: string) => void) => (
    <Select
      className={classes.add} size="xs" aria-label={label} placeholder={label} leftSection={<IconPlus size={14} aria-hidden="true" />} searchable limit={100} nothingFoundMessage={t`There is none.`} data={data} value={null}
      comboboxProps={{ width: 260, position: 'bottom-end' }}
      onChange={(v) => v !== null && onPick(v)}
    />
  )
  return (
    <div className={classes.adds}>
      {pick(t`Add a source`, ends('read'), onSource)}
      {pick(t`Add a processor`, types, onProcessor)}
      {pick(t`Add a sink`, ends('write'), onSink)}
    </div>
  )
}

function ProcessorForm({ at, manifest: m, processor: p, catalogue, findings, status, may, onWrite, onSet, onRemove }: {
  at: number
  manifest: Manifest
  processor: Processor
  catalogue: Catalogue
  findings: readonly Finding[]
  status: Status | undefined
  may: boolean
  onWrite: (m: Manifest) => void
  onSet: (m: Manifest) => void
  onRemove: () => void
}) {
  const { t } = useLingui()
  const roles = useRoles()
  const type = catalogue.typeOf(p)
  const parameters = catalogue.parametersOf(p)
  const set = (c: Partial<Processor>) => onWrite(changed(m, at, c))
  const field = (name: string) => findings.find((f) => f.field === name)?.sentence
  /** One sentence may speak of several parameters. */
  const said = new Map<string, string>()
  const rest: string[] = []
  for (const f of findings) {
    if (f.field === 'from' || f.field === 'to' || f.field === 'name' || f.field === 'type' || f.field === 'definition') continue
    for (const sentence of f.sentence.split(/; (?=parameter ")/)) {
      const named = /^parameters\.(.+)$/.exec(f.field ?? '')?.[1] ?? parameterIn(sentence)
      if (named !== undefined && (parameters.some((x) => x.name === named) || p.parameters?.[named] !== undefined)) said.set(named, sentence)
      else rest.push(sentence)
    }
  }
  const what = p.definition !== undefined && p.definition !== '' ? `d:${catalogue.definitions.find(p.definition)?.id ?? p.definition}` : `t:${p.type ?? ''}`
  const types = [
    ...(['preprocessor', 'analytics', 'storage'] as const).map((role) => ({ group: roles[role], items: catalogue.types.filter((x) => x.role === role).map((x) => ({ value: `t:${x.name}`, label: x.name })) })),
    { group: t`Definitions`, items: catalogue.definitions.options.map((o) => ({ value: `d:${o.value}`, label: o.label })) },
  ].filter((g) => g.items.length > 0)
  const readable = [
    { group: t`Processors`, items: (m.processors ?? []).filter((x, i) => i !== at && x.name !== '').map((x) => ({ value: x.name, label: x.name })) },
    { group: t`Data sources`, items: sources(catalogue, p.from ?? [], (m.processors ?? []).map((x) => x.name)) },
  ].filter((g) => g.items.length > 0)
  const done = status?.nodes?.find((n) => n.name === p.name)
  return (
    <Panel
      title={p.name === '' ? t`Processor` : p.name} note={type && roles[type.role]} height={260}
      actions={
        may && (
          <Button size="compact-sm" variant="default" onClick={onRemove} aria-label={t`Remove ${p.name} from the graph`}>
            {t`Remove`}
          </Button>
        )
      }
    >
      {type && <p className={classes.text}>{type.summary}</p>}
      <div className={classes.fields}>
        <TextInput size="xs" label={t`Name`} required withAsterisk={false} maxLength={200} value={p.name} readOnly={!may} error={field('name') ?? (p.name === '' ? t`This is needed.` : undefined)} onChange={(e) => onWrite(renamed(m, at, e.currentTarget.value))} />
        <Select
          size="xs" label={t`Type or definition`} searchable allowDeselect={false} data={types} value={what} readOnly={!may} error={field('type') ?? field('definition')}
          onChange={(v) => {
            if (v === null) return
            const bare = { ...p }
            delete bare.type
            delete bare.definition
            const next: Processor = v.startsWith('d:') ? { ...bare, definition: v.slice(2) } : { ...bare, type: v.slice(2) }
            onSet({ ...m, processors: (m.processors ?? []).map((x, i) => (i === at ? next : x)) })
          }}
        />
        <MultiSelect size="xs" label={t`Reads from`} searchable limit={100} data={readable} value={p.from ?? []} readOnly={!may} error={field('from')} onChange={(v) => onSet(changed(m, at, { from: v }))} />
        <Select
          size="xs" label={t`Writes to`} description={t`Nothing: only other processors read from it`} searchable clearable limit={100} clearButtonProps={{ 'aria-label': t`Write nowhere` }} data={sources(catalogue, p.to === undefined ? [] : [p.to], [])} value={p.to ?? null} readOnly={!may} error={field('to')}
          onChange={(v) => onSet(v === null ? { ...m, processors: (m.processors ?? []).map((x, i) => (i === at ? plain({ ...x, to: '' }, 'to') : x)) } : changed(m, at, { to: v }))}
        />
        <Textarea size="xs" label={t`Description`} autosize minRows={1} maxLength={2000} value={p.description ?? ''} readOnly={!may} onChange={(e) => set({ description: e.currentTarget.value })} />
      </div>
      {parameters.length > 0 && <h3 className={classes.sub}>{t`Parameters`}</h3>}
      <ParameterFields parameters={parameters} values={p.parameters} said={said} may={may} onChange={(v) => set({ parameters: v })} />
      {rest.length > 0 && (
        <ul className={classes.findings} aria-label={t`What is wrong with ${p.name}`}>
          {rest.map((x, i) => (
            <li key={i}>{x}</li>
          ))}
        </ul>
      )}
      {done && <p className={classes.text}>{t`${count(done.in)} taken, ${count(done.out)} given, ${count(done.dead)} refused`}</p>}
      {type && (type.details !== undefined || type.result !== undefined) && (
        <details className={classes.more}>
          <summary>{t`What it does`}</summary>
          {type.result !== undefined && <p>{type.result}</p>}
          {type.details !== undefined && <p>{type.details}</p>}
          <pre tabIndex={0}>{type.example}</pre>
        </details>
      )}
    </Panel>
  )
}

const count = (n: number) => decimal(String(n), 0)

/** Sources as choices, by the words that the manifest uses for them. */
function sources(catalogue: Catalogue, used: readonly string[], not: readonly string[]): { value: string; label: string }[] {
  const own = used.filter((r) => !not.includes(r))
  const named = new Set(own.map((r) => catalogue.sources.find(r)?.id ?? r))
  return [...own.map((r) => ({ value: r, label: catalogue.sources.name(r) })), ...catalogue.sources.all.filter((s) => !named.has(s.id ?? s.name)).map((s) => ({ value: s.id ?? s.name, label: s.name }))]
}

function EndFacts({ node, catalogue, may, onRemove }: { node: GraphNode; catalogue: Catalogue; may: boolean; onRemove: () => void }) {
  const { t } = useLingui()
  const s = catalogue.sources.find(node.ref)
  const definition = catalogue.sourceDefinitions.find(s?.definition)
  const kind = catalogue.kinds.find(definition?.kinds?.[0])
  const protocol = catalogue.protocol(catalogue.interfaceOf(s)?.protocol)
  const facts: [string, string | undefined][] = [
    [t`Protocol`, protocol?.name], [t`Definition`, definition?.name], [t`Data kind`, kind?.quantityKind], [t`Unit`, kind?.unit], [t`Gateway`, s && (s.gateway === undefined ? t`the centre` : catalogue.gateways.name(s.gateway))],
    ...Object.entries(s?.parameters ?? {}).map(([k, v]): [string, string] => [k, typeof v === 'string' ? v : JSON.stringify(v)]),
  ]
  return (
    <Panel
      title={s?.name ?? node.ref} note={node.kind === 'sink' ? t`Sink` : t`Source`} height={200}
      actions={
        may && (
          <Button size="compact-sm" variant="default" onClick={onRemove} aria-label={t`Remove ${s?.name ?? node.ref} from the graph`}>
            {t`Remove`}
          </Button>
        )
      }
    >
      <p className={classes.text}>{s ? (s.description ?? protocol?.summary) : t`There is no such data source (any more). Choose another one, or add it below Models.`}</p>
      <dl className={classes.facts}>
        {facts.flatMap(([k, v]) => (v === undefined || v === '' ? [] : [<div key={k}><dt>{k}</dt><dd>{v}</dd></div>]))}
      </dl>
      <Link className={classes.link} to="." search={(old) => ({ ...old, m: undefined, tab: 'models', kind: 'sources', q: s?.name })}>{t`Change it below Models`}</Link>
    </Panel>
  )
}

function Counts({ status: s, zone }: { status: Status; zone: string }) {
  const { t } = useLingui()
  const facts: [string, string][] = [
    [t`Since`, time(Date.parse(s.since), zone, 'exact')], [t`Everything is there up to`, s.watermark === null ? t`nothing came yet` : time(Date.parse(s.watermark), zone, 'exact')],
    [t`Results that wait`, count(s.waiting)], [t`Run by`, s.process ?? '–'], ...(s.lost > 0 ? [[t`Messages lost at most`, count(s.lost)] as [string, string]] : []),
    ...((s.anew ?? []).length > 0 ? [[t`Began anew at the last change`, (s.anew ?? []).join(', ')] as [string, string]] : []),
  ]
  return (
    <Panel title={t`How it runs`} height={60}>
      <dl className={classes.facts}>
        {facts.map(([k, v]) => (
          <div key={k}>
            <dt>{k}</dt>
            <dd className="ww-number">{v}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  )
}
