// OpenAI's official Node client, as it comes from the registry, against the service at SAYATHING_URL.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const url = process.env.SAYATHING_URL;
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, timeout: 60_000 });
const asked = { model: "tts-1", voice: "alloy", input: "Nothing is lost on the way." };
const book = Array.from({ length: 2000 }, (_, n) => `Sentence ${n} of a book goes on for a while.`).join(" ");

const begins = {
  mp3: (bytes) => bytes.toString("latin1", 0, 3) === "ID3",
  opus: (bytes) => bytes.toString("latin1", 0, 4) === "OggS",
  aac: (bytes) => bytes[0] === 0xff && (bytes[1] & 0xf0) === 0xf0,
  flac: (bytes) => bytes.toString("latin1", 0, 4) === "fLaC",
  wav: (bytes) => bytes.toString("latin1", 0, 4) === "RIFF",
  pcm: (bytes) => bytes.length % 2 === 0,
};

async function stateOf(task) {
  return (await (await fetch(`${url}/tasks/${task}`)).json()).state;
}

for (const [format, fits] of Object.entries(begins)) {
  test(`speech as ${format}`, async () => {
    const answer = await client.audio.speech.create({ ...asked, response_format: format });
    const bytes = Buffer.from(await answer.arrayBuffer());
    assert.ok(bytes.length > 2000 && fits(bytes), `${bytes.length} bytes that begin with ${bytes.subarray(0, 4)}`);
  });
}

test("the sound streams, and a client that leaves cancels its task", async () => {
  const answer = await client.audio.speech.create({ ...asked, input: book, response_format: "wav" });
  const reader = answer.body.getReader();
  const { value } = await reader.read();
  assert.ok(value.length > 0);
  const task = answer.headers.get("x-task-id");
  assert.equal(await stateOf(task), "processing");
  await reader.cancel();
  const deadline = Date.now() + 20_000;
  while ((await stateOf(task)) !== "cancelled") {
    assert.ok(Date.now() < deadline, "the task was not cancelled");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test("events carry the sound and its usage", async () => {
  const answer = await client.audio.speech.create({ ...asked, stream_format: "sse", response_format: "mp3" });
  const events = (await answer.text())
    .split("\n\n")
    .filter(Boolean)
    .map((event) => JSON.parse(event.replace(/^data: /, "")));
  const done = events.pop();
  assert.equal(done.type, "speech.audio.done");
  assert.equal(done.usage.input_tokens, asked.input.length);
  assert.ok(events.every((event) => event.type === "speech.audio.delta"));
  const sound = Buffer.concat(events.map((event) => Buffer.from(event.audio, "base64")));
  assert.ok(begins.mp3(sound));
});

test("models", async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.ok(names.includes("tts-1") && names.includes("kokoro"));
  assert.equal((await client.models.retrieve("tts-1")).id, "tts-1");
});

const refusals = [
  [{ model: "gpt-9" }, OpenAI.NotFoundError, "model"],
  [{ voice: "bob" }, OpenAI.BadRequestError, "voice"],
  [{ speed: 4 }, OpenAI.BadRequestError, "speed"],
  [{ instructions: "Whisper." }, OpenAI.BadRequestError, "instructions"],
  [{ input: "" }, OpenAI.BadRequestError, "input"],
  [{ colour: "red" }, OpenAI.BadRequestError, "colour"],
];
for (const [fields, kind, param] of refusals) {
  test(`${JSON.stringify(fields)} is refused as the client's own error`, async () => {
    await assert.rejects(client.audio.speech.create({ ...asked, ...fields }), (error) => {
      assert.ok(error instanceof kind, error.constructor.name);
      assert.equal(error.param, param);
      assert.ok(error.requestID);
      return true;
    });
  });
}

test("a task that is cancelled in the midst breaks the stream", async () => {
  const answer = await client.audio.speech.create({ ...asked, input: `${book} Once more.`, response_format: "wav" });
  const reader = answer.body.getReader();
  await reader.read();
  await fetch(`${url}/tasks/${answer.headers.get("x-task-id")}/cancel`, { method: "POST" });
  await assert.rejects(async () => {
    while (!(await reader.read()).done);
  });
});
