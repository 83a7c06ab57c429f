// The heat map of two axes that the reader picks.

function heatMap(id, data, axes) {
  const section = find(`${id}-together-section`), form = section.querySelector("form");
  section.hidden = !data.pairs.length;
  form.hidden = data.axes.length < 3; // nothing to pick
  if (!data.pairs.length) return;
  const paired = [...new Set(data.pairs.flatMap((pair) => [pair.rows, pair.columns]))].sort((a, b) => a - b);
  const mine = (state[`${id}-together`] ??= { rows: 1, columns: 0 });
  const made = JSON.stringify(paired.map((k) => data.axes[k].label));
  if (form.made !== made) {
    form.made = made;
    form.replaceChildren(...["rows", "columns"].map((name) => {
      const select = make("select", { id: `${id}-together-${name}` }, ...paired.map((k) => make("option", { value: k }, data.axes[k].label)));
      return make("label", {}, { rows: "Down", columns: "Across" }[name], select);
    }));
    form.onsubmit = (event) => event.preventDefault();
  }
  const selects = [...form.querySelectorAll("select")];
  selects.forEach((select, k) => {
    const name = ["rows", "columns"][k];
    select.value = mine[name];
    select.onchange = () => {
      const before = mine[name];
      mine[name] = +select.value;
      const other = ["columns", "rows"][k];
      if (mine[other] === mine[name]) mine[other] = before; // they change places
      heatMap(id, data, axes);
      plots.get(`${id}-together`)();
    };
  });
  const straight = data.pairs.find((pair) => pair.rows === mine.rows && pair.columns === mine.columns);
  const pair = straight ?? data.pairs.find((p) => p.rows === mine.columns && p.columns === mine.rows);
  const turned = (grid) => (straight ? grid : grid[0].map((_, c) => grid.map((row) => row[c])));
  const [mean, n, failed] = ["mean", "n", "failed"].map((name) => turned(pair[name]));
  const [down, across] = [data.axes[mine.rows], data.axes[mine.columns]];
  const said = (r, c) => (mean[r][c] !== null ? measured(mean[r][c]) : failed[r][c] ? "failed" : n[r][c] === null ? "not run" : "no score");
  const [y, x] = [mine.rows, mine.columns].map((axis) => axes[axis].places[0]); // of the best setting
  const frame = { type: "rect", x0: x - 0.5, x1: x + 0.5, y0: y - 0.5, y1: y + 0.5, line: { color: colour("ink"), width: 3 } };
  plot(`${id}-together`, (width) => {
    const legible = width / across.values.length > 55 && down.values.length <= 24;
    return {
      says: `Heat map of ${data.metric} by ${down.label} and ${across.label}. The numbers follow as a table.`,
      traces: [{ type: "heatmap", z: mean, x: across.values.map((_, i) => i), y: down.values.map((_, i) => i), colorscale: "Cividis",
        reversescale: data.better === "low", xgap: 2, ygap: 2, hoverongaps: true, hoverinfo: "text",
        hovertext: mean.map((row, r) => row.map((_, c) => plain(`${down.label} ${down.values[r]}, ${across.label} ${across.values[c]}: ${said(r, c)}, ${n[r][c] ?? 0} trials`))),
        text: mean.map((row) => row.map((cell) => measured(cell))), ...(legible ? { texttemplate: "%{text}" } : {}),
        showscale: !legible, colorbar: { thickness: 10, outlinewidth: 0, tickfont: { color: colour("soft") }, nticks: 5 } }],
      layout: {
        height: Math.max(280, Math.min(640, 90 + 44 * down.values.length)), shapes: [frame],
        xaxis: axisLook({ title: across.label, tickvals: across.values.map((_, i) => i), ticktext: across.values.map(plain), showgrid: false }),
        yaxis: axisLook({ title: down.label, tickvals: down.values.map((_, i) => i), ticktext: down.values.map(plain), showgrid: false }),
      },
    };
  });
  numbers(`${id}-together`, [`${down.label} \\ ${across.label}`, ...across.values], down.values.map((value, r) => [value, ...across.values.map((_, c) => said(r, c))]));
}
