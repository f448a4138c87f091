import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { transformAsync } from '@babel/core'
import { lingui } from '@lingui/vite-plugin'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import type { Plugin } from 'vite'

// The Go server sends these instead of the plain files, so that it need not
// compress anything itself.
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    writeBundle(options) {
      const dir = join(options.dir ?? 'dist', 'assets')
      for (const name of readdirSync(dir)) {
        if (!/\.(js|css|svg)$/.test(name)) continue
        const path = join(dir, name)
        const data = readFileSync(path)
        if (data.length < 1024) continue
        writeFileSync(path + '.gz', gzipSync(data, { level: 9 }))
        writeFileSync(path + '.br', brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: data.length } }))
      }
    },
  }
}

/** The messages that each module speaks of. */
const spoken = new Map<string, string[]>()

// Makes messages of the texts marked with Lingui's macros.
function macros(): Plugin {
  return {
    name: 'macros',
    enforce: 'pre',
    transform: {
      filter: { id: /\/src\/.*\.tsx?$/, code: /@lingui\/(core|react)\/macro/ },
      async handler(code, id) {
        const out = await transformAsync(code, {
          filename: id.replace(/\?.*$/, ''),
          configFile: false,
          babelrc: false,
          sourceMaps: true,
          parserOpts: { plugins: ['typescript', 'jsx'] },
          plugins: ['@lingui/babel-plugin-lingui-macro'],
        })
        spoken.set(id, [...(out?.code ?? '').matchAll(/\bid: "([^"]{6})"/g)].map((m) => m[1] ?? ''))
        return out?.code ? { code: out.code, map: out.map } : null
      },
    },
  }
}

// A catalog is asked for twice (src/lib/texts.ts): what the first page and all
// that is around it say comes first, the rest with the first other page.
function texts(): Plugin {
  return {
    name: 'texts',
    apply: 'build',
    renderChunk(code, chunk) {
      const id = chunk.facadeModuleId ?? ''
      if (!/\/locales\/\w+\.po(\?lingui)?$/.test(id)) return null
      const first = new Set<string>()
      const seen = new Set<string>()
      const walk = (module: string) => {
        if (seen.has(module)) return
        seen.add(module)
        for (const m of spoken.get(module) ?? []) first.add(m)
        const info = this.getModuleInfo(module)
        info?.importedIds.forEach(walk)
        const later = info?.dynamicallyImportedIds ?? []
        for (const x of later) if (!/\/router\.tsx$/.test(module) || /\/pages\/(Dashboard|SignIn)\.tsx$/.test(x)) walk(x)
      }
      for (const m of this.getModuleIds()) if (/\/src\/main\.tsx$/.test(m)) walk(m)
      if (first.size === 0) this.error('no message of the first page is found')
      const json = /JSON\.parse\(("(?:[^"\\]|\\.)*")\)/.exec(code)
      if (!json?.[1]) return this.error(`the catalog ${id} is not as expected: ${code.slice(0, 200)}`)
      const all = Object.entries(JSON.parse(JSON.parse(json[1]) as string) as Record<string, unknown>)
      const kept = Object.fromEntries(all.filter(([m]) => first.has(m) !== id.endsWith('?lingui')))
      return { code: code.replace(json[0], () => `JSON.parse(${JSON.stringify(JSON.stringify(kept))})`), map: null }
    },
  }
}

// Fetches what is drawn on the first page while its first numbers are made.
function ahead(): Plugin {
  return {
    name: 'ahead',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(_, { bundle }) {
        const beside = Object.values(bundle ?? {}).find((c) => c.type === 'chunk' && c.name === 'beside')
        if (!beside) throw new Error('there is no chunk of what the first page draws')
        return [{ tag: 'link', attrs: { rel: 'modulepreload', crossorigin: true, href: `./${beside.fileName}` }, injectTo: 'head' }]
      },
    },
  }
}

/** What may be loaded before the dashboard can be used, bytes after gzip. */
const firstLoad = 180_000

// Fails the build when the first page needs more script than that.
function budget(): Plugin {
  return {
    name: 'budget',
    apply: 'build',
    generateBundle(_, bundle) {
      const sizes = new Map<string, number>()
      const take = (name: string) => {
        const chunk = bundle[name]
        if (chunk?.type !== 'chunk' || sizes.has(name)) return
        sizes.set(name, gzipSync(chunk.code, { level: 9 }).length)
        chunk.imports.forEach(take)
      }
      for (const [name, chunk] of Object.entries(bundle)) {
        if (chunk.type !== 'chunk') continue
        if (chunk.isEntry || /pages\/Dashboard\.tsx$|locales\/de\.po$/.test(chunk.facadeModuleId ?? '')) take(name)
      }
      const sum = [...sizes.values()].reduce((a, b) => a + b, 0)
      const said = `first load: ${(sum / 1000).toFixed(1)} kB of script after gzip, of ${firstLoad / 1000}`
      if (sum > firstLoad) this.error(`${said}:\n${[...sizes].map(([name, n]) => `  ${name} ${n}`).join('\n')}`)
      this.info(said)
    },
  }
}

// Where `npm run dev` finds the program; it serves the API, Vite the pages.
const server = process.env.BACKEND ?? 'http://127.0.0.1:8080'

export default defineConfig({
  base: './', // all addresses relative: the pages work under any path
  plugins: [macros(), lingui({ failOnMissing: true }), react(), texts(), ahead(), budget(), compressed()],
  build: {
    target: 'es2022',
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        chunkFileNames: ({ name }) => `assets/${name.replace(/~.*/, '')}-[hash].js`,
        // Few files: each costs a way to the server and back, one after the other.
        codeSplitting: {
          groups: [
            // What the first page needs before it says anything.
            { name: 'first', tags: ['$initial'], priority: 3 },
            // What it draws then.
            { name: 'beside', test: /[\\/]src[\\/](subject[\\/]History|dashboard[\\/](Beside|Where|Coverage|Below)|part[\\/]SpanControls|shell[\\/]Account)\.tsx$|[\\/]@mantine[\\/]notifications[\\/]/, priority: 2 },
            // What several of the others need.
            { name: 'icons', test: /[\\/]@tabler[\\/]icons-react[\\/]/, priority: 1 },
            { name: 'shared', minShareCount: 2, entriesAware: true, entriesAwareMergeThreshold: 40_000 },
          ],
        },
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/auth', '/login', '/openapi.json', '/openapi.yaml', '/docs', '/metrics', '/healthz', '/readyz', '/prometheus', '/write'].map((path) => [path, { target: server }]),
    ),
  },
  // A time limit is for what hangs, not for what is slow while other things are compiled.
  test: { environment: 'node', include: ['src/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 },
})
