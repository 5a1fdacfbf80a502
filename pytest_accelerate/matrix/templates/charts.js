// Charts as inline SVG; what they draw stands in words or in a table beside them as well.

const Charts = (() => {
  const drawn = (tag, attributes = {}, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text) made.textContent = text;
    return made;
  };

  function picture(width, height, label, name) {
    return drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: name });
  }

  // A line over the runs, each point with its figure.
  function sparkline(values, titles) {
    const [width, height, edge] = [240, 40, 5];
    const low = Math.min(...values);
    const range = Math.max(...values) - low || 1;
    const x = (i) => edge + (i * (width - 2 * edge)) / Math.max(values.length - 1, 1);
    const y = (value) => height - edge - ((value - low) / range) * (height - 2 * edge);
    const svg = picture(width, height, `Latency over ${values.length} runs: ${titles.join("; ")}`, "spark");
    svg.append(drawn("polyline", { points: values.map((value, i) => `${x(i)},${y(value)}`).join(" ") }));
    values.forEach((value, i) => {
      const dot = drawn("circle", { cx: x(i), cy: y(value), r: 3 });
      dot.append(drawn("title", {}, titles[i]));
      svg.append(dot);
    });
    return svg;
  }

  // How the passes of a latency spread, from its deciles: a tenth of them in each step, the steps
  // in the middle taller.
  function spread(deciles) {
    const [width, height, edge, base] = [240, 52, 6, 30];
    const low = deciles[0];
    const range = Math.log(deciles[10] / low) || 1; // the slowest may take a hundred times as long
    const x = (value) => edge + (Math.log(value / low) / range) * (width - 2 * edge);
    const said = `Spread of the latency, within 5 %: the fastest pass took ${Format.seconds(low)}, half stayed within ${
      Format.seconds(deciles[5])}, nine of ten within ${Format.seconds(deciles[9])}, the slowest took ${
      Format.seconds(deciles[10])}`;
    const svg = picture(width, height, said, "spread");
    deciles.slice(1).forEach((to, i) => {
      const from = deciles[i];
      const tall = base * (1 - Math.abs(i - 4.5) / 6);
      const step = drawn("rect", { x: x(from).toFixed(1), y: (base - tall).toFixed(1),
        width: Math.max(x(to) - x(from), 1).toFixed(1), height: tall.toFixed(1) });
      step.append(drawn("title", {}, `${i * 10} to ${i * 10 + 10} % of the passes: ${Format.seconds(from)} to ${Format.seconds(to)}`));
      svg.append(step);
    });
    const median = x(deciles[5]).toFixed(1);
    svg.append(drawn("line", { x1: median, x2: median, y1: 0, y2: base, class: "median" }),
      drawn("text", { x: edge, y: 46 }, Format.seconds(low)),
      drawn("text", { x: width - edge, y: 46, "text-anchor": "end" }, Format.seconds(deciles[10])));
    return svg;
  }

  function powers(low, high) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); 10 ** power <= high * 1.0001; power += 1) {
      if (10 ** power >= low * 0.9999) found.push(10 ** power);
    }
    return found;
  }

  // Two figures of the same things against each other, on logarithmic axes; above the line the
  // second is larger. points: { x, y, title, hint, open }.
  function scatter(points, xSaid, ySaid, said, label) {
    const [size, left, bottom] = [420, 64, 40];
    const every = points.flatMap(({ x, y }) => [x, y]);
    const low = Math.min(...every) / 1.2;
    const high = Math.max(...every) * 1.2;
    const scale = (value) => Math.log(value / low) / Math.log(high / low);
    const x = (value) => left + scale(value) * (size - left - 10);
    const y = (value) => size - bottom - scale(value) * (size - bottom - 10);
    const svg = picture(size, size, label, "scatter");
    for (const at of powers(low, high)) {
      svg.append(
        drawn("line", { x1: x(at), x2: x(at), y1: 10, y2: size - bottom, class: "grid" }),
        drawn("line", { x1: left, x2: size - 10, y1: y(at), y2: y(at), class: "grid" }),
        drawn("text", { x: x(at), y: size - bottom + 16, "text-anchor": "middle" }, said(at)),
        drawn("text", { x: left - 6, y: y(at) + 4, "text-anchor": "end" }, said(at)),
      );
    }
    svg.append(
      drawn("line", { x1: x(low), y1: y(low), x2: x(high), y2: y(high), class: "even" }),
      drawn("text", { x: (left + size) / 2, y: size - 4, "text-anchor": "middle", class: "axis" }, xSaid),
      drawn("text", { x: 0, y: 0, "text-anchor": "middle", class: "axis", transform: `translate(11 ${(size - bottom) / 2}) rotate(-90)` }, ySaid),
    );
    for (const point of points) {
      const dot = drawn("circle", { cx: x(point.x).toFixed(1), cy: y(point.y).toFixed(1), r: 3, class: point.hint ? "hint" : "" });
      dot.append(drawn("title", {}, point.title));
      dot.addEventListener("click", point.open);
      svg.append(dot);
    }
    return svg;
  }

  // How many things have which ratio, in steps of a quarter of a doubling.
  function histogram(ratios, label, said, moreIsBetter) {
    const step = (ratio) => Math.max(-16, Math.min(16, Math.round(Math.log2(ratio) * 4)));
    const counts = new Map();
    for (const ratio of ratios) counts.set(step(ratio), (counts.get(step(ratio)) ?? 0) + 1);
    const first = Math.min(-4, ...counts.keys());
    const last = Math.max(4, ...counts.keys());
    const [width, height, bottom, top] = [420, 200, 24, 18];
    const wide = width / (last - first + 1);
    const most = Math.max(...counts.values(), 1);
    const svg = picture(width, height, label, "histogram");
    for (let at = first; at <= last; at += 1) {
      const count = counts.get(at) ?? 0;
      const tall = (count / most) * (height - bottom - top);
      const x = (at - first) * wide;
      const bar = drawn("rect", { x: x + 1, y: height - bottom - tall, width: Math.max(wide - 2, 1), height: tall, class: at === 0 ? "same" : at > 0 === Boolean(moreIsBetter) ? "better" : "worse" });
      bar.append(drawn("title", {}, `${(2 ** (at / 4)).toFixed(2)} times: ${count}`));
      svg.append(bar);
      if (count && wide > 7 * String(count).length) svg.append(drawn("text", { x: x + wide / 2, y: height - bottom - tall - 4, "text-anchor": "middle" }, String(count)));
      if (at % 4 === 0) svg.append(drawn("text", { x: x + wide / 2, y: height - 7, "text-anchor": "middle" }, said(2 ** (at / 4))));
    }
    svg.append(drawn("line", { x1: (0.5 - first) * wide, x2: (0.5 - first) * wide, y1: 0, y2: height - bottom, class: "even" }));
    return svg;
  }

  return { sparkline, spread, scatter, histogram };
})();
