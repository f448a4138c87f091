// Results of services as they come: parts of a document that can be shown
// whatever the service.

export type Doc = Record<string, unknown>

export const isDoc = (v: unknown): v is Doc => typeof v === 'object' && v !== null && !Array.isArray(v)

/** A bill within a result: lines with totals. */
export interface BillPart {
  who: string
  revision: number | undefined
  lines: Line[]
  totals: Doc
  complete: boolean | undefined
  notes: string[]
}

export interface Line {
  key: string
  title: string
  credit?: boolean
  from: number
  to: number
  quantity: string
  unit?: string
  price?: string
  percent?: string
  money: string
  quality: string
  note?: string
}

const strings = (v: unknown): string[] => (Array.isArray(v) ? v.filter((x): x is string => typeof x === 'string') : [])

/** The bills of a result, of chargers' users and of members alike. */
export function billsOf(result: unknown): BillPart[] {
  if (!isDoc(result)) return []
  const list = Array.isArray(result.bills) ? result.bills : []
  return list.flatMap((b): BillPart[] =>
    isDoc(b) && Array.isArray(b.lines) && isDoc(b.totals)
      ? [{
          who: [b.name, b.member, b.user].find((x): x is string => typeof x === 'string' && x !== '') ?? '', revision: typeof b.revision === 'number' ? b.revision : undefined, lines: b.lines as Line[], totals: b.totals,
          complete: typeof b.complete === 'boolean' ? b.complete : undefined, notes: strings(b.notes),
        }]
      : [],
  )
}

export interface Band {
  low: number
  mean: number
  high: number
}

export interface Day {
  from: number
  to: number
  step: number
  at: number[]
  load: Band[]
  generation: (Band | null)[]
}

const isBand = (v: unknown): v is Band => isDoc(v) && typeof v.mean === 'number' && typeof v.low === 'number' && typeof v.high === 'number'

/** The day that a result says beforehand, with bands; undefined when it says none. */
export function dayOf(result: unknown): Day | undefined {
  if (!isDoc(result) || !Array.isArray(result.intervals) || typeof result.from !== 'number' || typeof result.to !== 'number' || typeof result.step !== 'number') return undefined
  const list = result.intervals.filter((x): x is Doc => isDoc(x) && isBand(x.load) && typeof x.from === 'number')
  if (list.length === 0) return undefined
  return { from: result.from, to: result.to, step: result.step, at: list.map((x) => x.from as number), load: list.map((x) => x.load as Band), generation: list.map((x) => (isBand(x.generation) ? x.generation : null)) }
}

/** "savedKWh" as words: "saved kWh". */
export function words(key: string): string {
  return key
    .replace(/KWh|kWh/g, ' %').replace(/(?<=[a-z])([A-Z])(?![A-Z])/g, (m) => ` ${m.toLowerCase()}`).replace('%', 'kWh').replace(/_/g, ' ').trim()
}

/** Moments are told as such: numbers that lie between 2000 and 2100 as ms, of names that speak of time. */
export const isMoment = (key: string, v: unknown): v is number => typeof v === 'number' && v > 946_684_800_000 && v < 4_102_444_800_000 && /^(from|to|at|start|since|end|until|began|ended|last|first|now|time|.*(From|To|At))$/.test(key)

export type Part = { is: 'facts'; title: string; of: [string, unknown][] } | { is: 'table'; title: string; columns: string[]; rows: Doc[] } | { is: 'notes'; title: string; of: string[] }

const plain = (v: unknown) => v === null || typeof v === 'string' || typeof v === 'number' || typeof v === 'boolean'

/** A document as facts, tables and notes; what is deeper than three is left as text. */
export function partsOf(v: unknown, title = '', depth = 0, without: readonly string[] = []): Part[] {
  if (!isDoc(v)) return []
  const facts: [string, unknown][] = []
  const rest: Part[] = []
  for (const [k, x] of Object.entries(v)) {
    if (x === undefined || without.includes(k)) continue
    const name = title === '' ? words(k) : `${title} › ${words(k)}`
    if (plain(x)) facts.push([k, x])
    else if (Array.isArray(x)) {
      if (x.length === 0) continue
      if (x.every((y) => typeof y === 'string')) rest.push({ is: 'notes', title: name, of: x })
      else if (x.every(isDoc)) {
        const columns = [...new Set(x.slice(0, 200).flatMap((y) => Object.keys(y).filter((c) => plain(y[c]))))]
        if (columns.length > 0) rest.push({ is: 'table', title: name, columns, rows: x })
      } else facts.push([k, JSON.stringify(x).slice(0, 500)])
    } else if (depth < 3) rest.push(...partsOf(x, name, depth + 1))
  }
  return facts.length > 0 ? [{ is: 'facts', title, of: facts }, ...rest] : rest
}
