"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const [input, count, hint, none, drawer] = ["q", "count", "hint", "none", "drawer"].map(find);
  const words = JSON.parse(find("words").textContent);
  const verdicts = Object.keys(words.symbols);

  // A column of the models is called by its hardware and precision, one of the APIs by its mode.
  function columnOf({ dataset: { hardware, precision, mode } }) {
    if (mode) return { name: mode, keys: [mode], said: `${mode}: ${words.modes[mode]}` };
    const name = `${hardware}-${precision}`;
    return { name, keys: [hardware, precision, name], said: `${hardware} · ${precision}` };
  }

  const tables = [...document.querySelectorAll("table.matrix")].map((table) => ({
    table,
    section: table.closest("section"),
    kind: table.closest("section").dataset.kind,
    columns: [...table.tHead.rows[0].cells].slice(1).map(columnOf),
  }));
  const rows = tables.flatMap((home) =>
    [...home.table.tBodies].flatMap((body) => [...body.rows]).map((row, index) => {
      const said = row.cells[0].textContent;
      return {
        row,
        home,
        index,
        said,
        name: row.dataset.name ?? said,
        lower: `${said} ${row.dataset.name ?? ""}`.toLowerCase(),
        provider: row.parentElement.dataset.provider?.toLowerCase(),
        cells: [...row.cells].slice(1).map((cell) => ({
          verdict: cell.classList[0] ?? "not-run",
          news: cell.classList[2] ?? "",
        })),
      };
    }));

  // --- Search: words that the name contains, and COLUMN:VERDICT, provider:NAME or is:NEWS, each
  // also with "!". A row without such a column, or of a model without a provider, does not match.

  const failing = (verdict) => verdict !== "pass" && !words.uncounted.includes(verdict);

  function verdictTest(word) {
    if (word === "failing") return failing;
    if (!verdicts.some((verdict) => verdict.startsWith(word))) return null;
    return (verdict) => verdict.startsWith(word);
  }

  function cellTest(word) {
    if (word === "failing") return (cell) => failing(cell.verdict);
    if (word === "news") return (cell) => cell.news !== "";
    return (cell) => cell.news === word;
  }

  function parseTerm(term) {
    const colon = term.lastIndexOf(":"); // openvino:GPU:pass
    if (colon < 0) return (row) => row.lower.includes(term);
    const key = term.slice(0, colon);
    let word = term.slice(colon + 1);
    const negated = word.startsWith("!");
    if (negated) word = word.slice(1);
    if (key === "is" && ["model", "api"].includes(word)) {
      return (row) => (row.home.kind === word) !== negated;
    }
    if (key === "provider") return (row) => row.provider && (row.provider === word) !== negated;
    if (key === "is") {
      const test = cellTest(word);
      return (row) => row.cells.some(test) !== negated;
    }
    const where = new Map(tables.map((home) => [home, home.columns.flatMap((column, index) =>
      column.keys.some((name) => name.toLowerCase() === key) ? [index] : [])]));
    if (![...where.values()].some((found) => found.length)) {
      throw new Error(`No column is called “${key}”.`);
    }
    const test = verdictTest(word);
    if (!test) throw new Error(`“${word}” is no verdict: ${verdicts.join(", ")}, failing.`);
    return (row) => where.get(row.home).some((i) => test(row.cells[i].verdict) !== negated);
  }

  function parse(query) {
    const terms = query.toLowerCase().split(/\s+/).filter((term) => term && term !== "and");
    return terms.map(parseTerm);
  }

  function filter() {
    let tests = [];
    hint.textContent = "";
    try {
      tests = parse(input.value);
    } catch (error) {
      hint.textContent = error.message;
    }
    let shown = 0;
    const filled = new Set();
    for (const row of rows) {
      const matches = tests.every((test) => test(row));
      row.row.hidden = !matches;
      shown += matches;
      if (matches) filled.add(row.home);
    }
    for (const home of tables) home.section.hidden = !filled.has(home) && rows.length > 0;
    const what = tables.length > 1 ? "rows" : tables[0].kind === "api" ? "operations" : "types";
    count.textContent = shown === rows.length ? `${shown} ${what}` : `${shown} of ${rows.length} ${what}`;
    none.hidden = shown > 0;
    for (const chip of document.querySelectorAll(".chips a")) {
      const query = new URLSearchParams(chip.hash.slice(1)).get("q");
      chip.toggleAttribute("aria-current", query === input.value.trim());
      if (chip.hasAttribute("aria-current")) chip.setAttribute("aria-current", "true");
    }
    moveStop(rows.find((row) => !row.row.hidden)?.row.querySelector("button"));
  }

  // --- The address holds the whole view: #q=QUERY&cell=ID

  const address = () => new URLSearchParams(location.hash.slice(1));

  function remember(cell) {
    const view = new URLSearchParams();
    if (input.value.trim()) view.set("q", input.value.trim());
    if (cell) view.set("cell", cell);
    history.replaceState(null, "", view.size ? `#${view}` : "#");
  }

  function follow() {
    const view = address();
    input.value = view.get("q") ?? "";
    filter();
    const id = view.get("cell");
    for (const row of id ? rows : []) {
      const index = row.home.columns.findIndex((column) => `${row.name}-${column.name}` === id);
      const button = index >= 0 && row.row.cells[index + 1].querySelector("button");
      if (button) return open(button);
    }
    if (drawer.open) drawer.close();
  }

  // --- The drawer

  const element = (tag, text = "", name = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  };

  let details;
  async function decode() {
    const packed = Uint8Array.from(atob(find("details").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  const word = (verdict) => `${words.symbols[verdict]} ${verdict}`;

  function pairs(list) {
    const made = element("dl");
    for (const [label, value] of list) {
      const pair = element("div");
      pair.append(element("dt", label), element("dd", value));
      made.append(pair);
    }
    return made;
  }

  function stages(list) {
    const made = element("table");
    for (const [stage, verdict, time, reason] of list) {
      const line = made.insertRow();
      const head = element("th", stage);
      head.scope = "row";
      const text = element("td", word(verdict), `word ${verdict}`);
      if (reason) text.append(document.createElement("br"), element("i", reason));
      line.append(head, text, element("td", time, "number"));
    }
    return made;
  }

  function command(text) {
    const made = element("div", "", "command");
    const shown = element("pre", text);
    const button = element("button", "Copy");
    button.id = "copy";
    button.type = "button";
    button.addEventListener("click", async () => {
      button.textContent = (await copy(text, shown)) ? "Copied" : "Press Ctrl+C";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    made.append(shown, button);
    return made;
  }

  async function copy(text, shown) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { // refused, or not a secure context: leave it selected
      getSelection().selectAllChildren(shown);
      return false;
    }
  }

  async function open(button) {
    const cell = button.parentElement;
    const row = rows.find((each) => each.row === cell.parentElement);
    const index = cell.cellIndex - 1;
    const column = row.home.columns[index];
    const verdict = row.cells[index].verdict;
    find("title").textContent = row.said;
    find("where").textContent = column.said;
    const body = find("body");
    drawer.dataset.mode = cell.dataset.mode ?? "";
    const mode = cell.dataset.mode ? ` ${cell.dataset.mode}` : "";
    body.replaceChildren(element("p", `${word(verdict)}${mode}`, `verdict ${verdict}`));
    moveStop(button);
    if (!drawer.open) drawer.showModal();
    drawer.scrollTop = 0;
    remember(`${row.name}-${column.name}`);
    details ??= decode();
    const data = await details;
    if (stop !== button) return; // another cell was opened meanwhile
    const record = (row.home.kind === "api" ? data.apis : data.rows)[row.index][index];
    const section = (title, content) => body.append(element("h3", title), content);
    if (record.reason) body.append(element("p", record.reason, "reason"));
    section("Run it again", command(record.command));
    if (record.stages.length) section("Stages", stages(record.stages));
    if (record.measures.length) section("Measures", pairs(record.measures));
    if (record.traceback) section("Traceback", element("pre", record.traceback));
    section("Environment", pairs(data.runs[record.run]));
  }

  // --- Keyboard: one tab stop in the tables, arrows move it; "/" goes to the filter

  let stop = null;
  function moveStop(button) {
    if (stop) stop.tabIndex = -1;
    stop = button ?? null;
    if (stop) stop.tabIndex = 0;
  }

  function neighbour(cell, key) {
    const sideways = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[key];
    if (sideways) return cell[sideways]?.querySelector("button");
    const step = { ArrowUp: -1, ArrowDown: 1 }[key];
    if (!step) return null;
    let at = rows.findIndex((each) => each.row === cell.parentElement) + step;
    for (; rows[at]; at += step) { // on into the other table, as far right as that goes
      const { row } = rows[at];
      const button = row.cells[Math.min(cell.cellIndex, row.cells.length - 1)].querySelector("button");
      if (!row.hidden && button) return button;
    }
    return null;
  }

  for (const { table } of tables) {
    for (const button of table.querySelectorAll("td button")) button.tabIndex = -1;
    table.addEventListener("keydown", (event) => {
      const next = event.target.matches("td button") && neighbour(event.target.parentElement, event.key);
      if (!next) return;
      event.preventDefault();
      moveStop(next);
      next.focus();
    });
    table.addEventListener("click", (event) => {
      const button = event.target.closest("td button");
      if (button) open(button);
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target === input || drawer.open) return;
    event.preventDefault();
    input.select();
  });
  input.addEventListener("input", () => { filter(); remember(); });
  find("close").addEventListener("click", () => drawer.close());
  drawer.addEventListener("click", (event) => { if (event.target === drawer) drawer.close(); });
  drawer.addEventListener("close", () => { remember(); stop?.focus({ preventScroll: true }); });
  addEventListener("hashchange", follow);

  document.querySelector(".tools").hidden = false;
  follow();
})();
