// A page that is served asks for changes; what a reader chose, and where they are, stays.

const BETWEEN = 2000; // ms between two looks, more where the server is slow

function keepFresh(build) {
  if (!document.documentElement.hasAttribute("data-live")) return;
  async function look() {
    const began = performance.now();
    try {
      const now = await (await fetch("status", { cache: "no-store" })).json();
      if (now.version !== find("status").dataset.version) {
        renew(await (await fetch("main", { cache: "no-store" })).text());
        build();
      }
      tell(now.status);
    } catch {
      tell("The server of this page has ended; this is what it said last.");
    }
    setTimeout(look, Math.max(BETWEEN, 4 * (performance.now() - began)));
  }
  look();
}

function tell(text) {
  const status = find("status");
  if (status && status.textContent !== text) status.textContent = text;
}

// Put in new words and data; the tables, plots and controls that are there are kept, unless the parts of the page changed.
function renew(text) {
  const main = find("main"), next = new DOMParser().parseFromString(text, "text/html").body;
  const words = [...next.querySelectorAll("[data-words]")];
  if (words.length !== main.querySelectorAll("[data-words]").length || !words.every((fresh) => find(fresh.id))) {
    main.replaceChildren(...next.childNodes);
    return;
  }
  for (const fresh of words) {
    const old = find(fresh.id);
    if (fresh.id === "status") old.dataset.version = fresh.dataset.version;
    else if (old.innerHTML !== fresh.innerHTML) old.replaceChildren(...fresh.childNodes);
  }
  for (const data of next.querySelectorAll("script[type='application/json']")) find(data.id).textContent = data.textContent;
}
