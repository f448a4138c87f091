// Values in the unit that a sensor is to be shown in.

/** A unit other than the coherent one: v of it are (v·mul + add) / div of that. */
export interface OwnUnit {
  symbol: string
  mul: number
  add: number
  div: number
}

interface Shown {
  /** Coherent unit of its values. */
  unit: string
  /** What its values are shown in instead. */
  own?: OwnUnit | undefined
}

/** What stands behind its values. */
export const unitFor = (x: Shown): string => x.own?.symbol ?? x.unit

/** A value that is in the coherent unit, in its own. */
export function valueFor<T extends number | null | undefined>({ own }: Pick<Shown, 'own'>, v: T): T {
  return own === undefined || typeof v !== 'number' ? v : (((v * own.div - own.add) / own.mul) as T)
}

/** A column of them. */
export function valuesFor<T extends number | null>(x: Pick<Shown, 'own'>, column: T[]): T[] {
  return x.own === undefined ? column : column.map((v) => valueFor(x, v))
}
