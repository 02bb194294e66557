/* table.c - counts ops by kind, and prints three lines for each: what half of them did not exceed,
 * what 99 of 100 did not exceed, and the longest. */
#include "trace/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace/text.h"

/* --- counting --- */

static struct trace_table_row *row_of(struct trace_table *table, const struct trace_op *op)
{
    if (op->kind >= HARK_OP_KINDS)
        return NULL;
    if (!table->rows[op->kind])
        table->rows[op->kind] = calloc(1, sizeof *table->rows[op->kind]);
    if (!table->rows[op->kind])
        table->not_counted++;
    return table->rows[op->kind];
}

void trace_table_add(struct trace_table *table, const struct trace_op *op)
{
    struct trace_table_row *row = row_of(table, op);
    if (!row)
        return;
    table->count++;
    row->count++;
    row->failed += op->result < 0 && op->result != -ECANCELED;
    row->cancelled += op->result == -ECANCELED;
    row->unseen += (op->flags & TRACE_OP_UNSEEN) != 0;
    for (enum trace_span span = 0; span < TRACE_SPANS; span++) {
        uint64_t duration_ns = trace_op_span(op, span);
        if (duration_ns != TRACE_OP_UNKNOWN)
            trace_spread_add(&row->spans[span], duration_ns);
    }
}

void trace_table_add_in_flight(struct trace_table *table, const struct trace_op *op)
{
    struct trace_table_row *row = row_of(table, op);
    if (row)
        row->in_flight++;
}

const struct trace_table_row *trace_table_row(const struct trace_table *table, int kind)
{
    return kind >= 0 && kind < HARK_OP_KINDS ? table->rows[kind] : NULL;
}

void trace_table_done(struct trace_table *table)
{
    for (int kind = 0; kind < HARK_OP_KINDS; kind++)
        free(table->rows[kind]);
    memset(table, 0, sizeof *table);
}

/* --- printing --- */

static const struct {
    const char *name;
    double percent;
} lines[] = {{"p50", 50}, {"p99", 99}, {"max", 100}};

static void print_spans(const struct trace_table_row *row, double percent, FILE *file)
{
    char text[TRACE_TEXT_MAX];
    for (enum trace_span span = 0; span < TRACE_SPANS; span++) {
        const struct trace_spread *spread = &row->spans[span];
        uint64_t value =
            spread->count ? trace_spread_percentile(spread, percent) : TRACE_OP_UNKNOWN;
        fprintf(file, " %7s", trace_text_duration(text, value));
    }
    fputc('\n', file);
}

/* "12 failed", "1234k failed"; "" for none. */
static void put_note(char note[TRACE_TEXT_MAX], uint64_t count, const char *what)
{
    bool large = count >= 10000;
    if (count)
        snprintf(note, TRACE_TEXT_MAX, "%" PRIu64 "%s %s", large ? count / 1000 : count,
                 large ? "k" : "", what);
    else
        *note = '\0';
}

static void print_row(const struct trace_table_row *row, int kind, FILE *file)
{
    char notes[sizeof lines / sizeof *lines][TRACE_TEXT_MAX];
    trace_text_count(notes[0], row->count);
    put_note(notes[1], row->failed, "failed");
    put_note(notes[2], row->cancelled, "cancelled");
    for (size_t line = 0; line < sizeof lines / sizeof *lines; line++) {
        fprintf(file, "%-15.15s %14s  %s ", line == 0 ? hark_op_name(kind) : "", notes[line],
                lines[line].name);
        print_spans(row, lines[line].percent, file);
    }
}

static int by_count(const struct trace_table *table, int a, int b)
{
    uint64_t of_a = table->rows[a] ? table->rows[a]->count : 0;
    uint64_t of_b = table->rows[b] ? table->rows[b]->count : 0;
    if (of_a != of_b)
        return of_a > of_b ? -1 : 1;
    return a - b;
}

static void sort(const struct trace_table *table, int kinds[HARK_OP_KINDS])
{
    for (int i = 0; i < HARK_OP_KINDS; i++) {
        int at = i;
        for (; at > 0 && by_count(table, i, kinds[at - 1]) < 0; at--)
            kinds[at] = kinds[at - 1];
        kinds[at] = i;
    }
}

static void print_in_flight(const struct trace_table *table, FILE *file)
{
    char count[TRACE_TEXT_MAX];
    const char *lead = "In flight at the end:";
    for (int kind = 0; kind < HARK_OP_KINDS; kind++)
        if (table->rows[kind] && table->rows[kind]->in_flight) {
            fprintf(file, "%s %s %s", lead, trace_text_count(count, table->rows[kind]->in_flight),
                    hark_op_name(kind));
            lead = ",";
        }
    if (*lead == ',')
        fputs(".\n", file);
}

void trace_table_print(const struct trace_table *table, FILE *file)
{
    int kinds[HARK_OP_KINDS];
    sort(table, kinds);
    fprintf(file, "%-15s %14s  %s ", "op", "calls", "   ");
    for (enum trace_span span = 0; span < TRACE_SPANS; span++)
        fprintf(file, " %7s", trace_op_span_name(span));
    fputc('\n', file);
    for (int i = 0; i < HARK_OP_KINDS; i++)
        if (table->rows[kinds[i]] && table->rows[kinds[i]]->count)
            print_row(table->rows[kinds[i]], kinds[i], file);
    fputs("2>3 asked for, until it is handed on    3>6 away, until the loop has its result\n"
          "3>4 of that, until somebody begins      4>5 performed      5>6 on the way back\n"
          "6>7 until its callback has its turn     7 its callback     2>7 all of it\n",
          file);
    print_in_flight(table, file);
}
