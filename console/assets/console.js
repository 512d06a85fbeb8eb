// Comfort for pages that work without it: keys, sorting of what is loaded, copying, and parts that stay up to date.
"use strict";

const typing = (target) => target.closest("input, select, textarea, [contenteditable]");
const help = document.getElementById("help");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("search").select();
  } else if (event.key === "?") {
    event.preventDefault();
    help.showModal();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    step(event);
  }
});

// From row to row: the link of a row has the focus, and Enter follows it.
function step(event) {
  const links = [...document.querySelectorAll("[data-rows] tbody th a")];
  if (links.length === 0 || help.open) return;
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? 0 : at + (event.key === "ArrowDown" ? 1 : -1);
  if (next < 0 || next >= links.length) return;
  event.preventDefault();
  links[next].focus();
}

for (const button of document.querySelectorAll("[data-help]")) {
  button.hidden = false;
  button.addEventListener("click", () => help.showModal());
}

// Sorts the rows of this page.
function sortable(table) {
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[head.cellIndex].dataset.order ?? row.cells[head.cellIndex].textContent.trim();
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => value(a).localeCompare(value(b), undefined, { numeric: true }) * (down ? -1 : 1));
      table.tBodies[0].append(...rows);
    });
  }
}

// A button beside what is to be copied. Its lines break between words, not at the hyphens within them.
function copyable(text) {
  const parts = text.textContent.split(/(\s+)/).map((part) => {
    if (!part.trim()) return part;
    const word = document.createElement("span");
    word.textContent = part;
    return word;
  });
  text.replaceChildren(...parts);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  });
  text.after(button);
}

// Loads a part again every few seconds, while somebody can see it. The header keeps no console open.
function live(part) {
  const notice = (kind, text) => {
    const made = document.createElement("p");
    made.className = kind;
    made.role = "status";
    made.hidden = true;
    made.textContent = text;
    part.after(made);
    return made;
  };
  const late = notice("notice warn", "This part is not up to date: nothing answers. It is asked for again.");
  const waiting = notice("hint", "Newer rows wait until the focus leaves these.");
  const above = notice("hint", "Newer rows are at the top of these.");
  part.addEventListener("scroll", () => { if (part.scrollTop === 0) above.hidden = true; });
  const ask = async () => {
    if (document.hidden) return again();
    try {
      const answer = await fetch(part.dataset.live, { headers: { "x-live": "1" } });
      late.hidden = answer.ok;
      if (!answer.ok) return again();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const source = part.dataset.part ? page.querySelector(part.dataset.part) : page.body;
      // A part that scrolls has the focus itself and goes on; what lies in it keeps the focus, and the part waits.
      const held = part !== document.activeElement && part.contains(document.activeElement);
      const differs = source && source.textContent !== part.textContent;
      waiting.hidden = !held || !differs || Boolean(part.dataset.part);
      const ends = part.dataset.part && source && !source.dataset.live;
      if (held && !ends) {
        // The button that has the focus stays; what it is about goes on.
        for (const kind of ["[role=status]", "progress"]) {
          const now = source?.querySelector(kind);
          if (now) part.querySelector(kind)?.replaceWith(now);
        }
        return again();
      }
      if (differs) {
        const below = part.scrollHeight - part.scrollTop;
        above.hidden = part.scrollTop === 0;
        part.replaceChildren(...source.childNodes);
        if (!above.hidden) part.scrollTop = part.scrollHeight - below;
      }
      if (ends) {
        part.tabIndex = -1;
        if (held) part.focus();
        return dress(part);
      }
    } catch {
      // The console has ended, or the machine sleeps: the page stays as it is.
      late.hidden = false;
    }
    again();
  };
  const again = () => setTimeout(ask, 1000 * Number(part.dataset.seconds));
  again();
}

// A file that is dropped is as one that is chosen. One that is too large is not sent.
function droppable(zone) {
  const input = zone.querySelector("input[type=file]");
  const mark = (event) => {
    event.preventDefault();
    zone.classList.toggle("over", event.type === "dragover");
  };
  for (const kind of ["dragover", "dragleave", "drop"]) zone.addEventListener(kind, mark);
  zone.addEventListener("drop", (event) => {
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change"));
  });
  input.addEventListener("change", () => {
    const large = [...input.files].some((file) => file.size > Number(input.dataset.largest));
    input.setCustomValidity(large ? "The file is larger than 32 MiB. Part it, or move it in by the command line." : "");
    input.reportValidity();
  });
}

// Ticks every row of the page, or none.
function tickable(button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const boxes = [...document.querySelectorAll("input[name=license][form=bulk]")];
    const all = boxes.every((box) => box.checked);
    for (const box of boxes) box.checked = !all;
    button.textContent = all ? "Tick all shown" : "Tick none";
  });
}

// A form names the address that shows it filled. The browser's Back leads there, and not to the empty form.
document.addEventListener("submit", (event) => {
  const { back } = event.target.elements;
  if (back) history.replaceState(null, "", document.querySelector(".name").href + back.value);
});

function dress(root) {
  root.querySelectorAll("[data-drop]").forEach(droppable);
  root.querySelectorAll("[data-tick]").forEach(tickable);
  root.querySelectorAll("table[data-rows]").forEach(sortable);
  root.querySelectorAll("pre.copy").forEach(copyable);
}

dress(document);
document.querySelectorAll("[data-live]").forEach(live);
