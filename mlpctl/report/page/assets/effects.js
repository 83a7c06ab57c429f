// The effect of each axis: mean and interval of each value.

function effectPlots(id, data) {
  const grid = find(`${id}-effects`);
  const range = extent(data.effects.flatMap((e) => [...e.mean, ...e.low, ...e.high]));
  const room = 0.06 * (range[1] - range[0] || 1);
  data.effects.forEach((effect, k) => {
    const own = `${id}-effect-${k}`;
    if (!find(own)) grid.append(make("figure", { id: own }, make("figcaption"), make("div", { className: "plot" })));
    find(own).querySelector("figcaption").textContent = effect.axis;
    const best = (data.better === "high" ? Math.max : Math.min)(...effect.mean.filter((v) => v !== null));
    const at = effect.values[effect.mean.indexOf(best)];
    plot(own, () => {
      const words = effect.scale === "words";
      const x = words ? effect.values.map((_, i) => i) : effect.x;
      const few = words || (!effect.classes && x.length <= 8);
      const bars = effect.mean.map((mean, i) => (effect.low[i] === null ? [0, 0] : [effect.high[i] - mean, mean - effect.low[i]]));
      const behind = { type: "scatter", mode: "markers", hoverinfo: "skip", x: effect.points.map((p) => p[0]),
        y: effect.points.map((p) => p[1]), marker: { color: colour("grey"), size: 4, opacity: 0.55 } };
      const means = { type: "scatter", mode: words ? "markers" : "lines+markers", x, y: effect.mean,
        hoverinfo: "text", hovertext: effect.values.map((value, i) => plain(`${effect.axis} ${value}: ${measured(effect.mean[i])}, ${effect.n[i]} trials`)),
        line: { color: colour("accent"), width: 1.5 }, marker: { color: colour("accent"), size: 8 },
        error_y: { type: "data", array: bars.map((b) => b[0]), arrayminus: bars.map((b) => b[1]), color: colour("accent"), thickness: 1.5, width: 4 } };
      return {
        says: `Effect of ${effect.axis} on ${data.metric}: best at ${at} with ${measured(best)}. The numbers follow as a table.`,
        traces: [behind, means],
        layout: {
          xaxis: axisLook({ type: effect.scale === "log" ? "log" : "linear", showgrid: false,
            ...(few ? { tickvals: x, ticktext: effect.values.map(plain) } : { nticks: 5 }),
            ...(words ? { range: [-0.5, x.length - 0.5] } : {}) }),
          yaxis: axisLook({ range: [range[0] - room, range[1] + room], nticks: 5 }),
        },
      };
    });
    numbers(own, [effect.axis, "mean", "low", "high", "trials", "failed"], effect.values.map((value, i) =>
      [value, ...["mean", "low", "high"].map((name) => measured(effect[name][i])), String(effect.n[i]), String(effect.failed[i])]));
  });
  while (grid.children.length > data.effects.length) grid.lastChild.remove();
  find(`${id}-effects-section`).hidden = !data.effects.length;
}
