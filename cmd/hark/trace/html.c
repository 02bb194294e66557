/* html.c - ops, waits and facts as blocks of numbers between the two halves of the page.
 *
 * What must hold: nothing that a traced program has a say in, its name or a fact's text, stands in
 * the page but in base64 or with <, > and & escaped. */
#include "trace/html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/check.h"
#include "trace/page.h"
#include "trace/text.h"

enum { NUMBER_BYTES = 10, OP_NUMBERS = 12 + 10 + 3 * TRACE_ANCESTORS };

/* --- blocks --- */

static void put_base64(FILE *file, const uint8_t *bytes, size_t count)
{
    enum { PART = 3 * 1024 }; /* of threes, so that none but the last has an end */
    char text[PART / 3 * 4] = "";
    for (size_t at = 0; at < count; at += PART) {
        const size_t part = count - at < PART ? count - at : PART;
        (void)fwrite(text, 1, base64_encode(text, bytes + at, part), file);
    }
}

static void flush_block(struct trace_html *html, struct trace_html_block *block)
{
    if (block->used == 0)
        return;
    fprintf(html->file, "<script type=\"application/octet-stream\" data-block=\"%s\">",
            block->name);
    put_base64(html->file, block->bytes, block->used);
    fputs("</script>\n", html->file);
    block->used = 0;
    block->last_ns = html->base_ns;
    block->text_count = 0;
    memset(block->texts, 0, sizeof block->texts);
}

/* Gives: whether there is to be one more in it; if so, there is room. */
static bool make_room(struct trace_html *html, struct trace_html_block *block, size_t bytes,
                      uint64_t most)
{
    if (block->count >= most) {
        block->left_out++;
        return false;
    }
    if (block->used + bytes > sizeof block->bytes)
        flush_block(html, block);
    return true;
}

static void put(struct trace_html_block *block, uint64_t number)
{
    check(block->used + NUMBER_BYTES <= sizeof block->bytes);
    for (; number >= 0x80; number >>= 7)
        block->bytes[block->used++] = (uint8_t)(number | 0x80);
    block->bytes[block->used++] = (uint8_t)number;
}

static void put_folded(struct trace_html_block *block, int64_t number)
{
    put(block, (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0));
}

static void put_time(struct trace_html_block *block, uint64_t time_ns)
{
    put_folded(block, (int64_t)(time_ns - block->last_ns));
    block->last_ns = time_ns;
}

static void put_bytes(struct trace_html_block *block, const char *text, size_t room)
{
    size_t length = strnlen(text, room);
    put(block, length);
    check(block->used + length <= sizeof block->bytes);
    memcpy(block->bytes + block->used, text, length);
    block->used += length;
}

static size_t hash_of(const char *text, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return (hash ^ hash >> 16) % TRACE_HTML_TEXTS;
}

/* What the kernel tells is the same again and again. */
static void put_repeated(struct trace_html_block *block, const char *text, size_t room)
{
    size_t length = strnlen(text, room), place = hash_of(text, length);
    if (block->texts[place].number && block->texts[place].length == length &&
        memcmp(block->bytes + block->texts[place].at, text, length) == 0) {
        put(block, block->texts[place].number);
        return;
    }
    put(block, 0);
    put_bytes(block, text, room);
    block->texts[place].number = ++block->text_count;
    block->texts[place].length = (uint16_t)length;
    block->texts[place].at = (uint16_t)(block->used - length);
}

/* --- ops --- */

static void count_from(struct trace_html *html, uint64_t time_ns)
{
    if (html->base_ns == 0)
        html->base_ns = html->ops.last_ns = html->waits.last_ns = html->facts.last_ns = time_ns;
}

/* Gives: its place among the loops; without memory the first one's. */
static size_t place_of(struct trace_html *html, const struct trace_loop *loop)
{
    for (size_t i = html->loop_count; i-- > 0;)
        if (html->loops[i] == loop)
            return i;
    const struct trace_loop **more =
        realloc(html->loops, (html->loop_count + 1) * sizeof(const struct trace_loop *));
    if (!more)
        return 0;
    html->loops = more;
    html->loops[html->loop_count] = loop;
    return html->loop_count++;
}

static uint64_t without_loop(uint64_t id)
{
    return id & (((uint64_t)1 << 40) - 1);
}

