"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const [input, count, hint, none, drawer] = ["q", "count", "hint", "none", "drawer"].map(find);
  const table = find("matrix");
  const words = JSON.parse(find("words").textContent);
  const verdicts = Object.keys(words.symbols);

  const columns = [...table.tHead.rows[0].cells].slice(1).map((head) => ({
    hardware: head.dataset.hardware,
    precision: head.dataset.precision,
    name: `${head.dataset.hardware}-${head.dataset.precision}`,
  }));
  const rows = [...table.tBodies[0].rows].map((row) => ({
    row,
    name: row.cells[0].textContent,
    lower: row.cells[0].textContent.toLowerCase(),
    cells: [...row.cells].slice(1).map((cell) => ({
      verdict: cell.classList[0] ?? "not-run",
      news: cell.classList[2] ?? "",
    })),
  }));

  // --- Search: words that the name contains, and COLUMN:VERDICT or is:NEWS, each also with "!".

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
    if (key === "is") {
      const test = cellTest(word);
      return (row) => row.cells.some(test) !== negated;
    }
    const where = columns.flatMap((column, index) =>
      [column.hardware, column.precision, column.name].some((name) => name.toLowerCase() === key)
        ? [index] : []);
    if (!where.length) throw new Error(`No column is called “${key}”.`);
    const test = verdictTest(word);
    if (!test) throw new Error(`“${word}” is no verdict: ${verdicts.join(", ")}, failing.`);
    return (row) => where.some((index) => test(row.cells[index].verdict) !== negated);
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
    for (const row of rows) {
      const matches = tests.every((test) => test(row));
      row.row.hidden = !matches;
      shown += matches;
    }
    count.textContent = shown === rows.length ? `${shown} types` : `${shown} of ${rows.length} types`;
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
      const index = columns.findIndex((column) => `${row.name}-${column.name}` === id);
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
    const column = cell.cellIndex - 1;
    const verdict = row.cells[column].verdict;
    find("title").textContent = row.name;
    find("where").textContent = `${columns[column].hardware} · ${columns[column].precision}`;
    const body = find("body");
    body.replaceChildren(element("p", word(verdict), `verdict ${verdict}`));
    moveStop(button);
    if (!drawer.open) drawer.showModal();
    drawer.scrollTop = 0;
    remember(`${row.name}-${columns[column].name}`);
    details ??= decode();
    const data = await details;
    if (stop !== button) return; // another cell was opened meanwhile
    const record = data.rows[rows.indexOf(row)][column];
    const section = (title, content) => body.append(element("h3", title), content);
    if (record.reason) body.append(element("p", record.reason, "reason"));
    section("Run it again", command(record.command));
    if (record.stages.length) section("Stages", stages(record.stages));
    if (record.measures.length) section("Measures", pairs(record.measures));
    if (record.traceback) section("Traceback", element("pre", record.traceback));
    section("Environment", pairs(data.runs[record.run]));
  }

  // --- Keyboard: one tab stop in the table, arrows move it; "/" goes to the filter

  let stop = null;
  function moveStop(button) {
    if (stop) stop.tabIndex = -1;
    stop = button ?? null;
    if (stop) stop.tabIndex = 0;
  }

  function neighbour(cell, key) {
    const sideways = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[key];
    if (sideways) return cell[sideways]?.querySelector("button");
    const towards = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[key];
    let row = towards && cell.parentElement[towards];
    while (row && (row.hidden || !row.cells[cell.cellIndex].querySelector("button"))) row = row[towards];
    return row?.cells[cell.cellIndex].querySelector("button");
  }

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
