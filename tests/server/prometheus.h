/* prometheus.h - a strict reader of the text format 0.0.4: what it does not allow, and what a
 * histogram may not be, fails the test. */
#ifndef TESTS_SERVER_PROMETHEUS_H
#define TESTS_SERVER_PROMETHEUS_H

#include <stddef.h>

struct sample {
    const char *name;
    const char *labels; /* without braces; "" for none */
    double value;
};

/* In memory of its own. */
struct metrics {
    char *text;
    struct sample *samples;
    size_t count;
};

/* Reads it, and looks at each family: HELP and TYPE once and before its samples, the samples
 * together, none twice; of histograms the buckets growing in both numbers up to +Inf, which is the
 * count, and a sum that fits them. */
void metrics_read(struct metrics *metrics, const char *text);
void metrics_done(struct metrics *metrics);

/* The value of a sample.
 * Gives: -1: there is none. */
double metrics_value(const struct metrics *metrics, const char *name, const char *labels);

#endif
