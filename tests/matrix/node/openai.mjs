// The official OpenAI SDK for Node doing the jobs of the matrix.
import OpenAI from "openai";
import { MOST_TURNS, doJobs } from "./jobs.mjs";

async function answer(client, job, messages, members) {
  const request = { ...members, model: job.model, messages };
  if (job.kind === "plain") return client.chat.completions.create(request);
  const streamed = { ...request, stream_options: { include_usage: true } };
  return client.chat.completions.stream(streamed).finalChatCompletion();
}

await doJobs(async (url, key, job) => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  if (job.kind === "embeddings") {
    const found = await client.embeddings.create({ ...job.members, model: job.model });
    return { vectors: found.data.map((one) => Array.from(one.embedding)), input: found.usage.prompt_tokens };
  }
  const { messages: first, ...members } = job.members;
  const messages = [...first];
  const turns = [];
  while (turns.length < MOST_TURNS) {
    const { choices, usage } = await answer(client, job, messages, members);
    const { message, finish_reason: finish } = choices[0];
    const calls = message.tool_calls ?? [];
    turns.push({
      text: message.content ?? "",
      calls: calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
      finish,
      input: usage.prompt_tokens,
      output: usage.completion_tokens,
      cost: usage.cost,
    });
    if (!calls.length) break;
    messages.push(message);
    for (const call of calls) {
      const { city } = JSON.parse(call.function.arguments);
      messages.push({ role: "tool", tool_call_id: call.id, content: job.weather[city] ?? "unknown" });
    }
  }
  return { turns };
});
