// Answers questions by oxigraph: the module's path as argument; {triples, questions} in, a list of answers or errors out.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const oxigraph = createRequire(import.meta.url)(process.argv[2]);
const { triples, questions } = JSON.parse(readFileSync(0, "utf8"));
const store = new oxigraph.Store();
store.load(triples, { format: "application/n-triples" });
const answers = questions.map((q) => {
  try {
    return { answer: JSON.parse(store.query(q, { results_format: "json" })) };
  } catch (e) {
    return { error: String(e) };
  }
});
process.stdout.write(JSON.stringify(answers));
