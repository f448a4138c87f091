// A copy of everything, which comes as one stream of bytes.

import { fetched } from './download'

export async function backup(progress: (bytes: number) => void, signal: AbortSignal): Promise<Blob> {
  return (await fetched('api/v1/backup', { method: 'POST', signal }, (p) => progress(p.bytes))).blob
}
