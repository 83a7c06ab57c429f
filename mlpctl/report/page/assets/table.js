// A table that is sorted, filtered and shown a page at a time; parallel to it, who listens learns which rows remain.

const CHOICES = 20; // values up to which a column is filtered by picking one

// Show rows of `columns` ({name, values, text, number, cell, filter}) in the table with an id.
function table(id, columns, { mark = () => "", onRows = () => {} } = {}) {
  const mine = (state[id] ??= { sort: null, down: false, search: "", picks: {}, page: 0, size: 25 });
  const root = find(id), form = find(`${id}-filters`).querySelector("form"), pager = find(`${id}-pager`);
  const all = Array.from(columns[0].values, (_, i) => i);
  let rows = all;

  function renew() {
    const words = mine.search.toLowerCase().split(/\s+/).filter(Boolean);
    const tests = columns.flatMap((column) => {
      const pick = mine.picks[column.name];
      if (!pick) return [];
      if (typeof pick === "string") return [(i) => column.text(column.values[i]) === pick];
      const [low, high] = pick;
      return [(i) => column.values[i] !== null && column.values[i] >= low && column.values[i] <= high];
    });
    rows = all.filter((i) => tests.every((test) => test(i)) && (!words.length || matches(i, words)));
    onRows(rows);
    const by = columns.find((column) => column.name === mine.sort);
    if (by) {
      const way = mine.down ? -1 : 1;
      rows = rows.slice().sort((a, b) => {
        const [x, y] = [by.values[a], by.values[b]];
        return x === null || y === null ? compare(x, y) : way * compare(x, y) || a - b;
      });
    }
    show();
  }

  function matches(i, words) {
    const line = columns.map((column) => `${column.name} ${column.text(column.values[i])}`).join(" ").toLowerCase();
    return words.every((word) => line.includes(word));
  }

  function show() {
    const pages = Math.max(1, Math.ceil(rows.length / mine.size));
    mine.page = Math.min(mine.page, pages - 1);
    const shown = rows.slice(mine.page * mine.size, (mine.page + 1) * mine.size);
    const drawn = columns.map((column) => column.cell?.(shown));
    root.tBodies[0].replaceChildren(...shown.map((i) => make("tr", { className: mark(i) }, ...columns.map((column, c) => {
      const text = column.text(column.values[i]);
      const given = { className: column.number ? "number" : "", title: text.length > 30 ? text : "" };
      return c ? make("td", given, drawn[c] ? drawn[c](i) : text)
        : make("th", { ...given, attributes: { scope: "row" } }, text);
    }))));
    for (const [c, head] of [...root.tHead.rows[0].cells].entries()) {
      const sorted = columns[c].name === mine.sort;
      if (sorted) head.setAttribute("aria-sort", mine.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      head.querySelector("span").textContent = sorted ? (mine.down ? " ▼" : " ▲") : "";
    }
    const [count, back, on] = pager.children;
    const from = rows.length ? mine.page * mine.size + 1 : 0, to = Math.min(rows.length, (mine.page + 1) * mine.size);
    const of = rows.length === all.length ? "" : `, picked from ${all.length.toLocaleString("en")}`;
    count.textContent = `${from.toLocaleString("en")}–${to.toLocaleString("en")} of ${rows.length.toLocaleString("en")}${of}`;
    [back.disabled, on.disabled] = [mine.page === 0, mine.page >= pages - 1];
    back.hidden = on.hidden = pages === 1;
  }

  const made = JSON.stringify(columns.map((column) => [column.name, levels(column)]));
  if (root.made !== made) {
    root.made = made;
    const focused = document.activeElement?.id;
    root.tHead.replaceChildren(make("tr", {}, ...columns.map((column) => {
      const button = make("button", { type: "button" }, column.name, make("span", { attributes: { "aria-hidden": "true" } }));
      return make("th", { className: column.number ? "number" : "", attributes: { scope: "col" } }, button);
    })));
    form.replaceChildren(...controls());
    pager.replaceChildren(make("span", { attributes: { role: "status" } }), make("button", { type: "button" }, "Previous"),
      make("button", { type: "button" }, "Next"));
    if (focused) find(focused)?.focus({ preventScroll: true });
  }

  function levels(column) {
    if (column.filter === false) return null;
    const known = [...new Set(column.values)];
    if (known.length > 1 && known.length <= CHOICES && column.filter !== "range") return known.sort(compare).map(column.text);
    return null;
  }

  function controls() {
    const search = make("input", { type: "search", id: `${id}-search`, value: mine.search });
    search.oninput = () => pick(() => (mine.search = search.value));
    const fields = [make("label", {}, "Search", search)];
    for (const column of columns) {
      const known = levels(column);
      if (known) fields.push(choice(column, known));
      else if (column.filter === "range" || (column.number && column.filter !== false)) fields.push(range(column));
    }
    const clear = make("button", { type: "reset" }, "Clear");
    form.onreset = () => pick(() => Object.assign(mine, { search: "", picks: {} }));
    form.onsubmit = (event) => event.preventDefault();
    search.defaultValue = "";
    search.value = mine.search;
    return [...fields, clear];
  }

  function choice(column, known) {
    const options = ["any", ...known].map((text, k) => make("option", { value: k ? text : "", defaultSelected: !k }, text));
    const select = make("select", { id: `${id}-pick-${column.name}` }, ...options);
    select.value = mine.picks[column.name] ?? "";
    select.onchange = () => pick(() => (mine.picks[column.name] = select.value));
    return make("label", {}, column.name, select);
  }

  function range(column) {
    const inputs = ["from", "to"].map((end, k) => {
      const bound = mine.picks[column.name]?.[k];
      const input = make("input", { type: "number", step: "any", placeholder: end, id: `${id}-${end}-${column.name}` });
      input.setAttribute("aria-label", `${column.name} ${end}`);
      input.value = Number.isFinite(bound) ? bound : "";
      return input;
    });
    const changed = () => pick(() => {
      const [low, high] = inputs.map((input) => input.value);
      mine.picks[column.name] = low === "" && high === "" ? "" : [low === "" ? -Infinity : +low, high === "" ? Infinity : +high];
    });
    for (const input of inputs) input.oninput = changed;
    return make("fieldset", {}, make("legend", {}, column.name), ...inputs);
  }

  function pick(change) {
    change();
    mine.page = 0;
    mine.renew();
  }

  mine.renew = renew; // the newest data, whoever holds an older control
  root.tHead.onclick = (event) => {
    const head = event.target.closest("button")?.closest("th");
    if (!head) return;
    const name = columns[head.cellIndex].name;
    if (mine.sort !== name) Object.assign(mine, { sort: name, down: false });
    else if (!mine.down) mine.down = true;
    else mine.sort = null; // as it came: best first
    mine.page = 0;
    mine.renew();
  };
  const [, back, on] = pager.children;
  back.onclick = () => { mine.page -= 1; show(); };
  on.onclick = () => { mine.page += 1; show(); };
  renew();
}
