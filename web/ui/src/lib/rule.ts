// Rules of alerts as a form has them, for those that a form can have.

import type { Rule } from '../api/generated/types.gen'

export const formKinds = ['above', 'below', 'missing', 'demand', 'budget'] as const
export type FormKind = (typeof formKinds)[number]

export interface RuleForm {
  name: string
  kind: FormKind
  /** What it is about: "sensor:ID", "group:ID" or "below:ID". */
  subject: string
  /** As it is written: kW, kWh or money for what is watt, watt hours or money; else the coherent unit. */
  limit: number | undefined
  clear: number | undefined
  intervals: number | undefined
  period: 'day' | 'week' | 'month' | 'year'
  cost: boolean
  for: string
  repeat: string
  severity: 'info' | 'warning' | 'critical'
  text: string
  disabled: boolean
}

export const emptyRule: RuleForm = {
  name: '', kind: 'above', subject: '', limit: undefined, clear: undefined, intervals: undefined, period: 'month', cost: false, for: '', repeat: '', severity: 'warning', text: '', disabled: false,
}

/** By how much what is written is smaller than what is kept. */
export function scale(f: Pick<RuleForm, 'kind' | 'cost'>, unit: string): number {
  if (f.kind === 'demand') return 1000
  if (f.kind === 'budget') return f.cost ? 1 : 1000
  return unit === 'W' || unit === 'Wh' || unit === 'var' || unit === 'VA' ? 1000 : 1
}

const number = (x: number | undefined, by: number) => (x === undefined ? undefined : Number((x * by).toPrecision(12)))

function without<T extends object>(x: T): T {
  return JSON.parse(JSON.stringify(x)) as T
}

/** The rule of a form, for what is kept in a unit. What a form does not have is taken from the rule before. */
export function ruleOf(f: RuleForm, unit: string, was?: Rule): Rule {
  const by = scale(f, unit)
  const [kind = '', ...id] = f.subject.split(':')
  const condition: Rule['condition'] = { ...(was?.condition.kind === f.kind ? was.condition : {}), kind: f.kind }
  const limited = f.kind !== 'missing'
  condition.limit = limited ? number(f.limit, by) : undefined
  condition.clear = limited ? number(f.clear, by) : undefined
  condition.intervals = f.kind === 'missing' ? f.intervals : undefined
  if (f.kind === 'budget') {
    condition.period = f.period
    if (f.cost) condition.of = 'cost'
    else if (condition.of === 'cost') condition.of = undefined
  }
  const rest: Partial<Rule> = { ...was }
  delete rest.id
  return without<Rule>({
    ...rest,
    name: f.name,
    condition,
    subject: { [kind]: id.join(':') },
    severity: f.severity,
    for: f.for === '' ? undefined : f.for,
    repeat: f.repeat === '' ? undefined : f.repeat,
    text: f.text === '' ? undefined : f.text,
    disabled: f.disabled || undefined,
  })
}

/** The form of a rule; undefined when only JSON can show it. */
export function formOf(r: Rule, unit: string): RuleForm | undefined {
  const kind = formKinds.find((k) => k === r.condition.kind)
  const s = r.subject ?? {}
  const subject = s.sensor ? `sensor:${s.sensor}` : s.group ? `group:${s.group}` : s.below ? `below:${s.below}` : undefined
  if (kind === undefined || subject === undefined) return undefined
  const cost = r.condition.of === 'cost'
  const by = 1 / scale({ kind, cost }, unit)
  return {
    name: r.name ?? '', kind, subject, limit: number(r.condition.limit, by), clear: number(r.condition.clear, by), intervals: r.condition.intervals, period: r.condition.period ?? 'month', cost,
    for: r.for ?? '', repeat: r.repeat ?? '', severity: r.severity ?? 'warning', text: r.text ?? '', disabled: r.disabled ?? false,
  }
}
