// Every setting as a row: a dot for each seed, a bar for their mean; colour and word say how it stands.

function settingsPlot(id, data) {
  const section = find(`${id}-settings-section`), own = `${id}-settings`, { rows, more } = data.settings;
  section.hidden = !rows.length;
  if (!rows.length) return;
  const left = more ? ` The ${more.toLocaleString("en")} other settings are in the table below.` : "";
  find(own).querySelector("figcaption").textContent = `${data.metric}: each dot is a seed, each bar a mean of seeds.${left}`;
  const isBelow = data.better === "low" ? "lower is better" : "higher is better";
  plot(own, (width) => {
    const wide = width > 560, step = wide ? 25 : 46;
    const all = rows.flatMap((row) => [...row.seeds, row.mean]), range = extent(all);
    const log = data.better === "low" && range[0] > 0 && range[1] > 50 * range[0];
    const look = (row) => colour(row.class || "grey");
    const words = (row) => `${row.said}${row.failed ? `${row.said && "; "}${row.failed} failed` : ""}`;
    const lift = wide ? 0 : -0.36; // in a narrow window the words of a row stand above its dots
    const side = (row, i, text, given) => ({ text: plain(text), xref: "paper", y: i + lift, yanchor: "middle", showarrow: false, ...given });
    const notes = rows.flatMap((row, i) => [
      side(row, i, cut(row.name, wide ? 44 : 34), { x: 0, xanchor: wide ? "right" : "left", xshift: wide ? -12 : 0, font: { color: colour("ink") } }),
      side(row, i, cut(words(row).split(";")[0], 24), { x: 1, xanchor: wide ? "left" : "right", xshift: wide ? 12 : 0, font: { color: row.class ? look(row) : colour("soft") } }),
    ]);
    const hover = (row) => plain(`${row.name}: ${measured(row.mean)}${words(row) && `, ${words(row)}`}`);
    const letters = (texts, most) => 7 * Math.min(most, Math.max(...texts.map((text) => text.length)));
    const dots = rows.flatMap((row, i) => row.seeds.map((value) => [value, i, row]));
    return {
      says: `${rows.length} settings by ${data.metric}, best first; the best is ${rows[0].name} with ${measured(rows[0].mean)}. The numbers follow as a table.`,
      traces: [
        ...rows.map((row, i) => ({ type: "scatter", mode: "lines", hoverinfo: "skip", x: extent(row.seeds), y: [i, i], line: { color: look(row), width: 2 }, opacity: 0.35 })),
        { type: "scatter", mode: "markers", hoverinfo: "text", hovertext: dots.map(([value, , row]) => `${hover(row)}<br>this seed: ${measured(value)}`),
          x: dots.map(([value]) => value), y: dots.map(([, i]) => i), marker: { color: dots.map(([, , row]) => look(row)), size: 8, opacity: 0.65 } },
        { type: "scatter", mode: "markers", hoverinfo: "text", hovertext: rows.map(hover), x: rows.map((row) => row.mean), y: rows.map((_, i) => i),
          marker: { symbol: "line-ns", size: 9, line: { width: 4, color: rows.map(look) } } },
      ],
      layout: {
        height: 62 + step * rows.length, annotations: notes,
        margin: { t: 6, b: 44, l: wide ? 18 + letters(rows.map((row) => row.name), 44) : 4, r: wide ? 20 + letters(rows.map((row) => words(row).split(";")[0]), 24) : 8 },
        xaxis: axisLook({ type: log ? "log" : "linear", title: `${data.metric} (${isBelow})`, nticks: wide ? 7 : 5, automargin: false }),
        yaxis: axisLook({ range: [rows.length - 0.5, wide ? -0.5 : -0.7], showticklabels: false, showgrid: false, automargin: false }),
      },
    };
  });
  numbers(own, ["setting", "mean", "seeds", "verdict"], rows.map((row) => [row.name, measured(row.mean), row.seeds.map(measured).join("  "), row.said]));
}
