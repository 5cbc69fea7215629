"""An hour of load with outages and kills: `python -m benchmarks soak`. What it shows is in docs/performance.md and in its own verdict."""