static void put_ancestors(struct trace_html_block *block, const struct trace_op *op)
{
    size_t count = 0;
    while (count < TRACE_ANCESTORS && op->ancestors[count].id != 0)
        count++;
    put(block, count);
    for (size_t i = 0; i < count; i++) {
        put(block, without_loop(op->ancestors[i].id));
        put(block, op->ancestors[i].kind);
        put(block, (uint64_t)(op->ancestors[i].fd + (int64_t)1));
    }
}

/* The first stands for the op: the next one's first counts from it. */
static void put_times(struct trace_html_block *block, const uint64_t *times, size_t count)
{
    uint64_t first_ns = 0;
    for (size_t i = 0; i < count; i++) {
        if (times[i] == 0)
            continue;
        if (first_ns == 0)
            first_ns = times[i];
        put_time(block, times[i]);
    }
    block->last_ns = first_ns;
}

static void put_fact(struct trace_html *html, uint64_t op, const struct trace_fact *fact)
{
    struct trace_html_block *block = &html->facts;
    size_t room = 11 * NUMBER_BYTES + sizeof fact->what + sizeof fact->text;
    if (!make_room(html, block, room, TRACE_HTML_FACTS))
        return;
    block->count++;
    put(block, op);
    put_folded(block, (int64_t)(fact->time_ns - html->base_ns));
    put(block, (uint64_t)(fact->cpu + (int64_t)1));
    put(block, fact->stage);
    put(block, fact->guess);
    put(block, fact->device);
    put(block, fact->sector);
    put_repeated(block, fact->what, sizeof fact->what);
    put_repeated(block, fact->text, sizeof fact->text);
}

void trace_html_op(struct trace_html *html, const struct trace_op *op)
{
    /* From when on the loop itself made the call that brought the result. */
    uint64_t fetch_ns = op->fetched_ns == op->returned_ns ? op->fetch_ns : 0;
    const uint64_t times[] = {op->request_ns, op->queued_ns, op->delegated_ns, op->performed_ns,
                              op->done_ns,    op->woke_ns,   op->returned_ns,  op->call_ns,
                              op->called_ns,  fetch_ns};
    struct trace_html_block *block = &html->ops;
    enum { TIMES = sizeof times / sizeof *times };
    if (op->call_ns == 0 || op->called_ns == 0 ||
        !make_room(html, block, (size_t)OP_NUMBERS * NUMBER_BYTES, TRACE_HTML_OPS))
        return;
    uint64_t have = 0;
    for (size_t i = 0; i < TIMES; i++)
        have |= (uint64_t)(times[i] != 0) << i;
    count_from(html, op->call_ns);
    if (block->used == 0)
        put(block, block->count);
    put(block, op->flags);
    put(block, have);
    put(block, place_of(html, op->loop));
    put(block, op->kind);
    put(block, (uint64_t)(op->fd + (int64_t)1));
    put(block, without_loop(op->id));
    put(block, op->thread);
    put(block, op->tries);
    put_folded(block, op->result);
    put_ancestors(block, op);
    put_times(block, times, TIMES);
    if (op->result < 0 && op->result > -TRACE_HTML_ERRORS)
        html->errors[-op->result] = true;
    for (const struct trace_fact *fact = op->facts; fact; fact = fact->next)
        put_fact(html, block->count, fact);
    block->count++;
}

bool trace_html_is_full(const struct trace_html *html)
{
    return html->ops.count >= TRACE_HTML_OPS;
}

void trace_html_wait(struct trace_html *html, const struct trace_loop *loop, uint64_t from_ns,
                     uint64_t until_ns, uint64_t may_sleep_ns)
{
    struct trace_html_block *block = &html->waits;
    if (!make_room(html, block, (size_t)4 * NUMBER_BYTES, TRACE_HTML_WAITS))
        return;
    count_from(html, from_ns);
    block->count++;
    put(block, place_of(html, loop));
    put(block, may_sleep_ns != 0);
    put_time(block, from_ns);
    put(block, until_ns - from_ns);
}

/* --- about --- */

/* As a string of JSON that may stand in a script. */
static void put_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7f || strchr("\"\\<>&", byte))
            fprintf(file, "\\u%04x", byte);
        else
            fputc(byte, file);
    }
    fputc('"', file);
}

