// What all parts of the page know: the models by their names, what there is
// of processors and protocols, how manifests run.

import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { bundle, processorTypes, protocols, status, type Bundle, type Definition, type Interface, type Parameter, type ProcessorType, type Protocol, type Source, type SourceDefinition } from '../api/manifests'
import { narrowed } from '../lib/manifest'

/** Finds things by id or name, as the server does. */
class Shelf<T extends { id?: string; name?: string }> {
  private readonly ids = new Map<string, T>()
  private readonly names = new Map<string, T>()
  constructor(readonly all: readonly T[]) {
    for (const x of all) {
      if (x.id !== undefined) this.ids.set(x.id.toLowerCase(), x)
      if (x.name !== undefined) this.names.set(x.name, x)
    }
  }
  find(ref: string | undefined): T | undefined {
    return ref === undefined ? undefined : (this.ids.get(ref.toLowerCase()) ?? this.names.get(ref))
  }
  name(ref: string | undefined): string {
    return this.find(ref)?.name ?? ref ?? ''
  }
  get options(): { value: string; label: string }[] {
    return this.all.map((x) => ({ value: x.id ?? x.name ?? '', label: x.name ?? x.id ?? '' }))
  }
}

export class Catalogue {
  readonly interfaces
  readonly kinds
  readonly sourceDefinitions
  readonly gateways
  readonly sources
  readonly consumers
  readonly definitions
  readonly manifests
  constructor(
    readonly bundle: Bundle,
    readonly types: readonly ProcessorType[],
    readonly protocols: readonly Protocol[],
  ) {
    this.interfaces = new Shelf<Interface>(bundle.interfaces ?? [])
    this.kinds = new Shelf(bundle.kinds ?? [])
    this.sourceDefinitions = new Shelf<SourceDefinition>(bundle.sourceDefinitions ?? [])
    this.gateways = new Shelf(bundle.gateways ?? [])
    this.sources = new Shelf<Source>(bundle.sources ?? [])
    this.consumers = new Shelf(bundle.consumers ?? [])
    this.definitions = new Shelf<Definition>(bundle.definitions ?? [])
    this.manifests = new Shelf(bundle.manifests ?? [])
  }

  type(name: string | undefined): ProcessorType | undefined {
    return this.types.find((x) => x.name === name)
  }

  protocol(name: string | undefined): Protocol | undefined {
    const wanted = name === undefined || name === '' ? 'internal' : name.toLowerCase()
    return this.protocols.find((x) => x.name === wanted)
  }

  /** The type of a processor, by its definition or its own word. */
  typeOf(p: { definition?: string | undefined; type?: string | undefined }): ProcessorType | undefined {
    return this.type(this.definitions.find(p.definition)?.type ?? p.type)
  }

  /** What a processor can be told. */
  parametersOf(p: { definition?: string | undefined; type?: string | undefined }): Parameter[] {
    return narrowed(this.typeOf(p)?.parameters ?? [], this.definitions.find(p.definition)?.parameters)
  }

  interfaceOf(s: Pick<Source, 'definition'> | undefined): Interface | undefined {
    return this.interfaces.find(this.sourceDefinitions.find(s?.definition)?.interface)
  }

  /** What a source can be told. */
  parametersOfSource(s: Pick<Source, 'definition'>): Parameter[] {
    const i = this.interfaceOf(s)
    const p = this.protocol(i?.protocol)
    return p ? narrowed(p.parameters ?? [], i?.parameters) : (i?.parameters ?? [])
  }
}

/** Many models are not fetched all the time. */
const size = (b: Bundle | undefined) => (b?.sources?.length ?? 0) + (b?.manifests?.length ?? 0)

/** Models, processors and protocols. */
export function useCatalogue() {
  const models = useQuery({ queryKey: ['manifests', 'bundle'], queryFn: ({ signal }) => bundle(signal), staleTime: 5_000, refetchInterval: ({ state }) => (size(state.data) > 2000 ? 300_000 : 30_000), retry: 1 })
  const types = useQuery({ queryKey: ['manifests', 'types'], queryFn: ({ signal }) => processorTypes(signal), staleTime: 600_000, retry: 1 })
  const ends = useQuery({ queryKey: ['manifests', 'protocols'], queryFn: ({ signal }) => protocols(signal), staleTime: 600_000, retry: 1 })
  const catalogue = useMemo(() => (models.data && types.data && ends.data ? new Catalogue(models.data, types.data, ends.data) : undefined), [models.data, types.data, ends.data])
  return { catalogue, asked: [models, types, ends] as const }
}

/** How a manifest runs, as long as it is looked at. */
export function useStatus(id: string | undefined) {
  return useQuery({ queryKey: ['manifests', 'status', id], queryFn: ({ signal }) => status(id ?? '', signal), enabled: id !== undefined && id !== '', refetchInterval: 2_000, retry: 0 })
}
