// The length of the text, voices by language and sex, and how they sound.
import { play } from "./keys.js";

const form = document.querySelector("[data-speak]");

function told(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

if (form) {
  const text = form.elements.text;
  const voice = form.elements.voice;
  const length = form.querySelector("[data-length]");
  const usual = length.textContent;
  const hear = form.querySelector("[data-hear]");
  const [byLanguage, bySex] = [form.querySelector("[data-by-language]"), form.querySelector("[data-by-sex]")];
  const every = voice.cloneNode(true);

  const count = () => {
    const characters = [...text.value.trim()].length;
    const seconds = characters / Number(form.dataset.pace) / Number(form.elements.speed.value || 1);
    length.textContent = characters ? `${characters.toLocaleString("en")} characters, about ${told(seconds)} of audio` : usual;
  };
  const offer = () => { hear.hidden = !voice.selectedOptions[0]?.dataset.sample; };
  const filter = () => {
    const chosen = voice.value;
    const fresh = every.cloneNode(true);
    for (const option of fresh.querySelectorAll("option")) {
      const { language, sex } = option.dataset;
      if ((byLanguage.value && language !== byLanguage.value) || (bySex.value && sex !== bySex.value)) option.remove();
    }
    for (const group of fresh.querySelectorAll("optgroup")) if (!group.children.length) group.remove();
    if (fresh.options.length) voice.replaceChildren(...fresh.children);
    if ([...voice.options].some((option) => option.value === chosen)) voice.value = chosen;
    offer();
  };

  form.querySelector("[data-voice-tools]").hidden = false;
  form.addEventListener("input", count);
  voice.addEventListener("change", offer);
  byLanguage.addEventListener("change", filter);
  bySex.addEventListener("change", filter);
  hear.addEventListener("click", () => play(hear, voice.selectedOptions[0].dataset.sample));
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  count();
  offer();
}
