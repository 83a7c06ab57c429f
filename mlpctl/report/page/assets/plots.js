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
