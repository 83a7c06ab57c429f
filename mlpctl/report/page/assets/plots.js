// Plots by plotly.js, all SVG: no WebGL, so they work everywhere and print. Each has its numbers as a table below it.

const plots = new Map(); // id of a figure -> draws it again, in the colours of the moment
let plotlyIsHere = null;

// Unpack plotly.js, which travels in the page as gzip and base64.
function unpack() {
  plotlyIsHere ??= (async () => {
    const packed = Uint8Array.from(atob(find("plotly").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    document.head.append(make("script", { textContent: await new Response(stream).text() }));
  })();
  return plotlyIsHere;
}

// Plotly reads its texts as a kind of HTML: what users typed must stay text.
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// A colour of the style sheet, all of which are written #rrggbb, and how much of it.
function faint(name, share) {
  const [r, g, b] = colour(name).match(/[0-9a-f]{2}/gi).map((two) => parseInt(two, 16));
  return `rgba(${r},${g},${b},${share})`;
}

function axisLook(given) {
  return {
    gridcolor: colour("line"), linecolor: colour("line"), zeroline: false, automargin: true, fixedrange: true,
    tickfont: { color: colour("soft") }, ticks: "", ...given, title: given.title && { text: plain(given.title), standoff: 8 },
  };
}

// Draw a figure now, and again when the colours change; `what` returns {traces, layout, says}.
function plot(id, what) {
  plots.set(id, async () => {
    const place = find(id)?.querySelector(".plot");
    if (!place) return plots.delete(id);
    const { traces, layout, says } = what(place.clientWidth);
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", says);
    const look = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false, showlegend: false, autosize: true,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("ink") },
      hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") }, align: "left" },
      height: place.classList.contains("large") ? 380 : 230, margin: { l: 8, r: 12, t: 14, b: 8 }, ...layout,
    };
    place.style.minHeight = `${look.height}px`;
    await Plotly.react(place, traces, look, { displayModeBar: false, responsive: true });
  });
}

async function drawAll() {
  await unpack();
  for (const draw of [...plots.values()]) {
    await draw();
    await new Promise((done) => setTimeout(done)); // the page answers between two plots
  }
  document.documentElement.setAttribute("data-drawn", "");
}

// The numbers of a plot, as a table that opens.
function numbers(id, columns, rows) {
  const figure = find(id);
  const there = figure.querySelector("details");
  const open = there?.open ?? false;
  there?.remove();
  const cells = (tag, row) => row.map((cell, c) =>
    c ? make(tag, { className: "number", attributes: tag === "th" ? { scope: "col" } : {} }, cell)
      : make("th", { attributes: { scope: tag === "th" ? "col" : "row" } }, cell));
  figure.append(make("details", { open }, make("summary", {}, "Numbers"),
    make("div", { className: "scroll", tabIndex: 0, attributes: { role: "region", "aria-label": "Numbers of the plot" } },
      make("table", {}, make("caption", { className: "unseen" }, figure.querySelector("figcaption").textContent),
        make("thead", {}, make("tr", {}, ...cells("th", columns))),
        make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells("td", row))))))));
}

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

function heatMap(id, data) {
  const section = find(`${id}-together-section`), form = section.querySelector("form");
  section.hidden = !data.pairs.length;
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
      heatMap(id, data);
      plots.get(`${id}-together`)();
    };
  });
  const straight = data.pairs.find((pair) => pair.rows === mine.rows && pair.columns === mine.columns);
  const pair = straight ?? data.pairs.find((p) => p.rows === mine.columns && p.columns === mine.rows);
  const turned = (grid) => (straight ? grid : grid[0].map((_, c) => grid.map((row) => row[c])));
  const [mean, n, failed] = ["mean", "n", "failed"].map((name) => turned(pair[name]));
  const [down, across] = [data.axes[mine.rows], data.axes[mine.columns]];
  const said = (r, c) => (mean[r][c] !== null ? measured(mean[r][c]) : failed[r][c] ? "failed" : n[r][c] === null ? "not run" : "no score");
  plot(`${id}-together`, (width) => {
    const legible = width / across.values.length > 55 && down.values.length <= 24;
    return {
      says: `Heat map of ${data.metric} by ${down.label} and ${across.label}. The numbers follow as a table.`,
      traces: [{ type: "heatmap", z: mean, x: across.values.map((_, i) => i), y: down.values.map((_, i) => i), colorscale: "Cividis",
        reversescale: data.better === "low", xgap: 2, ygap: 2, hoverongaps: true, hoverinfo: "text",
        hovertext: mean.map((row, r) => row.map((_, c) => plain(`${down.label} ${down.values[r]}, ${across.label} ${across.values[c]}: ${said(r, c)}, ${n[r][c] ?? 0} trials`))),
        text: mean.map((row) => row.map((cell) => measured(cell))), ...(legible ? { texttemplate: "%{text}" } : {}),
        colorbar: { thickness: 10, outlinewidth: 0, tickfont: { color: colour("soft") }, nticks: 5 } }],
      layout: {
        height: Math.max(240, Math.min(640, 90 + 44 * down.values.length)),
        xaxis: axisLook({ title: across.label, tickvals: across.values.map((_, i) => i), ticktext: across.values.map(plain), showgrid: false }),
        yaxis: axisLook({ title: down.label, tickvals: down.values.map((_, i) => i), ticktext: down.values.map(plain), showgrid: false }),
      },
    };
  });
  numbers(`${id}-together`, [`${down.label} \\ ${across.label}`, ...across.values], down.values.map((value, r) => [value, ...across.values.map((_, c) => said(r, c))]));
}
