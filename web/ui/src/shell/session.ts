import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, ApiError } from '../api/client'

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => api.me(signal),
  staleTime: 60_000,
  retry: (n, e) => n < 2 && !(e instanceof ApiError && e.status === 401),
})

/** Who is signed in; asked for again whenever somebody may have been signed out. */
export function useMe() {
  return useQuery(meQuery)
}

export function isSignedOut(e: unknown): boolean {
  return e instanceof ApiError && e.status === 401
}
