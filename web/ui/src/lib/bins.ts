/** Values between two bounds, and how many they are. */
export interface Bin {
  lower: number
  upper: number
  elements: number
}

/** Bins of values that are all the same have no width: they are one. */
export function wide<B extends Bin>(bins: readonly B[]): readonly B[] {
  const [first, last] = [bins[0], bins.at(-1)]
  if (!first || !last || first.lower < last.upper) return bins
  return [{ ...first, elements: bins.reduce((n, b) => n + b.elements, 0) }]
}
