// The waveform above each player, from the peaks that the worker computed, and the word being spoken, lit in the text.
import { colour } from "./colour.js";
import WaveSurfer from "./vendor/wavesurfer.esm.js";

const SHOWN = 4000; // characters of a text that stand on the page

const asked = new Set();
const stoppedAt = new Map(); // seconds, by the region of a text whose sound was heard while it was made

document.addEventListener("pause", (event) => {
  if (event.target.closest("[data-follow]") && !event.target.ended) {
    stoppedAt.set(event.target.closest("[data-live]").dataset.live, event.target.currentTime);
  }
}, true);

async function json(address) {
  const answer = await fetch(address);
  return answer.ok ? answer.json() : null;
}

async function drawWave(player, audio) {
  const found = await json(player.dataset.peaks);
  if (!found) return;
  const scale = 2 ** (found.bits - 1);
  const highest = found.data.filter((_, index) => index % 2).map((value, index) => Math.max(value, -found.data[2 * index]) / scale);
  const wave = player.querySelector("[data-wave]");
  wave.hidden = false;
  WaveSurfer.create({
    container: wave,
    media: audio,
    peaks: [highest],
    duration: Number(player.dataset.seconds),
    height: 64,
    barWidth: 2,
    barGap: 1,
    normalize: true,
    waveColor: colour("--field-line"),
    progressColor: colour("--accent"),
    cspNonce: document.body.dataset.styleNonce,
  });
}

// Offsets are in characters (code points), strings in UTF-16 units.
function spansOf(text, words) {
  const characters = [...text];
  const parts = [];
  let place = 0;
  for (const word of words) {
    if (word.start_char < place || word.end_char > characters.length) continue;
    parts.push(characters.slice(place, word.start_char).join(""));
    const span = document.createElement("span");
    span.className = "word";
    span.dataset.start = word.start;
    span.textContent = characters.slice(word.start_char, word.end_char).join("");
    parts.push(span);
    place = word.end_char;
  }
  parts.push(characters.slice(place).join(""));
  return parts;
}

async function lightWords(player, audio) {
  const text = document.getElementById(player.dataset.text);
  const found = text && await json(player.dataset.words);
  if (!found) return;
  const words = found.words.filter((word) => word.end_char <= SHOWN).sort((a, b) => a.start_char - b.start_char);
  text.replaceChildren(...spansOf(text.textContent, words));
  const spans = [...text.querySelectorAll(".word")].map((span) => ({ span, start: Number(span.dataset.start) })).sort((a, b) => a.start - b.start);
  let lit = null;
  let frame = 0;
  function light() {
    let low = 0, high = spans.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (spans[middle].start <= audio.currentTime) low = middle + 1;
      else high = middle;
    }
    const now = audio.currentTime > 0 && !audio.ended ? spans[low - 1]?.span ?? null : null;
    if (now !== lit) {
      lit?.classList.remove("lit");
      now?.classList.add("lit");
      lit = now;
      if (now && !audio.paused) {
        const top = now.offsetTop - text.offsetTop;
        if (top < text.scrollTop || top > text.scrollTop + text.clientHeight - 40) text.scrollTop = top - 20;
      }
    }
    if (!audio.paused) frame = requestAnimationFrame(light);
  }
  for (const name of ["play", "seeking", "ended", "pause"]) {
    audio.addEventListener(name, () => { cancelAnimationFrame(frame); light(); });
  }
  text.addEventListener("click", (event) => {
    const word = event.target.closest(".word");
    if (word && !String(getSelection())) audio.currentTime = Number(word.dataset.start);
  });
}

function equip() {
  for (const player of document.querySelectorAll("[data-player]")) {
    if (asked.has(player)) continue;
    asked.add(player);
    const audio = player.querySelector("audio");
    const place = stoppedAt.get(player.closest("[data-live]").dataset.live);
    if (place) audio.currentTime = place;
    const start = () => {
      if (player.dataset.peaks) drawWave(player, audio).catch(() => {});
      if (player.dataset.words) lightWords(player, audio).catch(() => {});
    };
    if (audio.preload === "none") audio.addEventListener("play", start, { once: true });
    else start();
  }
}

document.addEventListener("refreshed", equip);
equip();
