/* prometheus.c - see the header. */
#include "server/prometheus.h"
#include "harness/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FAMILIES_MAX = 500, LABELS_MAX = 300 };

struct family {
    const char *name;
    const char *type;
};

static bool is_name(const char *text, size_t length)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:";
    return length > 0 && strchr(letters, *text) &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789") >=
               length;
}

/* name="value", with commas between.
 * Gives: where they end: a closing brace. */
static char *skip_labels(char *at, const char *line)
{
    for (;;) {
        size_t length = strcspn(at, "=");
        if (!is_name(at, length) || strncmp(at + length, "=\"", 2) != 0)
            fail_msg("no label stands in %s", line);
        at += length + 2;
        for (; *at && *at != '"'; at++)
            if (*at == '\\' && !strchr("\\\"n", *++at))
                fail_msg("%s escapes what it may not", line);
        if (*at++ != '"' || !strchr(",}", *at))
            fail_msg("a label does not end in %s", line);
        if (*at == '}')
            return at;
        at++;
    }
}

static struct sample read_sample(char *line, const char *whole)
{
    struct sample sample = {.name = line, .labels = ""};
    char *at = line + strcspn(line, "{ ");
    char *end;
    if (!is_name(line, (size_t)(at - line)))
        fail_msg("no name begins %s", whole);
    if (*at == '{') {
        *at++ = '\0';
        sample.labels = at;
        at = skip_labels(at, whole);
        *at++ = '\0';
    }
    if (*at != ' ')
        fail_msg("no blank stands before the value of %s", whole);
    *at++ = '\0';
    sample.value = strtod(at, &end);
    if (end == at || *end)
        fail_msg("no number ends %s", whole);
    return sample;
}

/* --- families --- */

static void begin_family(struct family *families, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(families[i].name, name) == 0)
            fail_msg("%s is there twice", name);
    assert_true(*count < FAMILIES_MAX);
    families[(*count)++] = (struct family){.name = name};
}

static void type_family(struct family *family, const char *name, const char *type)
{
    if (strcmp(family->name, name) != 0 || family->type)
        fail_msg("the type of %s does not stand behind its help", name);
    if (strcmp(type, "counter") != 0 && strcmp(type, "gauge") != 0 &&
        strcmp(type, "histogram") != 0)
        fail_msg("%s is of no type: %s", name, type);
    family->type = type;
}

static void assert_is_of(const struct sample *sample, const struct family *family)
{
    size_t length = strlen(family->name);
    bool begins = strncmp(sample->name, family->name, length) == 0;
    const char *rest = begins ? sample->name + length : "?";
    bool is_histogram = strcmp(family->type, "histogram") == 0;
    bool is_part =
        strcmp(rest, "_bucket") == 0 || strcmp(rest, "_sum") == 0 || strcmp(rest, "_count") == 0;
    if (is_histogram ? !is_part : *rest)
        fail_msg("%s stands under %s", sample->name, family->name);
    if (strcmp(family->type, "gauge") != 0 && !(sample->value >= 0))
        fail_msg("%s{%s} is below 0", sample->name, sample->labels);
}

static void assert_is_new(const struct metrics *metrics, const struct sample *sample)
{
    for (size_t i = 0; i < metrics->count; i++)
        if (strcmp(metrics->samples[i].name, sample->name) == 0 &&
            strcmp(metrics->samples[i].labels, sample->labels) == 0)
            fail_msg("%s{%s} is there twice", sample->name, sample->labels);
}

/* --- histograms --- */

/* Splits le="..." off: it stands last. */
static double read_bound(const struct sample *bucket, char labels[LABELS_MAX])
{
    snprintf(labels, LABELS_MAX, "%s", bucket->labels);
    char *bound = strstr(labels, "le=\"");
    if (!bound) {
        fail_msg("%s{%s} has no bound", bucket->name, bucket->labels);
        return 0;
    }
    double value = strcmp(bound, "le=\"+Inf\"") == 0 ? INFINITY : strtod(bound + 4, NULL);
    if (bound > labels)
        bound--; /* the comma */
    *bound = '\0';
    return value;
}

/* Takes: at: its first sample.
 * Gives: the one behind its last. */
