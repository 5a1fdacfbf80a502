// The view of providers: operation by provider, each cell saying who answered: mock, server, live.

function makeProviders(data) {
  const table = data.tables.find((each) => each.kind === "api");

  function draw(section) {
    if (section.dataset.drawn || !table) return;
    section.dataset.drawn = "yes";
    const providers = [...new Set(table.providers)];
    const operations = Map.groupBy(table.list, (row) => table.operations[row.index]);
    const sorted = [...operations].sort(([one, a], [other, b]) => b.length - a.length || (one < other ? -1 : 1));
    const modes = element("ul", "", "modes");
    for (const { name, said } of table.columns) {
      const line = element("li");
      line.append(element("b", name), said.slice(name.length));
      modes.append(line);
    }
    const made = element("table", "", "grid");
    const head = made.createTHead().insertRow();
    for (const name of ["Operation", ...providers]) {
      const cell = element("th", name);
      cell.scope = "col";
      head.append(cell);
    }
    const body = made.createTBody();
    for (const [operation, rows] of sorted) {
      const line = body.insertRow();
      const name = element("th");
      for (const part of operation.split(/(?<=_)/)) name.append(part, element("wbr"));
      name.scope = "row";
      line.append(name);
      for (const provider of providers) {
        const row = rows.find((each) => table.providers[each.index] === provider);
        const cell = line.insertCell();
        for (const i of row ? row.all.filter((each) => row.has(each)) : []) cell.append(mark(row, i));
      }
    }
    const frame = element("div", "", "scroll");
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", "Table of operations");
    frame.append(made);
    section.append(modes, frame);
  }

  function mark(row, i) {
    const verdict = row.verdict(i);
    const mode = table.columns[i].name;
    const made = link("", `#cell=${encodeURIComponent(row.id(i))}`, verdict);
    made.dataset.mode = mode;
    made.setAttribute("aria-label", `${row.said}, ${mode}: ${verdict}`);
    made.append(data.symbol(verdict), " ", verdict === "pass" ? "" : `${verdict} `, element("b", mode));
    return made;
  }

  return { draw };
}
