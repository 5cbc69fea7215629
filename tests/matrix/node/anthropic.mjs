// The official Anthropic SDK for Node doing the jobs of the matrix.
import Anthropic from "@anthropic-ai/sdk";
import { MOST_TURNS, doJobs } from "./jobs.mjs";

async function answer(client, job, messages, members) {
  const request = { ...members, model: job.model, messages };
  return job.kind === "plain" ? client.messages.create(request) : client.messages.stream(request).finalMessage();
}

await doJobs(async (url, key, job) => {
  const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
  const { messages: first, ...members } = job.members;
  const messages = [...first];
  const turns = [];
  while (turns.length < MOST_TURNS) {
    const message = await answer(client, job, messages, members);
    const calls = message.content.filter((block) => block.type === "tool_use");
    turns.push({
      text: message.content.map((block) => (block.type === "text" ? block.text : "")).join(""),
      calls: calls.map((call) => [call.name, call.input]),
      finish: message.stop_reason,
      input: message.usage.input_tokens,
      output: message.usage.output_tokens,
      cost: message.usage.cost,
    });
    if (!calls.length) break;
    messages.push({ role: "assistant", content: message.content });
    messages.push({
      role: "user",
      content: calls.map((call) => ({
        type: "tool_result",
        tool_use_id: call.id,
        content: job.weather[call.input.city] ?? "unknown",
      })),
    });
  }
  return { turns };
});
