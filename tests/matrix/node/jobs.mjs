// Reads {url, key, jobs} from standard input, does the jobs one after another and prints {id: outcome} as JSON.

export async function doJobs(run) {
  let text = "";
  for await (const piece of process.stdin) text += piece;
  const { url, key, jobs } = JSON.parse(text);
  const outcomes = {};
  for (const job of jobs) {
    try {
      outcomes[job.id] = await run(url, key, job);
    } catch (problem) {
      outcomes[job.id] = { error: String(problem.message ?? problem) + " " + JSON.stringify(problem.error ?? null) };
    }
  }
  process.stdout.write(JSON.stringify(outcomes));
}

export const MOST_TURNS = 3;
