// What is shown, kept in the address: #q=QUERY&show=MEASURE&sort=COLUMN&desc=1&view=VIEW&cell=ID

(async () => {
  const data = understand(await unpack("facts"));
  const input = find("q");
  const views = [...document.querySelectorAll("#views a")];
  const sections = [...document.querySelectorAll("main > section")];
  const NAMES = ["q", "show", "sort", "desc", "view", "cell", "measure", "a", "b", "old", "now"];
  let state = Object.fromEntries(NAMES.map((name) => [name, ""]));

  const tables = makeTables(data, (row, column) => openCell(row.id(column)));
  const drawer = makeDrawer(data, ({ row, column }) => {
    go({ cell: "" });
    if (currentView() === "matrix") tables.cellOf(row, column)?.focus({ preventScroll: true });
    else returnTo?.focus({ preventScroll: true });
  });
  const drawn = { benchmarks: makeBenchmarks(data, openCell), providers: makeProviders(data), compare: makeCompare(data) };
  let returnTo = null; // what a cell was opened from, in another view

  // --- The address

  function read() {
    const given = new URLSearchParams(location.hash.slice(1));
    return Object.fromEntries(NAMES.map((name) => [name, given.get(name) ?? ""]));
  }

  function address(view) {
    const kept = new URLSearchParams(NAMES.filter((name) => view[name]).map((name) => [name, view[name]]));
    return kept.size ? `#${kept}` : "#";
  }

  // Change a part of what is shown; `push` makes it a step that the browser can take back.
  function go(part, push = false) {
    const next = { ...state, ...part };
    history[push ? "pushState" : "replaceState"](null, "", address(next));
    apply(next);
  }

  // --- Showing it

  const currentView = () => (views.some((each) => each.dataset.view === state.view) ? state.view : "matrix");

  function apply(next) {
    const last = state;
    state = next;
    const is = (...names) => names.some((name) => last[name] !== next[name]) || !apply.done;
    if (is("view")) switchTo(currentView());
    if (is("show")) {
      find("show").value = state.show;
      tables.show(data.byKey.has(state.show) ? state.show : "");
    }
    if (is("sort", "desc", "show")) tables.sort(state.sort, Boolean(state.desc));
    if (is("q", "sort")) filter();
    if (is("view", "measure", "a", "b", "old", "now")) {
      const section = sections.find((each) => each.dataset.view === currentView());
      drawn[currentView()]?.draw(section, state, (part) => go(part));
    }
    apply.done = true;
    const found = data.byId.get(state.cell);
    if (!found) drawer.close();
    else if (is("cell") || !drawer.isOpen()) {
      tables.moveStop(tables.cellOf(found.row, found.column));
      drawer.open(found.row, found.column);
    }
  }

  function switchTo(view) {
    for (const section of sections) section.hidden = section.dataset.view !== view;
    document.querySelector(".tools").hidden = view !== "matrix";
    find("none").hidden = true;
    for (const each of views) {
      if (each.dataset.view === view) each.setAttribute("aria-current", "page");
      else each.removeAttribute("aria-current");
    }
    document.documentElement.dataset.view = view;
  }

  const count = find("count");
  const total = data.rows.length;
  const what = data.tables.length > 1 ? "rows" : data.tables[0]?.kind === "api" ? "operations" : "types";

  function filter() {
    if (input.value !== state.q) input.value = state.q;
    let test = () => true;
    let wrong = null;
    try {
      test = Query.compile(state.q, data.vocabulary);
    } catch (error) {
      if (error.start === undefined) throw error;
      wrong = error;
    }
    const shown = tables.filter(test);
    count.textContent = shown === total ? `${total} ${what}` : `${shown} of ${total} ${what}`;
    find("none").hidden = shown > 0 || currentView() !== "matrix";
    explain(wrong);
    for (const chip of document.querySelectorAll(".chips a")) {
      const query = new URLSearchParams(chip.hash.slice(1)).get("q");
      if (query === state.q.trim()) chip.setAttribute("aria-current", "true");
      else chip.removeAttribute("aria-current");
    }
  }

  // What is wrong with the query, with the part of it that is.
  function explain(wrong) {
    const hint = find("hint");
    hint.replaceChildren();
    input.toggleAttribute("aria-invalid", Boolean(wrong));
    if (!wrong) return;
    input.setAttribute("aria-invalid", "true");
    const text = element("code", state.q.slice(0, wrong.start));
    text.append(element("mark", state.q.slice(wrong.start, wrong.end) || "␣"), state.q.slice(wrong.end));
    hint.append(text, " ", wrong.message);
  }

  function openCell(id) {
    returnTo = document.activeElement;
    go({ cell: id });
  }

  // --- What is clicked and typed

  document.addEventListener("click", (event) => {
    const anchor = event.target.closest("a[href^='#']");
    if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const given = new URLSearchParams(anchor.hash.slice(1));
    event.preventDefault();
    if (given.has("cell")) openCell(given.get("cell"));
    else if (given.has("q")) {
      go({ q: given.get("q"), view: "", cell: "" }, true);
      reveal();
    } else {
      const pair = given.has("old") ? { old: given.get("old"), now: "" } : {};
      go({ view: given.get("view") ?? "", cell: "", ...pair }, true);
      if (given.has("old")) reveal();
    }
  });

  // The table, where what was clicked stands so far above it that nothing seems to happen.
  function reveal() {
    const bar = find("views");
    if (bar.getBoundingClientRect().top > innerHeight / 2) bar.scrollIntoView({ block: "start" });
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, select, textarea");
    if (event.key !== "/" || typing || drawer.isOpen() || currentView() !== "matrix") return;
    event.preventDefault();
    input.select();
  });
  input.addEventListener("input", () => go({ q: input.value, cell: "" }));
  find("show").addEventListener("change", (event) => go({ show: event.target.value }));
  find("help").addEventListener("click", () => {
    const grammar = find("grammar");
    grammar.hidden = !grammar.hidden;
    find("help").setAttribute("aria-expanded", String(!grammar.hidden));
  });
  tables.sortable((sort, desc) => go({ sort, desc: desc ? "1" : "" }));
  addEventListener("popstate", () => apply(read()));
  addEventListener("hashchange", () => apply(read()));

  const measured = data.tables.find((table) => table.kind === "model")?.measures ?? {};
  find("show").append(new Option("verdict and error", ""),
    ...data.measures.filter(({ key }) => measured[key]).map(({ key, label }) => new Option(label, key)));
  find("views").hidden = false;
  // The window without its scroll bar, which 100vw includes.
  new ResizeObserver(() => {
    document.documentElement.style.setProperty("--window", `${document.documentElement.getBoundingClientRect().width}px`);
  }).observe(document.documentElement);
  new ResizeObserver(([bar]) => {
    const height = Math.ceil(bar.borderBoxSize[0].blockSize);
    if (height) document.documentElement.style.setProperty("--tools", `${height}px`);
  }).observe(document.querySelector(".tools"));
  apply(read());
})();
