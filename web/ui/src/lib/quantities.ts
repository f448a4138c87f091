// The quantities and their units, as the program has them: a test of its
// package record holds the table to its own.

import type { Sensor } from '../api/generated/types.gen'
import type { OwnUnit } from './own'
import table from './quantities.json'

/** What the units of a quantity are called, the coherent one first. */
export const unitsOf = (quantity: string): string[] => (table.find((q) => q.quantity === quantity)?.units ?? []).map((u) => u.symbol)

/** The unit a sensor is to be shown in, by its symbol or its code, where that is another than the coherent one its values are kept in. */
export function ownUnit({ quantity, unit }: Pick<Sensor, 'quantity' | 'unit'>): OwnUnit | undefined {
  const units = table.find((q) => q.quantity === quantity)?.units ?? []
  const at = units.findIndex((u) => u.symbol === unit || u.code === unit)
  const is = units[at]
  return at > 0 && is ? { symbol: is.symbol, mul: is.mul, add: is.add, div: is.div } : undefined
}
