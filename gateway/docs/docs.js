// Renders the OpenAPI document next to this page. No dependencies, no network
// beyond this server.
const main = document.getElementById('main')

function el(tag, attrs, ...children) {
  const e = document.createElement(tag)
  for (const [k, v] of Object.entries(attrs ?? {})) e.setAttribute(k, v)
  e.append(...children.filter((c) => c !== null && c !== undefined))
  return e
}

let doc

function deref(schema) {
  const ref = schema?.$ref
  return ref ? (doc.components?.schemas?.[ref.split('/').pop()] ?? {}) : (schema ?? {})
}

// describe writes a schema the way the value would look.
function describe(schema, depth = 0, seen = []) {
  const name = schema?.$ref
  if (name && seen.includes(name)) return '…'
  const s = deref(schema)
  const path = name ? [...seen, name] : seen
  const pad = '  '.repeat(depth + 1)
  const type = Array.isArray(s.type) ? s.type.filter((t) => t !== 'null')[0] : s.type
  const orNull = Array.isArray(s.type) && s.type.includes('null') && type !== 'array' ? ' or null' : ''
  if (s.enum) return s.enum.map((v) => JSON.stringify(v)).join(' | ') + orNull
  if (type === 'array') return '[' + describe(s.items, depth, path) + ', …]'
  if (s.properties && depth < 8) {
    const rows = Object.entries(s.properties).map(([k, v]) => {
      const note = deref(v).description ?? v.description
      const optional = (s.required ?? []).includes(k) ? '' : '?'
      return `${pad}${JSON.stringify(k)}${optional}: ${describe(v, depth + 1, path)}${note ? '  // ' + note : ''}`
    })
    return '{\n' + rows.join('\n') + '\n' + '  '.repeat(depth) + '}'
  }
  if (s.additionalProperties && typeof s.additionalProperties === 'object') {
    return '{ "…": ' + describe(s.additionalProperties, depth, path) + ' }'
  }
  return (type ?? 'any') + (s.format ? ` (${s.format})` : '') + orNull
}

function bodies(title, content) {
  const parts = []
  for (const [type, media] of Object.entries(content ?? {})) {
    parts.push(el('h3', {}, title, ' ', el('span', { class: 'dim' }, type)))
    parts.push(el('pre', { tabindex: '0' }, describe(media.schema)))
  }
  return parts
}

function operation(path, verb, op) {
  const scopes = (op.security ?? []).flatMap((s) => Object.values(s).flat())
  const inside = el('div')
  const box = el('details', { id: op.operationId ?? `${verb} ${path}` },
    el('summary', {},
      el('code', { class: 'verb' }, verb.toUpperCase()),
      el('code', { class: 'path' }, path),
      el('span', { class: 'what' }, op.summary ?? ''),
      ...scopes.map((s) => el('span', { class: 'scope' }, s))),
    inside)
  box.dataset.words = [path, verb, op.summary, op.description, ...scopes].join(' ').toLowerCase()
  // Filled when opened: a hundred operations at once would be slow.
  box.addEventListener('toggle', () => {
    if (!box.open || inside.childNodes.length) return
    if (op.description) inside.append(el('p', {}, op.description))
    if (op.parameters?.length) {
      inside.append(el('h3', {}, 'Parameters'), el('table', {},
        el('thead', {}, el('tr', {}, el('th', {}, 'name'), el('th', {}, 'in'), el('th', {}, 'type'), el('th', {}, 'meaning'))),
        el('tbody', {}, ...op.parameters.map((p) => el('tr', {},
          el('td', {}, el('code', {}, p.name), p.required ? ' (required)' : ''),
          el('td', {}, p.in), el('td', {}, describe(p.schema)), el('td', {}, p.description ?? ''))))))
    }
    inside.append(...bodies('Body', op.requestBody?.content))
    for (const [code, r] of Object.entries(op.responses ?? {})) {
      if (r.content) inside.append(...bodies(`Answer ${code}`, r.content))
      else inside.append(el('h3', {}, `Answer ${code}`, ' ', el('span', { class: 'dim' }, r.description ?? '')))
    }
  })
  return box
}

function show() {
  document.getElementById('version').textContent = doc.info.version
  main.replaceChildren(...(doc.info.description ?? '').split('\n\n').map((p) => el('p', {}, p)))
  const groups = new Map()
  for (const [path, verbs] of Object.entries(doc.paths)) {
    for (const [verb, op] of Object.entries(verbs)) {
      if (typeof op !== 'object' || !op.responses) continue
      const tag = op.tags?.[0] ?? 'other'
      if (!groups.has(tag)) groups.set(tag, el('section', {}, el('h2', {}, tag)))
      groups.get(tag).append(operation(path, verb, op))
    }
  }
  main.append(...groups.values())
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (wanted instanceof HTMLDetailsElement) {
    wanted.open = true
    wanted.scrollIntoView()
  }
}

document.getElementById('find').addEventListener('input', (e) => {
  const words = e.target.value.toLowerCase().split(/\s+/).filter(Boolean)
  for (const section of main.querySelectorAll('section')) {
    let any = false
    for (const box of section.querySelectorAll('details')) {
      box.hidden = !words.every((w) => box.dataset.words.includes(w))
      any ||= !box.hidden
    }
    section.hidden = !any
  }
})

try {
  const answer = await fetch('openapi.json')
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`)
  doc = await answer.json()
  show()
} catch (e) {
  main.replaceChildren(el('p', { role: 'alert' }, `The document could not be loaded: ${e.message}`))
}
