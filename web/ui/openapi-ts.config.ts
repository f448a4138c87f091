import { defineConfig } from '@hey-api/openapi-ts'

// The words of the API as TypeScript types; src/api/client.ts speaks them.
// Types alone cost the page nothing, a generated client would be code in it.
export default defineConfig({
  input: '../../docs/openapi.json',
  output: { path: 'src/api/generated', clean: true, entryFile: false },
  plugins: ['@hey-api/typescript'],
  logs: { level: 'warn', file: false },
})
