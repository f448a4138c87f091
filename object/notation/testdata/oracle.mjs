// Parses documents by oxigraph: the module's path as argument; [{format, text}] in, lists of sorted N-Triples or errors out.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const oxigraph = createRequire(import.meta.url)(process.argv[2]);
const documents = JSON.parse(readFileSync(0, "utf8"));
const out = documents.map(({ format, text }) => {
  try {
    const store = new oxigraph.Store();
    store.load(text, { format });
    return { triples: store.dump({ format: "application/n-triples", from_graph_name: oxigraph.defaultGraph() }).split("\n").filter(Boolean).sort() };
  } catch (e) {
    return { error: String(e) };
  }
});
process.stdout.write(JSON.stringify(out));
