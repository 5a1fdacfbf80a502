// Figures for people, as the page's own text has them, and what the other scripts build with.

const find = (id) => document.getElementById(id);

function element(tag, text = "", name = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

function link(text, hash, name = "") {
  const made = element("a", text, name);
  made.href = hash;
  return made;
}

const Format = {
  seconds(value) {
    if (value < 1e-3) return `${(value * 1e6).toFixed(0)} µs`;
    if (value < 0.9995) return `${Number((value * 1e3).toPrecision(3))} ms`;
    if (value < 60) return `${Number(value.toPrecision(3))} s`;
    const all = Math.round(value);
    const minutes = Math.floor(all / 60);
    if (minutes < 60) return `${minutes} min ${String(all % 60).padStart(2, "0")} s`;
    return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  },
  bytes(value) {
    const units = ["B", "KiB", "MiB", "GiB"];
    let unit = 0;
    for (; Math.abs(value) >= 1024 && unit < 3; unit += 1) value /= 1024;
    return unit ? `${value.toFixed(1)} ${units[unit]}` : `${value} B`;
  },
  number(value) {
    if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(1).replace(/e-(\d)$/, "e-0$1");
    return Number(value.toPrecision(3)).toLocaleString("en");
  },
  // A figure of a measure, with its unit.
  figure(measure, value) {
    if (value === null || value === undefined) return "";
    if (measure.unit === "s") return Format.seconds(value);
    return measure.unit === "B" ? Format.bytes(value) : Format.number(value);
  },
};
