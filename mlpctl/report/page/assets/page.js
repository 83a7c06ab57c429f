// From the data in the page to its tables and plots.

function build() {
  for (const article of document.querySelectorAll("article")) part(article.id, JSON.parse(find(`${article.id}-data`).textContent));
  document.title = document.querySelector("h1")?.textContent ?? document.title;
  drawAll();
}

function part(id, data) {
  const columns = data.configurations.map((column, k) => ({ ...column, values: decode(column), places: column.places }));
  const axes = columns.slice(0, data.axes.length);
  data.names = (i) => `${i + 1}. ${axes.filter((axis) => axis.values[i] !== null).map((axis) => `${axis.name} ${chosen(axis.values[i])}`).join(", ")}`;
  const get = (name) => columns.find((column) => column.name === name);
  const said = get("verdict");
  table(`${id}-configurations`, configurationColumns(data, axes, get), {
    mark: (i) => (i === 0 ? "best alike" : said?.values[i].startsWith("close") ? "alike" : ""),
    onRows: (rows) => {
      parallelPlot(id, data, columns, rows);
      if (window.Plotly) plots.get(`${id}-parallel`)?.();
    },
  });
  table(`${id}-trials`, trialColumns(data));
  settingsPlot(id, data);
  heatMap(id, data, axes);
  effectPlots(id, data);
  curvePlot(id, data);
}

function configurationColumns(data, axes, get) {
  const [mean, low, high] = ["mean", "low", "high"].map((name) => get(name).values);
  const columns = [
    { name: "rank", values: mean.map((_, i) => i + 1), text: String, number: true, filter: false },
    ...axes.map((axis) => ({ name: axis.name, values: axis.values, text: chosen, number: isNumber(axis.values) })),
    { name: data.metric, values: mean, text: measured, number: true, filter: "range" },
  ];
  if (low.some((value) => value !== null)) {
    const cell = (shown) => rangeCell(mean, low, high, shown);
    columns.push({ name: "95 % interval", values: low, text: measured, filter: false, cell });
  }
  for (const name of ["verdict", "seeds", "failed"]) {
    const column = get(name);
    const words = name === "verdict";
    if (column) columns.push({ name, values: column.values, text: words ? String : chosen, number: !words, filter: words ? undefined : false });
  }
  return columns;
}

function trialColumns(data) {
  return data.trials.map((column) => {
    const values = decode(column), number = isNumber(values);
    if (["rank", "trial"].includes(column.name)) return { name: column.name, values, number, text: chosen, filter: false };
    return { name: column.name, values, number, text: column.measured ? measured : chosen, filter: column.measured ? "range" : undefined };
  });
}

const isNumber = (values) => values.every((value) => value === null || typeof value === "number");

// The interval of a row as a line with a dot, all rows that are shown on one scale.
function rangeCell(mean, low, high, shown) {
  const [from, to] = extent(shown.flatMap((i) => [mean[i], low[i], high[i]]));
  const at = (value) => `${(100 * (value - from)) / (to - from || 1)}%`;
  return (i) => {
    if (mean[i] === null) return "";
    const line = make("i"), dot = make("b");
    if (low[i] !== null) Object.assign(line.style, { left: at(low[i]), right: `calc(100% - ${at(high[i])})` });
    dot.style.left = at(mean[i]);
    const words = low[i] === null ? "" : `${measured(low[i])} – ${measured(high[i])}`;
    return make("span", { className: "interval" }, make("span", { className: "range", attributes: { "aria-hidden": "true" } }, line, dot), words);
  };
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  const code = button.previousElementSibling;
  getSelection().selectAllChildren(code);
  const done = await navigator.clipboard?.writeText(code.textContent).then(() => true, () => false);
  button.textContent = done ? "Copied" : "Selected";
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
addEventListener("beforeprint", drawAll);
addEventListener("afterprint", drawAll);
build();
keepFresh(build);