static size_t look_at_histogram(const struct metrics *metrics, size_t at, const char *name)
{
    double bound = 0, count = 0, least = 0, most = 0;
    char part[128], first[LABELS_MAX], labels[LABELS_MAX];
    snprintf(part, sizeof part, "%s_bucket", name);
    for (size_t begin = at; bound < INFINITY; at++) {
        const struct sample *bucket = &metrics->samples[at];
        if (at == metrics->count || strcmp(bucket->name, part) != 0)
            fail_msg("a histogram of %s ends before +Inf", name);
        double next = read_bound(bucket, at == begin ? first : labels);
        if (at > begin && strcmp(labels, first) != 0)
            fail_msg("a histogram of %s ends before +Inf: %s", name, first);
        if (next <= bound || bucket->value < count)
            fail_msg("%s{%s} does not grow", bucket->name, bucket->labels);
        least += (bucket->value - count) * bound;
        most += bucket->value > count ? (bucket->value - count) * next : 0;
        bound = next;
        count = bucket->value;
    }
    assert_true(at + 2 <= metrics->count);
    const struct sample *sum = &metrics->samples[at], *all = &metrics->samples[at + 1];
    snprintf(part, sizeof part, "%s_sum", name);
    assert_string_equal(sum->name, part);
    snprintf(part, sizeof part, "%s_count", name);
    assert_string_equal(all->name, part);
    assert_string_equal(sum->labels, first);
    assert_string_equal(all->labels, first);
    if (all->value != count)
        fail_msg("%s{%s} is not what +Inf has", all->name, first);
    if (sum->value < least * (1 - 1e-6) - 1e-9 || sum->value > most * (1 + 1e-6) + 1e-9)
        fail_msg("%s{%s} is %g, which its buckets cannot have", sum->name, first, sum->value);
    return at + 2;
}

static void look_at_histograms(const struct metrics *metrics, const struct family *families,
                               size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(families[i].name);
        bool is_histogram = strcmp(families[i].type, "histogram") == 0;
        while (at < metrics->count &&
               strncmp(metrics->samples[at].name, families[i].name, length) == 0 &&
               (is_histogram ? metrics->samples[at].name[length] == '_'
                             : !metrics->samples[at].name[length]))
            at = is_histogram ? look_at_histogram(metrics, at, families[i].name) : at + 1;
    }
    assert_int_equal(at, metrics->count);
}

/* --- the whole --- */

static void read_line(struct metrics *metrics, char *line, struct family *families, size_t *count)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s", line);
    if (strncmp(line, "# HELP ", 7) == 0) {
        line[7 + strcspn(line + 7, " ")] = '\0';
        return begin_family(families, count, line + 7);
    }
    if (strncmp(line, "# TYPE ", 7) == 0) {
        char *type = strchr(line + 7, ' ');
        assert_non_null(type);
        *type = '\0';
        assert_true(*count > 0);
        return type_family(&families[*count - 1], line + 7, type + 1);
    }
    struct sample sample = read_sample(line, whole);
    assert_true(*count > 0 && families[*count - 1].type);
    assert_is_of(&sample, &families[*count - 1]);
    assert_is_new(metrics, &sample);
    metrics->samples[metrics->count++] = sample;
}

void metrics_read(struct metrics *metrics, const char *text)
{
    static struct family families[FAMILIES_MAX];
    size_t count = 0, lines = 0;
    metrics->text = strdup(text);
    assert_true(*text && text[strlen(text) - 1] == '\n');
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    metrics->samples = calloc(lines, sizeof *metrics->samples);
    metrics->count = 0;
    memset(families, 0, sizeof families);
    char *end;
    for (char *line = metrics->text; *line; line = end + 1) {
        end = strchr(line, '\n');
        *end = '\0';
        read_line(metrics, line, families, &count);
    }
    look_at_histograms(metrics, families, count);
}

void metrics_done(struct metrics *metrics)
{
    free(metrics->text);
    free(metrics->samples);
}

double metrics_value(const struct metrics *metrics, const char *name, const char *labels)
{
    for (size_t i = 0; i < metrics->count; i++)
        if (strcmp(metrics->samples[i].name, name) == 0 &&
            strcmp(metrics->samples[i].labels, labels) == 0)
            return metrics->samples[i].value;
    return -1;
}
