// What time it is, for what changes with it by the minute.

import { useEffect, useState } from 'react'

/** The time, ms; moves on each minute. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 60_000)
    return () => clearInterval(timer)
  }, [])
  return now
}
