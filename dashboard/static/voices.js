// Finding a voice among the cards.
const filter = document.querySelector("[data-voice-filter]");
const cards = [...document.querySelectorAll(".voice-card")];
const [words, language, sex] = ["find-voice", "voice-language", "voice-sex"].map((id) => document.getElementById(id));

function find() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const card of cards) {
    const told = card.textContent.toLowerCase();
    card.hidden = !wanted.every((word) => told.includes(word)) ||
      (language.value !== "" && card.dataset.language !== language.value) || (sex.value !== "" && card.dataset.sex !== sex.value);
    found += !card.hidden;
  }
  filter.querySelector("[data-found]").textContent = `${found} of ${cards.length}`;
}

filter.hidden = false;
filter.addEventListener("input", find);
filter.addEventListener("submit", (event) => event.preventDefault());
find();
