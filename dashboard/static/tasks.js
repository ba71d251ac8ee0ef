// Selecting rows: one, a stretch with Shift, a page. While rows are selected, live.js leaves the list as it is.
const boxes = () => [...document.querySelectorAll("[data-select]")];
const told = document.querySelector("[data-selected]");
let last = null;

function tell() {
  const number = boxes().filter((box) => box.checked).length;
  if (told) told.textContent = number ? `${number} selected:` : "Selected:";
  document.body.toggleAttribute("data-selecting", number > 0);
  document.dispatchEvent(new CustomEvent("selection", { detail: number }));
  const page = document.querySelector("[data-select-page]");
  if (page) {
    page.hidden = false;
    page.checked = number > 0 && number === boxes().length;
    page.indeterminate = number > 0 && !page.checked;
  }
}

document.addEventListener("click", (event) => {
  const box = event.target.closest("[data-select]");
  if (!box) return;
  if (event.shiftKey && last?.isConnected) {
    const all = boxes();
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const between of all.slice(from, to + 1)) between.checked = box.checked;
  }
  last = box;
  tell();
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-select-page]")) {
    for (const box of boxes()) box.checked = event.target.checked;
    tell();
  } else if (event.target.matches("[data-select]")) tell();
});

document.addEventListener("refreshed", tell);
tell();
