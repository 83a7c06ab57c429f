// Parallel coordinates, drawn as lines: plotly's own need WebGL and have no place for a configuration without an axis.

const LINES = 400; // as many as can be followed; more are a sample, evenly spaced in rank
const BELOW = -0.16; // where a line passes an axis that its configuration does not have

function parallelPlot(id, data, columns, rows) {
  const own = `${id}-parallel`;
  find(own).hidden = !data.axes.length;
  if (!data.axes.length) return;
  const score = columns[data.axes.length].values;
  const scored = rows.filter((i) => score[i] !== null);
  const shown = evenly(scored, LINES), leading = new Set(scored.slice(0, Math.min(10, Math.ceil(scored.length / 4))));
  const scales = [...data.axes.map((axis, k) => place(axis, columns[k])), measuredPlace(data.metric, score)];
  const sampled = shown.length < scored.length ? ` ${shown.length} of ${scored.length.toLocaleString("en")} are drawn.` : "";
  find(own).querySelector("figcaption").textContent =
    `Every line is a configuration, from axis to axis to its score; in colour the best of those picked above.${sampled}`;
  plot(own, (width) => ({
    says: `Parallel coordinates of ${scored.length} configurations over ${data.axes.map((axis) => axis.label).join(", ")} and ${data.metric}. The table of configurations has the numbers.`,
    traces: [
      lines(shown.filter((i) => !leading.has(i)), scales, data, { color: faint("grey", shown.length > 100 ? 0.35 : 0.7), width: 1 }),
      lines([...leading], scales, data, { color: colour("accent"), width: 2 }),
    ],
    layout: frame(scales, [...data.axes.map((axis) => axis.label), data.metric], data.axes.some((axis) => axis.absent), width),
  }));
}

// Where a value of an axis lies, in [0, 1], and what is written beside the axis.
function place(axis, column) {
  if (axis.classes) {
    const log = axis.scale === "log" ? Math.log10 : (v) => v, exp = axis.scale === "log" ? (v) => 10 ** v : (v) => v;
    const [low, high] = extent(column.values.map((v) => (v === null ? null : log(Number(v)))));
    const ticks = [0, 0.5, 1].map((t) => [t, chosen(Number(exp(low + t * (high - low)).toPrecision(2)))]);
    return { at: (i) => (column.values[i] === null ? BELOW : (log(Number(column.values[i])) - low) / (high - low || 1)), ticks: withAbsent(ticks, axis) };
  }
  const values = axis.absent ? axis.values.slice(0, -1) : axis.values;
  const spread = Math.max(values.length - 1, 1);
  const ticks = values.map((value, k) => [k / spread, value]);
  const apart = (i) => (((i * 0.618034) % 1) - 0.5) * Math.min(0.05, 0.25 / spread); // lines with one value lie side by side
  return {
    at: (i) => (column.places[i] >= values.length ? BELOW : column.places[i] / spread) + apart(i),
    ticks: withAbsent(evenly(ticks, 12), axis),
  };
}

const withAbsent = (ticks, axis) => (axis.absent ? [...ticks, [BELOW, "—"]] : ticks);

function measuredPlace(label, values) {
  const [low, high] = extent(values);
  return {
    at: (i) => (values[i] - low) / (high - low || 1),
    ticks: [0, 0.25, 0.5, 0.75, 1].map((t) => [t, measured(low + t * (high - low))]),
  };
}

function lines(rows, scales, data, line) {
  const x = [], y = [], hovertext = [];
  for (const i of rows) {
    const name = plain(data.names(i));
    scales.forEach((scale, k) => { x.push(k); y.push(scale.at(i)); hovertext.push(name); });
    x.push(null); y.push(null); hovertext.push("");
  }
  return { type: "scatter", mode: "lines", x, y, line, hoverinfo: "text", hovertext };
}

function frame(scales, labels, absent, width) {
  const last = labels.length - 1, narrow = width / labels.length < 90;
  const note = (k, t, text) => ({ x: k, y: t, text: plain(text), showarrow: false, xanchor: k === last ? "left" : "right", xshift: k === last ? 5 : -5,
    font: { size: 11, color: colour("soft") }, bgcolor: faint("paper", 0.7), borderpad: 0 });
  return {
    margin: { l: 52, r: 60, t: narrow ? 120 : 34, b: 12 },
    xaxis: { visible: false, range: [-0.05, last + 0.05], fixedrange: true },
    yaxis: { visible: false, range: [absent ? BELOW - 0.06 : -0.06, 1.06], fixedrange: true },
    shapes: labels.map((_, k) => ({ type: "line", x0: k, x1: k, y0: 0, y1: 1, line: { color: colour("soft"), width: 1 }, layer: "below" })),
    annotations: [
      ...scales.flatMap((scale, k) => scale.ticks.map(([t, text]) => note(k, t, text))),
      ...labels.map((label, k) => ({ x: k, y: 1, yref: "paper", yshift: 6, yanchor: "bottom", showarrow: false, text: plain(label), font: { size: 12 },
        ...(narrow ? { textangle: -90 } : {}) })),
    ],
  };
}
