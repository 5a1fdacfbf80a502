// The drawer: everything that is known of one cell.

function makeDrawer(data, onClose) {
  const drawer = find("drawer");
  const body = find("body");
  let details;
  let shown = null;

  const word = (verdict) => `${data.symbol(verdict)} ${verdict}`;

  function pairs(list) {
    const made = element("dl");
    for (const [label, value] of list) {
      const pair = element("div");
      pair.append(element("dt", label), element("dd", value));
      made.append(pair);
    }
    return made;
  }

  function stages(list, known) {
    const made = element("table", "", "stages");
    const longest = Math.max(...list.map(([, , seconds]) => seconds), 1e-9);
    for (const [stage, verdict, seconds, reason] of list) {
      const line = made.insertRow();
      const head = element("th", stage);
      head.scope = "row";
      const text = element("td", word(verdict), `word ${verdict}`);
      if (reason && reason !== known) text.append(document.createElement("br"), element("i", reason));
      const time = element("td", "", "number");
      const bar = element("meter");
      bar.max = longest;
      bar.value = seconds;
      bar.ariaHidden = "true";
      time.append(bar, element("span", Format.seconds(seconds)));
      line.append(head, text, time);
    }
    return made;
  }

  function copyable(text, label, name) {
    const made = element("div", "", `command ${label.toLowerCase()}`);
    const pre = element("pre", text);
    pre.tabIndex = 0;
    pre.setAttribute("role", "region");
    pre.setAttribute("aria-label", label);
    const button = element("button", "Copy");
    button.type = "button";
    if (name) button.id = name;
    else button.setAttribute("aria-label", `Copy the ${label.toLowerCase()}`);
    button.addEventListener("click", async () => {
      button.textContent = (await copy(text, pre)) ? "Copied" : "Press Ctrl+C";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    made.append(pre, button);
    return made;
  }

  async function copy(text, pre) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { // refused, or not a secure context: leave it selected
      getSelection().selectAllChildren(pre);
      return false;
    }
  }

  // What the runs before said of this cell, the oldest first.
  function past(row, column) {
    const number = data.tables.indexOf(row.table);
    return data.runs.map((run) => ({
      run,
      letter: run.verdicts[number]?.[row.at(column)] ?? ".",
      latency: run.latency[number]?.[row.at(column)] ?? null,
    })).filter((each) => each.letter !== ".").reverse();
  }

  function history(row, column) {
    const runs = past(row, column);
    if (!runs.length) return null;
    const made = element("div");
    const timed = runs.filter((each) => each.latency !== null);
    if (timed.length > 1) {
      made.append(Charts.sparkline(timed.map((each) => each.latency), timed.map((each) =>
        `${each.run.when}: ${Format.seconds(each.latency)}`)));
    }
    const list = element("ol", "", "history");
    for (const { run, letter, latency } of runs.toReversed()) {
      const verdict = data.word(letter);
      const line = element("li");
      const time = element("time", run.when);
      line.append(time, " ", element("span", word(verdict), verdict));
      if (latency !== null) line.append(" ", element("i", Format.seconds(latency)));
      list.append(line);
    }
    made.append(list);
    if (row.kind === "model" && !timed.length) {
      made.append(element("p", "No latency over time: no run took it with nothing else running.", "quiet"));
    }
    return made;
  }

  async function open(row, column) {
    shown = { row, column };
    const { table } = row;
    const verdict = row.verdict(column);
    const mode = row.kind === "api" ? table.columns[column].name : "";
    find("title").textContent = row.said;
    find("where").textContent = table.columns[column].said;
    drawer.dataset.mode = mode;
    body.replaceChildren(element("p", `${word(verdict)}${mode && ` ${mode}`}`, `verdict ${verdict}`));
    if (!drawer.open) drawer.showModal();
    drawer.scrollTop = 0;
    details ??= unpack("details");
    const all = await details;
    if (shown?.row !== row || shown.column !== column) return; // another was opened meanwhile
    const record = (row.kind === "api" ? all.apis : all.rows)[row.index][column];
    if (record) body.append(...contents(row, column, record, all.runs[record.run]));
  }

  function contents(row, column, record, environment) {
    const made = [];
    const section = (title, content) => made.push(element("h3", title), content);
    if (record.reason) made.push(element("p", record.reason, "reason"));
    made.push(facts(row, column));
    section("Run it again", copyable(record.command, "Command", "copy"));
    if (record.stages.length) section("Stages", stages(record.stages, record.reason));
    if (record.traceback) section("Traceback", copyable(record.traceback, "Traceback"));
    for (const [title, list] of record.measures) {
      const content = pairs(list);
      const latency = row.measure("latency", column);
      if (title === "Speed" && record.spread && latency !== null) {
        const around = element("div");
        around.append(Charts.spread(deciles(record.spread, latency)), content);
        section(title, around);
      } else section(title, content);
    }
    const older = history(row, column);
    if (older) section("Over the runs", older);
    section("Environment", pairs(environment));
    return made;
  }

  // Each letter is by how many steps of five percent a decile is above the one before; the fifth is the median.
  function deciles(letters, median) {
    const factors = [1];
    for (const letter of letters) factors.push(factors.at(-1) * 1.05 ** (letter.charCodeAt(0) - 48));
    return factors.map((factor) => (median * factor) / factors[5]);
  }

  // Where the cell belongs: its news, its cause, its task and family, each a way to its like.
  function facts(row, column) {
    const made = element("p", "", "tags");
    const tag = (text, query) => made.append(link(text, `#q=${encodeURIComponent(query)}`), " ");
    const cause = row.causeSaid(column);
    const news = row.news(column);
    if (news) tag(news.replace("-", " "), `is:${news}`);
    if (cause) tag(cause, `cause:${Query.quote(cause)}`);
    if (row.kind === "model") {
      for (const task of row.tasks.slice(0, 3)) if (task !== "other") tag(task, `task:${task}`);
      tag(`family ${row.table.families[row.index]}`, `family:${Query.quote(row.table.families[row.index])}`);
    } else tag(row.table.providers[row.index], `provider:${Query.quote(row.table.providers[row.index])}`);
    return made;
  }

  function close() {
    shown = null;
    if (drawer.open) drawer.close();
  }

  find("close").addEventListener("click", () => drawer.close());
  drawer.addEventListener("click", (event) => { if (event.target === drawer) drawer.close(); });
  drawer.addEventListener("close", () => {
    const was = shown;
    shown = null;
    if (was) onClose(was);
  });
  return { open, close, isOpen: () => drawer.open };
}
