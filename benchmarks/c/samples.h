/* Measurements kept one by one, so that percentiles are exact: by nearest rank over all of them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct samples {
    uint64_t *values; /* nanoseconds */
    size_t length, capacity;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void note(struct samples *samples, uint64_t value)
{
    if (samples->length == samples->capacity) {
        samples->capacity = samples->capacity ? 2 * samples->capacity : 65536;
        samples->values = realloc(samples->values, samples->capacity * sizeof *samples->values);
        if (!samples->values)
            die("realloc");
    }
    samples->values[samples->length++] = value;
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* In microseconds, of sorted values: the least value that at least so many in 1,000 do not exceed. */
static double per_mille(const struct samples *samples, size_t rank)
{
    size_t at = (samples->length * rank + 999) / 1000;
    return (double)samples->values[at ? at - 1 : 0] / 1000.0;
}

/* As a member of a JSON object that is not its first. Sorts the values. */
static void print_samples(const char *name, struct samples *samples)
{
    if (!samples->length) {
        printf(", \"%s\": null", name);
        return;
    }
    double sum = 0;
    for (size_t i = 0; i < samples->length; i++)
        sum += (double)samples->values[i];
    qsort(samples->values, samples->length, sizeof *samples->values, by_value);
    printf(", \"%s\": {\"samples\": %zu, \"mean\": %.1f", name, samples->length, sum / (double)samples->length / 1000.0);
    static const struct {
        const char *name;
        size_t rank;
    } SHOWN[] = {{"p50", 500}, {"p95", 950}, {"p99", 990}, {"p999", 999}, {"max", 1000}};
    for (size_t i = 0; i < sizeof SHOWN / sizeof *SHOWN; i++)
        printf(", \"%s\": %.1f", SHOWN[i].name, per_mille(samples, SHOWN[i].rank));
    printf("}");
}
