// What the pages of manifests ask for: models, manifests, and how they run.

import type {
  GetManifestStatusData, GetModelBundleData, GetSourceDataData, GetSourceDataResponse, ListGatewayStatusesData, ListManifestStatusesData, ListProcessorsData, ListProtocolsData, ListSourceStatusesData, Manifest as StoredForm, ModelBundle,
  ModelChannel, ModelConsumer, ModelDefinition, ModelFinding, ModelGateway, ModelInterface, ModelKind as ModelOfKind, ModelParameter, ModelProcessor, ModelProcessorType, ModelProtocol, ModelSource, ModelSourceDefinition,
  PipelineGatewayStatus, PipelineManifestStatus, PipelineSample, PipelineShownResult, PipelineSourceStatus, PipelineStatusOf, PipelineTail, PipelineTrial, PipelineTrialNode, PipelineVerdict, PipelineVersion,
  TestManifestData, ValidateManifestData,
} from './generated/types.gen'
import { del, get, getTagged, post, put, type Tagged } from './request'

export type Parameter = ModelParameter
export type ParameterType = NonNullable<Parameter['type']>
export type Values = Record<string, unknown>
export type Interface = ModelInterface
export type DataKind = ModelOfKind
export type SourceDefinition = ModelSourceDefinition
export type Source = ModelSource
export type Consumer = ModelConsumer
export type Channel = ModelChannel
export type Gateway = ModelGateway
export type Definition = ModelDefinition
export type Processor = Omit<ModelProcessor, 'parameters'> & { parameters?: Values | undefined }
export type Manifest = Omit<StoredForm, 'processors'> & { processors: Processor[] | null }
export type Desired = NonNullable<StoredForm['state']>
export type Bundle = ModelBundle
export type ProcessorType = ModelProcessorType
export type Protocol = ModelProtocol
export type Finding = ModelFinding
export type Status = PipelineManifestStatus
export type Observed = Status['state']
export type Result = PipelineShownResult
export type Tail = PipelineTail
export type Version = PipelineVersion
export type Sample = PipelineSample
export type TrialNode = PipelineTrialNode
/** When a gateway was heard. */
export type GatewayStatus = PipelineGatewayStatus
/** How a source is read. */
export type SourceStatus = PipelineSourceStatus

export interface Models {
  interfaces: Interface
  kinds: DataKind
  'source-definitions': SourceDefinition
  gateways: Gateway
  sources: Source
  consumers: Consumer
  channels: Channel
  definitions: Definition
  manifests: Manifest
}

export type ModelKind = keyof Models

/** A model with what is known of its changes. */
export interface Stored<T> {
  model: T
  version: number
  created: string
  changed: string
  changedBy: string
}

export interface Listed<T> {
  items: Stored<T>[] | null
  total: number
  next?: string
}

const base = (kind: ModelKind) => (kind === 'manifests' ? '/api/v1/manifests' : `/api/v1/models/${kind}`)

export const bundle = (signal?: AbortSignal) => get<GetModelBundleData, Bundle>({ url: '/api/v1/models/bundle' }, signal)
export const processorTypes = async (signal?: AbortSignal): Promise<ProcessorType[]> => (await get<ListProcessorsData, ProcessorType[] | null>({ url: '/api/v1/processors' }, signal)) ?? []
export const protocols = async (signal?: AbortSignal): Promise<Protocol[]> => (await get<ListProtocolsData, Protocol[] | null>({ url: '/api/v1/protocols' }, signal)) ?? []

type Asked = { url: string; path?: Record<string, string>; query?: Record<string, string | number | undefined>; body?: unknown; ifMatch?: string | undefined }

export const list = <K extends ModelKind>(kind: K, of: { q?: string | undefined; after?: string | undefined; limit?: number }, signal?: AbortSignal) =>
  get<Asked, Listed<Models[K]>>({ url: base(kind), query: { q: of.q, after: of.after, limit: of.limit ?? 100 } }, signal)
export const one = <K extends ModelKind>(kind: K, id: string, signal?: AbortSignal): Promise<Tagged<Stored<Models[K]>>> => getTagged<Asked, Stored<Models[K]>>({ url: `${base(kind)}/{id}`, path: { id } }, signal)
export const create = <K extends ModelKind>(kind: K, body: Models[K]) => post<Asked, Stored<Models[K]>>({ url: base(kind), body })
export const change = <K extends ModelKind>(kind: K, id: string, body: Models[K], version: number) =>
  put<Asked, Stored<Models[K]>>({ url: `${base(kind)}/{id}`, path: { id }, body, ifMatch: `"${version}"` })
export const remove = (kind: ModelKind, id: string, version: number) => del<Asked, undefined>({ url: `${base(kind)}/{id}`, path: { id }, ifMatch: `"${version}"` })
export const versions = async (kind: ModelKind, id: string, signal?: AbortSignal): Promise<Version[]> =>
  (await get<Asked, { versions: Version[] | null }>({ url: `${base(kind)}/{id}/versions`, path: { id } }, signal)).versions ?? []
