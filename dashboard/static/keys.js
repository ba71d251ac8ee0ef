// Keys, one player for a page's small play links, copying, and questions before what cannot be taken back.
const GO_MS = 1200; // how long `g` waits for its second key

const help = document.querySelector("[data-help-dialog]");
const rows = () => [...document.querySelectorAll("tbody tr[data-key], [data-row]")].filter((row) => row.offsetParent);
let wentAt = -GO_MS;
let sound = null;
let playing = null; // the link or button whose sound it is

function mark(element, isPlaying) {
  element?.toggleAttribute("data-playing", isPlaying);
  if (element) element.firstChild.nodeValue = element.firstChild.nodeValue.replace(/[▶⏸]/, isPlaying ? "⏸" : "▶");
}

/** Plays what is at the address, or holds it where it plays already; the element begins with the sign for it. */
export function play(element, address) {
  sound ??= new Audio();
  const isSame = playing === element && sound.src === new URL(address, location).href && !sound.error;
  if (isSame && !sound.paused) {
    sound.pause();
    return;
  }
  mark(playing, false);
  delete element.dataset.failed;
  if (!isSame) sound.src = address;
  playing = element;
  mark(element, true);
  sound.onpause = sound.onended = () => mark(element, false);
  sound.onerror = () => {
    mark(element, false);
    element.dataset.failed = "";
  };
  sound.play().catch(() => mark(element, false)); // held before it began, or refused: `onerror` tells of the latter
}

function current() {
  return rows().find((row) => row.contains(document.activeElement));
}

function step(by) {
  const all = rows();
  const place = all.indexOf(current());
  const next = all[place < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, place + by))];
  const target = next?.querySelector("th a, h2 ~ * a, a, button") ?? next;
  if (target === next) next?.setAttribute("tabindex", "-1");
  target?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function playHere() {
  const link = current()?.querySelector("[data-play]");
  const audio = document.querySelector("[data-player] audio, [data-follow] audio");
  if (link) play(link, link.href);
  else if (audio) audio.paused ? audio.play() : audio.pause();
  else {
    const first = document.querySelector("[data-play]");
    if (first) play(first, first.href);
  }
}

const isTyping = (element) => element.isContentEditable || /^(TEXTAREA|SELECT)$/.test(element.tagName) ||
  (element.tagName === "INPUT" && element.type !== "checkbox");

const acts = {
  "/": () => document.querySelector("[data-filter]")?.focus(),
  j: () => step(1),
  k: () => step(-1),
  x: () => current()?.querySelector("[data-select]")?.click(),
  Enter: () => current()?.querySelector("th a")?.click(),
  p: playHere,
  r: () => document.querySelector("[data-pause]")?.click(),
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || help.open) return;
  if (event.key === "g") {
    wentAt = performance.now();
    return;
  }
  if (performance.now() - wentAt < GO_MS) {
    wentAt = -GO_MS;
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) {
      event.preventDefault();
      link.click();
    }
    return;
  }
  const onControl = event.target.closest("a, button, summary, audio");
  if (event.key === "Enter" && onControl) return;
  const act = acts[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-play]");
  if (link) {
    event.preventDefault();
    play(link, link.href);
  }
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const code = copy.closest(".copy").querySelector("code");
    navigator.clipboard.writeText(code.textContent).then(() => {
      copy.firstChild.nodeValue = "Copied";
      setTimeout(() => { copy.firstChild.nodeValue = "Copy"; }, 2000);
    }, () => getSelection().selectAllChildren(code)); // not allowed here: then one key copies it
  }
  if (event.target.closest("[data-help]")) help.showModal();
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
