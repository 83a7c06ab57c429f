// Learning curves: the leading configurations with bands, those behind them in grey.

function curvePlot(id, data) {
  const { curves, column, named } = data.curves;
  const own = `${id}-curves`;
  find(`${own}-section`).hidden = !curves.length;
  if (!curves.length) return;
  const leading = curves.filter((curve) => curve.place <= named);
  plot(own, (width) => {
    const means = extent(leading.flatMap((curve) => curve.mean));
    const range = means[0] < means[1] ? means : extent(curves.flatMap((curve) => curve.mean)), room = 0.25 * (range[1] - range[0]) || 0.05;
    const grey = { type: "scatter", mode: "lines", hoverinfo: "skip", showlegend: false, line: { color: faint("grey", 0.6), width: 1 },
      x: curves.filter((c) => c.place > named).flatMap((c) => [...c.epoch, null]),
      y: curves.filter((c) => c.place > named).flatMap((c) => [...c.mean, null]) };
    const bands = leading.filter((c) => c.low.some((v) => v !== null)).map((c) => {
      const there = c.epoch.map((_, i) => i).filter((i) => c.low[i] !== null);
      return { type: "scatter", mode: "lines", line: { width: 0 }, fill: "toself", hoverinfo: "skip", showlegend: false,
        fillcolor: faint(`colour-${c.place - 1}`, c.place === 1 ? 0.18 : 0.08),
        x: [...there, ...there.slice().reverse()].map((i) => c.epoch[i]),
        y: [...there.map((i) => c.low[i]), ...there.slice().reverse().map((i) => c.high[i])] };
    });
    const lines = leading.map((c) => ({ type: "scatter", mode: c.epoch.length > 40 ? "lines" : "lines+markers", x: c.epoch, y: c.mean,
      name: plain(`${c.place}. ${cut(c.name, width > 700 ? 60 : 40)}`), hoverinfo: "text",
      hovertext: c.epoch.map((epoch, i) => plain(`${c.name}, epoch ${epoch}: ${measured(c.mean[i])}`)),
      line: { color: colour(`colour-${c.place - 1}`), width: 2, dash: ["solid", "dash", "dot", "dashdot", "longdash"][c.place - 1] },
      marker: { size: 4 } }));
    return {
      says: `Learning curves of the ${leading.length} best configurations: ${column} by epoch. The numbers follow as a table.`,
      traces: [grey, ...bands, ...lines],
      layout: {
        showlegend: true,
        legend: width > 700 ? { x: 1.01, y: 1, font: { size: 11 } } : { orientation: "h", x: 0, y: -0.22, yanchor: "top", font: { size: 11 } },
        ...(width > 700 ? {} : { height: 380 + 18 * leading.length }),
        xaxis: axisLook({ title: "epoch", showgrid: false, ...(curves[0].epoch.length < 8 ? { dtick: 1 } : {}) }),
        yaxis: axisLook({ title: column, range: [range[0] - room, data.bounded && column.endsWith("accuracy") ? Math.min(range[1] + room, 1.01) : range[1] + room] }),
      },
    };
  });
  numbers(own, ["configuration", "last epoch", "mean", "low", "high"], leading.map((c) =>
    [c.name, String(c.epoch.at(-1)), ...["mean", "low", "high"].map((name) => measured(c[name].at(-1)))]));
}
