// The view that compares any two runs. News is said only of cells that both ran, with the same
// kind of weights, by the stages that both ran; of latencies only where both were taken alone, on like machines.

function makeCompare(data) {
  const GREEN = ["pass", "covered", "skip"];
  const UNCOUNTED = ["covered", "skip"];
  const NOTICEABLE = 1.25;
  const MOST = 200; // lines of one kind at first

  function label(run) {
    const cells = run.verdicts.join("").replaceAll(".", "").length;
    return `${run.when} · ${cells.toLocaleString("en")} cells${run.partial ? ", partial" : ""} · ${run.packages}`;
  }

  function shared(one, other) {
    return one.verdicts.some((text, number) => [...text].some((letter, at) =>
      letter !== "." && (other.verdicts[number]?.[at] ?? ".") !== "."));
  }

  function changes(old, now) {
    const found = { regressed: [], fixed: [], "newly tested": [], "other verdict": [], slower: [], faster: [] };
    const [oldNumber, nowNumber] = [old, now].map((run) => data.runs.indexOf(run));
    let same = 0;
    let apart = 0;
    data.tables.forEach((table, number) => {
      for (const row of table.list) {
        for (const column of row.all) {
          const at = row.at(column);
          const [before, after] = [old, now].map((run) => run.verdicts[number]?.[at] ?? ".");
          if (before === "." && after === ".") continue;
          const [was, is] = [before, after].map(data.word);
          const models = table.kind === "model";
          if (before === "." || after === "." || was === "not-run" || is === "not-run" || (models && old.weights !== now.weights)) {
            apart += 1;
            continue;
          }
          if (was !== is) {
            const beyond = (run, other) => run.beyond[number]?.[at]?.includes(other) ?? false;
            if (is === "pass" && !GREEN.includes(was) && beyond(old, nowNumber)) {
              apart += 1;
              continue;
            }
            const kind = was === "pass" && !GREEN.includes(is)
              ? (beyond(now, oldNumber) ? "newly tested" : "regressed")
              : is === "pass" && !GREEN.includes(was) ? "fixed"
                : UNCOUNTED.includes(was) && !UNCOUNTED.includes(is) ? "newly tested" : "other verdict";
            found[kind].push({ row, column, said: `${data.symbol(was)} ${was} → ${data.symbol(is)} ${is}` });
            continue;
          }
          same += 1;
          const [slow, fast] = [old, now].map((run) => run.latency[number]?.[at] ?? null);
          if (!models || !slow || !fast || old.machine !== now.machine) continue;
          const ratio = fast / slow;
          if (ratio >= NOTICEABLE || ratio <= 1 / NOTICEABLE) {
            found[ratio > 1 ? "slower" : "faster"].push({ row, column, said: `${Format.seconds(slow)} → ${Format.seconds(fast)}` });
          }
        }
      }
    });
    return { found, same, apart };
  }

  function line({ row, column, said }) {
    const made = element("li");
    made.append(link(row.said, `#cell=${encodeURIComponent(row.id(column))}`), " ",
      element("span", row.table.columns[column].name, "quiet"), " ", element("span", said));
    return made;
  }

  function draw(section, view, change) {
    section.replaceChildren(section.querySelector("h2"));
    if (data.runs.length < 2) {
      section.append(element("p", "There is one run alone so far; a second one can be compared with it.", "quiet"));
      return;
    }
    const byId = new Map(data.runs.map((run) => [run.id, run]));
    const now = byId.get(view.now) ?? data.runs[0];
    const others = data.runs.filter((run) => run !== now);
    const old = byId.get(view.old) ?? others.find((run) => shared(run, now)) ?? others[0];
    const options = data.runs.map((run) => [run.id, label(run)]);
    const picks = element("div", "", "picks tall");
    picks.append(picker("From", options, old.id, (id) => change({ old: id })), picker("to", options, now.id, (id) => change({ now: id })));
    section.append(picks);
    const { found, same, apart } = changes(old, now);
    const total = Object.values(found).reduce((sum, list) => sum + list.length, 0);
    const cells = (count) => `${count.toLocaleString("en")} cell${count === 1 ? "" : "s"}`;
    section.append(element("p", `${total ? Object.entries(found).filter(([, list]) => list.length).map(([kind, list]) => `${list.length} ${kind}`).join(", ") : "Nothing changed"}; ${cells(same)} with the same verdict, ${cells(apart)} not compared${apart ? ": one of the runs alone has them, or their weights differ" : ""}.`, "finding"));
    if (old.packages !== now.packages) section.append(element("p", `${old.packages} → ${now.packages}`, "quiet"));
    if (old.machine !== now.machine) section.append(element("p", "The machines differ, so latencies are not compared.", "quiet"));
    for (const [kind, list] of Object.entries(found)) {
      if (!list.length) continue;
      const made = element("ul", "", "changes");
      made.append(...list.slice(0, MOST).map(line));
      section.append(element("h3", `${kind} ${list.length}`), made);
      if (list.length <= MOST) continue;
      const more = element("button", `Show all ${list.length}`);
      more.type = "button";
      more.addEventListener("click", () => {
        made.append(...list.slice(MOST).map(line));
        more.remove();
      });
      section.append(more);
    }
  }

  return { draw };
}