static void put_loop(const struct trace_html *html, const struct trace_loop *loop)
{
    fprintf(html->file,
            "{\"pid\":%u,\"thread\":%u,\"number\":%u,\"lost\":%" PRIu64 ",\"turns\":%" PRIu64
            ",\"asleep\":%" PRIu64 ",\"callbacks\":%" PRIu64 ",\"from\":%" PRId64
            ",\"until\":%" PRId64 ",\"backend\":",
            loop->pid, loop->thread, loop->number, loop->lost, loop->turns, loop->asleep_ns,
            loop->callbacks_ns, (int64_t)(loop->first_ns - html->base_ns),
            (int64_t)(loop->last_ns - html->base_ns));
    put_text(html->file, trace_text_backend(loop->backend));
    fputs(",\"process\":", html->file);
    put_text(html->file, loop->process[0] ? loop->process : "process");
    fputc('}', html->file);
}

static void put_loops(const struct trace_html *html)
{
    fputs("\"loops\":[", html->file);
    for (size_t i = 0; i < html->loop_count; i++) {
        fputs(i == 0 ? "\n" : ",\n", html->file);
        put_loop(html, html->loops[i]);
    }
    fputs("],\n", html->file);
}

/* The kinds of which alone there are ops. */
static void put_only(uint64_t kinds, FILE *file)
{
    const char *before = "";
    for (int kind = 0; kind < HARK_OP_KINDS; kind++)
        if (kinds & trace_op_kind_bit(kind)) {
            fprintf(file, "%s%d", before, kind);
            before = ",";
        }
}

static void put_kinds(FILE *file)
{
    fputs("\"kinds\":[", file);
    for (int kind = 0; kind < HARK_OP_KINDS; kind++) {
        fputs(kind == 0 ? "" : ",", file);
        put_text(file, hark_op_name(kind));
    }
    fputs("],\n\"waits\":[", file);
    for (int kind = 0; kind < HARK_OP_KINDS; kind++)
        fprintf(file, "%s%d", kind == 0 ? "" : ",", trace_op_kind_waits(kind));
    fputs("],\n", file);
}

static void put_errors(const struct trace_html *html)
{
    const char *lead = "";
    fputs("\"errors\":{", html->file);
    for (int error = 1; error < TRACE_HTML_ERRORS; error++) {
        if (!html->errors[error])
            continue;
        fprintf(html->file, "%s\"%d\":[", lead, -error);
        put_text(html->file, hark_error_name(-error));
        fputc(',', html->file);
        put_text(html->file, hark_error_text(-error));
        fputc(']', html->file);
        lead = ",";
    }
    fputs("},\n", html->file);
}

static void put_kernel(FILE *file, const char *missing)
{
    fputs("\"kernel\":", file);
    if (missing)
        put_text(file, missing);
    else
        fputs("null", file);
    fputs(",\n", file);
}

static void put_about(const struct trace_html *html, const struct trace_html_about *about)
{
    fputs("<script type=\"application/json\" id=\"about\">{\"version\":1,\n", html->file);
    put_loops(html);
    put_kinds(html->file);
    put_errors(html);
    put_kernel(html->file, about->kernel);
    fprintf(html->file,
            "\"ended\":%" PRIu64 ",\"ops\":%" PRIu64 ",\"waits_count\":%" PRIu64
            ",\"facts\":%" PRIu64 ",\n\"left_out\":{\"ops\":%" PRIu64 ",\"waits\":%" PRIu64
            ",\"facts\":%" PRIu64 "},\n\"slower_than\":%" PRIu64 ",\"only\":[",
            about->ended, html->ops.count, html->waits.count, html->facts.count, html->ops.left_out,
            html->waits.left_out, html->facts.left_out, about->slower_than_ns);
    put_only(about->kinds, html->file);
    fputs("]}</script>\n", html->file);
}

/* --- the whole --- */

/* Where the trace's data stands. */
static size_t split_of_page(void)
{
    const char *at = strstr(trace_page, TRACE_PAGE_DATA);
    check(at);
    return (size_t)(at - trace_page);
}

void trace_html_begin(struct trace_html *html, FILE *file)
{
    html->file = file;
    html->ops.name = "ops";
    html->waits.name = "waits";
    html->facts.name = "facts";
    (void)fwrite(trace_page, 1, split_of_page(), file);
}

void trace_html_end(struct trace_html *html, const struct trace_html_about *about)
{
    size_t behind = split_of_page() + strlen(TRACE_PAGE_DATA);
    flush_block(html, &html->ops);
    flush_block(html, &html->waits);
    flush_block(html, &html->facts);
    put_about(html, about);
    (void)fwrite(trace_page + behind, 1, trace_page_size - behind, html->file);
    free(html->loops);
    html->loops = NULL;
    html->loop_count = 0;
}
