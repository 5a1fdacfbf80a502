// What is known of all rows and cells, unpacked from the page's blocks.

async function unpack(id) {
  const packed = Uint8Array.from(atob(find(id).textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

class Row {
  constructor(table, index, data) {
    const name = table.rows[index];
    this.table = table;
    this.index = index;
    this.data = data;
    this.name = name;
    this.kind = table.kind;
    this.family = (table.families?.[index] ?? "").toLowerCase();
    this.tasks = table.tasks?.[index] ?? [];
    this.provider = (table.providers?.[index] ?? "").toLowerCase();
    this.said = table.kind === "api" ? `${table.providers[index]} · ${table.operations[index]}` : name;
    this.lower = `${this.said} ${name}`.toLowerCase();
    this.all = table.columns.map((_, i) => i);
    this.element = null;
  }
  at(i) { return this.index * this.table.columns.length + i; }
  has(i) { return this.table.verdicts[this.at(i)] !== "."; }
  verdict(i) { return this.data.word(this.table.verdicts[this.at(i)]); }
  news(i) { return this.table.news[this.at(i)] ?? ""; }
  cause(i) {
    const number = this.table.cause[this.at(i)];
    return number === undefined ? "" : this.data.causes[number].toLowerCase();
  }
  causeSaid(i) { return this.data.causes[this.table.cause[this.at(i)]] ?? ""; }
  measure(key, i) { return this.table.measures[key]?.[this.at(i)] ?? null; }
  hint(i) { return this.table.hints[this.at(i)] === "1"; }
  columns(name) { return this.table.byName.get(name) ?? []; }
  id(i) { return `${this.name}-${this.table.columns[i].name}`; }
  get part() { return this.element?.classList.contains("part") ?? false; }
}

// Makes of the facts rows that know their cells, and what the query language needs to know.
function understand(facts) {
  const data = { ...facts, byLetter: new Map([...facts.letters].map((l, i) => [l, facts.words[i]])) };
  data.word = (letter) => data.byLetter.get(letter) ?? "not-run";
  data.symbol = (word) => facts.symbols[facts.words.indexOf(word)];
  data.failing = (word) => word !== "pass" && !facts.uncounted.includes(word);
  data.byKey = new Map(facts.measures.map((measure) => [measure.key, measure]));
  for (const table of data.tables) {
    table.byName = new Map();
    table.columns.forEach((column, i) => {
      for (const key of new Set(column.keys.map((each) => each.toLowerCase()))) {
        table.byName.set(key, [...(table.byName.get(key) ?? []), i]);
      }
    });
    table.list = table.rows.map((_, index) => new Row(table, index, data));
  }
  data.rows = data.tables.flatMap((table) => table.list);
  data.byId = new Map(data.rows.flatMap((row) => row.all.filter((i) => row.has(i))
    .map((i) => [row.id(i), { row, column: i }])));
  data.vocabulary = {
    columns: [...new Set(data.tables.flatMap((table) => [...table.byName.keys()]))],
    measures: facts.measures.map((measure) => measure.key),
    verdicts: facts.words,
    failing: data.failing,
  };
  return data;
}
