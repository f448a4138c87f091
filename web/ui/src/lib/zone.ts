// Days begin at midnight in the zone of the site, not of the browser.

function offset(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
  }).formatToParts(at)
  const get = (type: string) => Number(parts.find((p) => p.type === type)?.value ?? 0)
  return Date.UTC(get('year'), get('month') - 1, get('day'), get('hour'), get('minute'), get('second')) - Math.floor(at / 1000) * 1000
}

/** The zone if the browser knows it, else UTC. */
export function knownZone(zone: string | undefined): string {
  if (!zone) return 'UTC'
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return zone
  } catch {
    return 'UTC'
  }
}

/** The first moment of the day that `at` lies in, in ms; some days begin at 01:00. */
export function startOfDay(at: number, zone: string): number {
  const local = at + offset(at, zone)
  const midnight = Math.floor(local / 86_400_000) * 86_400_000
  // The offset at midnight may differ from now's: take the earliest moment
  // that already belongs to the day.
  const candidates = [midnight - offset(at, zone), midnight - offset(midnight - offset(at, zone), zone)]
  const good = candidates.filter((t) => t <= at && t + offset(t, zone) >= midnight)
  return good.length > 0 ? Math.min(...good) : Math.min(...candidates)
}