export const versionOf = <K extends ModelKind>(kind: K, id: string, n: number, signal?: AbortSignal) => get<Asked, Stored<Models[K]>>({ url: `${base(kind)}/{id}/versions/{n}`, path: { id, n: `${n}` } }, signal)
export const restore = (kind: ModelKind, id: string, n: number, version: number) => post<Asked, unknown>({ url: `${base(kind)}/{id}/versions/{n}/restore`, path: { id, n: `${n}` }, ifMatch: `"${version}"` })

/** Stands for a name or a reference that is not written yet: the server takes no empty ones. */
export const blank = '\u2026'

/** What is wrong with a manifest, however unfinished it is. */
export async function validate(m: Manifest): Promise<Finding[]> {
  const name = (p: Processor, i: number) => (p.name.trim() === '' ? `${blank}${String(i)}` : p.name)
  const list = m.processors ?? []
  const body = { ...m, name: m.name.trim() === '' ? blank : m.name, processors: list.map((p, i) => ({ ...p, name: name(p, i), from: (p.from ?? []).length === 0 ? [blank] : p.from })) }
  const { findings } = await post<ValidateManifestData, PipelineVerdict>({ url: '/api/v1/manifests/validate', body })
  return (findings ?? []).map((f) => {
    const at = list.findIndex((p, i) => name(p, i) === f.processor)
    return at < 0 ? f : { ...f, processor: list[at]?.name ?? '' }
  })
}
/** What a manifest makes of samples; nothing is stored or written. */
export const tryOut = async (manifest: Manifest, samples: Sample[]): Promise<TrialNode[]> =>
  (await post<TestManifestData, PipelineTrial>({ url: '/api/v1/manifests/test', body: { manifest, samples } })).processors ?? []
export const status = (id: string, signal?: AbortSignal) => get<GetManifestStatusData, Status>({ url: '/api/v1/manifests/{id}/status', path: { id } }, signal)
export const statuses = async (signal?: AbortSignal): Promise<PipelineStatusOf[]> => (await get<ListManifestStatusesData, PipelineStatusOf[] | null>({ url: '/api/v1/manifest-statuses' }, signal)) ?? []
export const run = (id: string, what: 'start' | 'pause' | 'resume' | 'stop') => post<Asked, Status>({ url: `/api/v1/manifests/{id}/${what}`, path: { id } })
export const liveURL = (id: string) => `api/v1/manifests/${encodeURIComponent(id)}/live`

export const gatewayStatuses = async (signal?: AbortSignal): Promise<GatewayStatus[]> => (await get<ListGatewayStatusesData, GatewayStatus[] | null>({ url: '/api/v1/gateway-statuses' }, signal)) ?? []
export const sourceStatuses = async (signal?: AbortSignal): Promise<SourceStatus[]> => (await get<ListSourceStatusesData, SourceStatus[] | null>({ url: '/api/v1/source-statuses' }, signal)) ?? []
/** The newest values of a source. */
export const sourceValues = async (id: string, signal?: AbortSignal): Promise<Result[]> =>
  (await get<GetSourceDataData, GetSourceDataResponse>({ url: '/api/v1/models/sources/{id}/data', path: { id }, query: { limit: 200 } }, signal)).data ?? []

/** An unfinished manifest that somebody keeps: it never runs. */
export interface KeptDraft {
  id: string
  name: string
  /** Of the manifest that it would change. */
  manifest?: string
  /** Version of that when the draft began. */
  base?: number
  /** What the editor had; of a list it is null. */
  document: unknown
  version: number
  changed: string
  changedBy: string
}

const draftBase = '/api/v1/manifest-drafts'
export const keptDrafts = async (signal?: AbortSignal): Promise<KeptDraft[]> => (await get<Asked, { drafts: KeptDraft[] | null }>({ url: draftBase }, signal)).drafts ?? []
export const keptDraft = (id: string, signal?: AbortSignal) => get<Asked, KeptDraft>({ url: `${draftBase}/{id}`, path: { id } }, signal)
/** Keeps a draft; without one that is kept already, as a new one. */
export const keepDraft = (d: Pick<KeptDraft, 'name' | 'manifest' | 'base' | 'document'>, was: { id: string; version: number } | undefined) =>
  was === undefined ? post<Asked, KeptDraft>({ url: draftBase, body: d }) : put<Asked, KeptDraft>({ url: `${draftBase}/{id}`, path: { id: was.id }, body: d, ifMatch: `"${was.version}"` })
export const dropDraft = (id: string, version: number) => del<Asked, undefined>({ url: `${draftBase}/{id}`, path: { id }, ifMatch: `"${version}"` })
