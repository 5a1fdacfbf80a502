// The tables: which rows are shown, in which order, with which figure; and the keyboard in them.

function makeTables(data, open) {
  const homes = [...document.querySelectorAll("table.matrix")].map((table) => {
    const section = table.closest("section");
    const facts = data.tables.find((each) => each.kind === section.dataset.kind);
    const bodies = [...table.tBodies];
    const lines = bodies.flatMap((body) => [...body.rows].filter((row) => !row.matches(".task")));
    lines.forEach((line, index) => { facts.list[index].element = line; });
    return { table, section, facts, bodies, flat: null };
  }).filter((home) => home.facts);
  const owner = new Map(data.rows.map((row) => [row.element, row]));
  const FILLED = "td[class]"; // a cell that has a result
  let order = data.rows; // as they stand from top to bottom
  let matching = new Set(data.rows);
  let figure = "";
  let sorted = "";

  // The style sheet lays rows out as grids, so that those out of sight can be skipped; the roles keep
  // what is a table a table for those who listen to it, and say that its cells can be opened.
  function layOut() {
    for (const { table } of homes) {
      table.setAttribute("role", "grid");
      for (const part of [table.tHead, ...table.tBodies]) part.setAttribute("role", "rowgroup");
      for (const row of table.rows) {
        row.setAttribute("role", "row");
        for (const cell of row.cells) {
          const head = row.parentElement === table.tHead ? "columnheader" : "rowheader";
          cell.setAttribute("role", cell.tagName === "TH" ? head : "gridcell");
          if (cell.matches("td[class]")) cell.tabIndex = -1;
        }
      }
    }
  }

  // --- Which

  function filter(test) {
    matching = new Set(data.rows.filter(test));
    for (const row of data.rows) {
      const hidden = !matching.has(row);
      if (row.element.hidden !== hidden) row.element.hidden = hidden;
    }
    for (const home of homes) {
      for (const body of home.bodies) {
        const lead = body.querySelector(".task");
        if (lead) lead.hidden = Boolean(home.flat) || ![...body.rows].some((row) => row !== lead && !row.hidden);
      }
      home.section.classList.toggle("empty", data.rows.length > 0 && !home.facts.list.some((row) => matching.has(row)));
    }
    moveStop(firstCell());
    return matching.size;
  }

  const firstCell = () => order.find((row) => matching.has(row))?.element.querySelector(FILLED);

  // --- In which order

  // What a column is sorted by: the figure that is shown, or the verdict and then the error.
  function value(row, i) {
    if (figure) return row.measure(figure, i);
    if (!row.has(i)) return null;
    return data.words.indexOf(row.verdict(i)) + Math.min(row.measure("error", i) ?? 0, 0.999);
  }

  function sort(by, descending) {
    sorted = by;
    for (const home of homes) {
      const { facts } = home;
      const column = facts.columns.findIndex((each) => each.name === by);
      const flat = column >= 0 || (by === "name" && homes.length > 0);
      mark(home, by, descending);
      if (!flat) {
        if (home.flat) restore(home);
        continue;
      }
      const sign = descending ? -1 : 1;
      const keyed = facts.list.map((row) => [row, column >= 0 ? value(row, column) : row.said.toLowerCase()]);
      keyed.sort(([one, a], [other, b]) => {
        if (a === null || b === null) return (a === null) - (b === null) || one.index - other.index;
        return (a < b ? -sign : a > b ? sign : 0) || one.index - other.index;
      });
      home.order = keyed.map(([row]) => row);
      if (!home.flat) {
        home.flat = document.createElement("tbody");
        home.flat.setAttribute("role", "rowgroup");
        home.flat.className = "flat";
      }
      home.flat.append(...home.order.map((row) => row.element));
      home.table.append(home.flat);
    }
    order = homes.flatMap((home) => (home.flat ? home.order : home.facts.list));
  }

  function restore(home) {
    let index = 0;
    home.sizes.forEach((size, number) => {
      home.bodies[number].append(...home.facts.list.slice(index, index += size).map((row) => row.element));
    });
    home.flat.remove();
    home.flat = null;
  }

  function mark(home, by, descending) {
    [...home.table.tHead.rows[0].cells].forEach((cell, index) => {
      const name = index ? home.facts.columns[index - 1].name : "name";
      if (name === by) cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
  }

  function sortable(change) {
    for (const home of homes) {
      home.sizes = home.bodies.map((body) => [...body.rows].filter((row) => !row.matches(".task")).length);
      [...home.table.tHead.rows[0].cells].forEach((cell, index) => {
        const button = element("button");
        button.type = "button";
        button.title = "Sort";
        button.append(...cell.childNodes);
        cell.append(button);
        button.addEventListener("click", () => {
          const name = index ? home.facts.columns[index - 1].name : "name";
          const now = cell.getAttribute("aria-sort");
          if (now === "descending") change("", false);
          else change(name, now === "ascending");
        });
      });
    }
  }

  // --- With which figure

  function show(key) {
    if (key === figure) return;
    figure = key;
    const measure = data.byKey.get(key);
    for (const row of data.rows) {
      if (row.kind === "api") continue;
      for (const i of row.all) {
        const cell = row.element.cells[i + 1];
        if (!row.has(i)) continue;
        let place = cell.lastElementChild;
        if (place?.tagName !== "I") cell.append(" ", place = element("i"));
        place.dataset.first ??= place.textContent;
        place.textContent = measure ? Format.figure(measure, row.measure(key, i)) : place.dataset.first;
      }
    }
  }

  // --- Keyboard: one tab stop in the tables, arrows move it

  let stop = null;
  function moveStop(cell) {
    if (stop) stop.tabIndex = -1;
    stop = cell ?? null;
    if (stop) stop.tabIndex = 0;
  }

  function neighbour(cell, key, far) {
    const sideways = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[key];
    if (sideways) {
      let next = cell[sideways];
      while (next && !next.matches(FILLED)) next = next[sideways];
      return next;
    }
    const seen = order.filter((row) => matching.has(row));
    const here = seen.indexOf(owner.get(cell.parentElement));
    const step = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 }[key];
    if (!step && !(far && ["Home", "End"].includes(key))) return null;
    let at = key === "Home" ? 0 : key === "End" ? seen.length - 1 : here + step;
    at = Math.max(0, Math.min(seen.length - 1, at));
    for (const way = Math.sign(at - here); way && seen[at]; at += way) { // on into the other table
      const { element: row } = seen[at];
      const next = row.cells[Math.min(cell.cellIndex, row.cells.length - 1)];
      if (next.matches(FILLED)) return next;
    }
    return null;
  }

  function listen() {
    for (const { table } of homes) {
      table.addEventListener("keydown", (event) => {
        if (!event.target.matches(FILLED)) return;
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          openAt(event.target);
          return;
        }
        const next = neighbour(event.target, event.key, event.ctrlKey);
        if (!next) return;
        event.preventDefault();
        moveStop(next);
        next.focus();
      });
      table.addEventListener("click", (event) => {
        const cell = event.target.closest(FILLED);
        if (cell && getSelection().isCollapsed) openAt(cell);
      });
    }
  }

  const openAt = (cell) => open(owner.get(cell.parentElement), cell.cellIndex - 1);
  const cellOf = (row, column) => row.element.cells[column + 1];

  layOut();
  listen();
  return { filter, sort, sortable, show, moveStop, cellOf, sorted: () => sorted };
}
