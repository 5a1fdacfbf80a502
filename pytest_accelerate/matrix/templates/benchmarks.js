// The view of figures: one measure of two columns against each other, by task, and row by row.

// A table whose columns sort. columns: { head, number }; rows: { cells: [{ text, value, hash }] }.
function plainTable(caption, columns, rows) {
  const frame = element("div", "", "scroll");
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", caption);
  const table = element("table", "", "plain");
  const head = table.createTHead().insertRow();
  const body = table.createTBody();
  const lines = rows.map((row) => {
    const line = element("tr");
    row.cells.forEach((cell, index) => {
      const made = element(index ? "td" : "th", cell.hash ? "" : cell.text, columns[index].number ? "number" : "");
      if (!index) made.scope = "row";
      if (cell.hash) made.append(link(cell.text, cell.hash));
      line.append(made);
    });
    return { line, row };
  });
  columns.forEach((column, index) => {
    const cell = element("th", "", column.number ? "number" : "");
    cell.scope = "col";
    const button = element("button", column.head);
    button.type = "button";
    button.addEventListener("click", () => {
      const sign = cell.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of head.cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const value = ({ row }) => row.cells[index].value ?? row.cells[index].text;
      lines.sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        if (a === "" || b === "") return (a === "") - (b === "");
        return a < b ? -sign : a > b ? sign : 0;
      });
      body.append(...lines.map((each) => each.line));
    });
    cell.append(button);
    head.append(cell);
  });
  body.append(...lines.map((each) => each.line));
  frame.append(table);
  return frame;
}

function picker(label, options, value, change) {
  const made = element("label", "", "pick");
  const select = element("select");
  for (const [key, text] of options) select.append(new Option(text, key, false, key === value));
  select.setAttribute("aria-label", label); // or the options would be a part of its name
  select.addEventListener("change", () => change(select.value));
  made.append(element("span", label), select);
  return made;
}

function makeBenchmarks(data, open) {
  const table = data.tables.find((each) => each.kind === "model");
  const keys = table ? Object.keys(table.measures).filter((key) => key !== "p90") : [];
  const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

  function draw(section, view, change) {
    section.replaceChildren(section.querySelector("h2"));
    if (!keys.length) {
      section.append(element("p", "Nothing was measured yet.", "quiet"));
      return;
    }
    const names = table.columns.map((column) => column.name);
    const key = keys.includes(view.measure) ? view.measure : keys[0];
    const a = Math.max(names.indexOf(view.a), 0);
    const b = names.includes(view.b) ? names.indexOf(view.b) : Math.min(1, names.length - 1);
    const measure = data.byKey.get(key);
    const pick = element("div", "", "picks");
    pick.append(picker("Measure", keys.map((each) => [each, data.byKey.get(each).label]), key, (m) => change({ measure: m })));
    const columns = names.map((name) => [name, name]);
    if (names.length > 1) {
      pick.append(picker("of", columns, names[a], (name) => change({ a: name })),
        picker("against", columns, names[b], (name) => change({ b: name })));
    }
    section.append(pick);
    const both = table.list.map((row) => ({ row, x: row.measure(key, a), y: row.measure(key, b) }))
      .filter(({ row, x, y }) => x !== null && (y !== null || a === b) && row.has(a));
    if (a !== b) compare(section, both.filter(({ x, y }) => x > 0 && y > 0), measure, a, b);
    byTask(section, both, measure, a, b);
    rowByRow(section, measure, a, b);
  }

  function compare(section, both, measure, a, b) {
    const [one, other] = [table.columns[a].name, table.columns[b].name];
    if (!both.length) {
      section.append(element("p", `No model type has both a ${measure.label} on ${one} and one on ${other}.`, "quiet"));
      return;
    }
    const ratios = both.map(({ x, y }) => y / x);
    const middle = median(ratios);
    const better = ratios.filter((ratio) => (measure.up ? ratio > 1 : ratio < 1)).length;
    const hints = both.filter(({ row }) => row.hint(a) || row.hint(b)).length;
    const timed = ["latency", "p90", "tokens", "items", "generated", "time"].includes(measure.key);
    section.append(element("p", `On ${other} the ${measure.label} is ${Format.number(middle)} times that on ${one} in the median, and ${measure.up ? "higher" : "lower"} for ${better} of ${both.length} model types.`, "finding"));
    if (timed && hints) {
      section.append(element("p", `${hints === both.length ? "All" : `${hints} of ${both.length}`} pairs are hints: taken while other cells ran on the machine${hints === both.length ? "" : "; they are hollow in the chart"}. For figures to rely on, run with -n0.`, "quiet"));
    }
    const charts = element("div", "", "charts");
    const said = (value) => Format.figure(measure, value);
    charts.append(
      chart(Charts.scatter(both.map(({ row, x, y }) => ({
        x, y, hint: timed && (row.hint(a) || row.hint(b)),
        title: `${row.name}: ${said(x)} on ${one}, ${said(y)} on ${other}`,
        open: () => open(row.id(b)),
      })), one, other, said, `${measure.label} on ${other} against ${one}, ${both.length} model types`), "Each model type; on the line both are equal"),
      chart(Charts.histogram(ratios, `How many model types have which ratio of ${other} to ${one}`,
        (ratio) => `${Number(ratio.toPrecision(2))}×`, measure.up), `How many have which ratio, ${other} to ${one}`),
    );
    section.append(charts);
  }

  function chart(svg, caption) {
    const made = element("figure");
    made.append(svg, element("figcaption", caption));
    return made;
  }

  function byTask(section, both, measure, a, b) {
    const tasks = Map.groupBy(both, ({ row }) => row.tasks[0] ?? "other");
    const columns = [{ head: "Task" }, { head: "Types", number: true },
      { head: `Median, ${table.columns[a].name}`, number: true }];
    if (a !== b) columns.push({ head: `Median, ${table.columns[b].name}`, number: true }, { head: "Ratio", number: true });
    const rows = [...tasks].map(([task, list]) => {
      const [x, y] = [median(list.map((each) => each.x)), a === b ? null : median(list.map((each) => each.y))];
      const cells = [{ text: task, hash: `#q=${encodeURIComponent(`task:${task}`)}` }, { text: String(list.length), value: list.length }, figure(measure, x)];
      if (a !== b) cells.push(figure(measure, y), ratio(x, y));
      return { cells };
    });
    rows.sort((one, other) => other.cells[1].value - one.cells[1].value);
    section.append(element("h3", "By task"), plainTable("By task", columns, rows));
  }

  function rowByRow(section, measure, a, b) {
    const shown = a === b ? [a] : [a, b];
    const columns = [{ head: "Model type" }, ...shown.map((i) => ({ head: table.columns[i].name, number: true })),
      ...(a === b ? [] : [{ head: "Ratio", number: true }])];
    const rows = table.list.filter((row) => shown.some((i) => row.measure(measure.key, i) !== null)).map((row) => {
      const values = shown.map((i) => row.measure(measure.key, i));
      const cells = [{ text: row.name, hash: `#cell=${encodeURIComponent(row.id(row.has(b) ? b : a))}` },
        ...values.map((value) => figure(measure, value))];
      if (a !== b) cells.push(ratio(...values));
      return { cells };
    });
    section.append(element("h3", "By model type"), plainTable("By model type", columns, rows));
  }

  const figure = (measure, value) => ({ text: Format.figure(measure, value), value: value ?? "" });
  const ratio = (x, y) => (x > 0 && y !== null
    ? { text: `${Format.number(y / x)}×`, value: y / x } : { text: "", value: "" });

  return { draw };
}
