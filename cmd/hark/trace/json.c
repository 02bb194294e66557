/* json.c - ops and waits as slices and arrows. */
#include "trace/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "trace/text.h"

struct trace_json_track {
    uint32_t process, thread;
};

enum { KERNEL = 0 };

/* --- values --- */

static void put_text(FILE *file, const char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(file, "\\%c", byte);
        else if (byte >= 0x20 && byte < 0x7f)
            fputc(byte, file);
        else
            fputc('?', file);
    }
}

/* Microseconds, which the format counts in. */
static void put_time(FILE *file, const char *name, uint64_t time_ns)
{
    fprintf(file, ",\"%s\":%" PRIu64 ".%03u", name, time_ns / 1000, (unsigned)(time_ns % 1000));
}

/* Begins an event: all but its arguments. */
static void begin(struct trace_json *json, const char *phase, uint32_t process, uint32_t thread,
                  const char *category, const char *name)
{
    fprintf(json->file, "%s{\"ph\":\"%s\",\"pid\":%u,\"tid\":%u,\"cat\":\"%s\",\"name\":\"",
            json->events++ == 0 ? "" : ",\n", phase, process, thread, category);
    put_text(json->file, name);
    fputc('"', json->file);
}

/* --- tracks --- */

static void put_name(struct trace_json *json, const char *what, uint32_t process, uint32_t thread,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

static void put_name(struct trace_json *json, const char *what, uint32_t process, uint32_t thread,
                     const char *format, ...)
{
    char name[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    begin(json, "M", process, thread, "__metadata", what);
    fputs(",\"args\":{\"name\":\"", json->file);
    put_text(json->file, name);
    fputs("\"}}", json->file);
}

/* Gives: whether the track is new, so that it is to be named. *out_process: whether its process
 * is. Without memory it is named again. */
static bool is_new_track(struct trace_json *json, uint32_t process, uint32_t thread,
                         bool *out_process)
{
    *out_process = true;
    for (size_t i = 0; i < json->track_count; i++) {
        if (json->tracks[i].process != process)
            continue;
        *out_process = false;
        if (json->tracks[i].thread == thread)
            return false;
    }
    struct trace_json_track *more =
        realloc(json->tracks, (json->track_count + 1) * sizeof *json->tracks);
    if (more) {
        json->tracks = more;
        json->tracks[json->track_count++] =
            (struct trace_json_track){.process = process, .thread = thread};
    }
    return true;
}

static uint32_t track_of(const struct trace_loop *loop)
{
    return loop->thread ? loop->thread : loop->number;
}

static void name_process(struct trace_json *json, const struct trace_loop *loop, uint32_t thread)
{
    put_name(json, "process_name", loop->pid, thread, "%s %u",
             loop->process[0] ? loop->process : "process", loop->pid);
}

static void name_loop(struct trace_json *json, const struct trace_loop *loop)
{
    bool process;
    if (!is_new_track(json, loop->pid, track_of(loop), &process))
        return;
    if (process)
        name_process(json, loop, track_of(loop));
    put_name(json, "thread_name", loop->pid, track_of(loop), "loop %u on %s", loop->number,
             trace_text_backend(loop->backend));
}

static void name_pool_thread(struct trace_json *json, const struct trace_op *op)
{
    bool process;
    if (is_new_track(json, op->loop->pid, op->thread, &process))
        put_name(json, "thread_name", op->loop->pid, op->thread, "work pool of loop %u",
                 op->loop->number);
}

static void name_cpu(struct trace_json *json, int32_t cpu)
{
    bool process;
    if (!is_new_track(json, KERNEL, (uint32_t)cpu, &process))
        return;
    if (process)
        put_name(json, "process_name", KERNEL, (uint32_t)cpu, "the kernel");
    put_name(json, "thread_name", KERNEL, (uint32_t)cpu, "CPU %d", cpu);
}

/* --- ops --- */

static void put_stages(FILE *file, const struct trace_op *op)
{
    for (enum trace_span span = 0; span < TRACE_SPANS; span++) {
        uint64_t duration_ns = trace_op_span(op, span);
        if (duration_ns != TRACE_OP_UNKNOWN)
            fprintf(file, ",\"%s ns\":%" PRIu64, trace_op_span_name(span), duration_ns);
    }
}

static void put_callback(struct trace_json *json, const struct trace_op *op)
{
    char name[TRACE_TEXT_MAX];
    begin(json, "X", op->loop->pid, track_of(op->loop), "callback",
          trace_text_op(name, op->kind, op->fd));
    put_time(json->file, "ts", op->call_ns);
    put_time(json->file, "dur", op->called_ns - op->call_ns);
    fprintf(json->file, ",\"args\":{\"op\":\"%" PRIx64 "\",\"fd\":%d,\"result\":\"", op->id,
            op->fd);
    put_text(json->file, trace_text_result(name, op));
    fputc('"', json->file);
    put_stages(json->file, op);
    fputs("}}", json->file);
}

static void put_arrow_end(struct trace_json *json, const struct trace_op *op, const char *phase,
                          uint32_t thread, uint64_t time_ns)
{
    begin(json, phase, op->loop->pid, thread, "op", hark_op_name(op->kind));
    put_time(json->file, "ts", time_ns);
    fprintf(json->file, ",\"id\":%" PRIu64 "%s}", json->arrows,
            *phase == 's' ? "" : ",\"bp\":\"e\"");
}

/* An arrow begins and ends in slices. What no callback asked for gets one that is a point. */
static void put_arrow(struct trace_json *json, const struct trace_op *op)
{
    uint32_t thread = track_of(op->loop);
    if (op->request_ns == 0 || op->flags & TRACE_OP_AGAIN)
        return;
    if (op->ancestors[0].id == 0) {
        begin(json, "X", op->loop->pid, thread, "request", hark_op_name(op->kind));
        put_time(json->file, "ts", op->request_ns);
        put_time(json->file, "dur", 0);
        fputc('}', json->file);
    }
    json->arrows++;
    put_arrow_end(json, op, "s", thread, op->request_ns);
    if (op->thread && op->performed_ns)
        put_arrow_end(json, op, "t", op->thread, op->performed_ns);
    put_arrow_end(json, op, "f", thread, op->call_ns);
}

static void put_performing(struct trace_json *json, const struct trace_op *op)
{
    char name[TRACE_TEXT_MAX];
    name_pool_thread(json, op);
    begin(json, "X", op->loop->pid, op->thread, "pool", trace_text_op(name, op->kind, op->fd));
    put_time(json->file, "ts", op->performed_ns);
    put_time(json->file, "dur", op->done_ns - op->performed_ns);
    fprintf(json->file, ",\"args\":{\"op\":\"%" PRIx64 "\"}}", op->id);
}

static void put_fact(struct trace_json *json, const struct trace_op *op,
                     const struct trace_fact *fact)
{
    if (fact->cpu < 0)
        return;
    name_cpu(json, fact->cpu);
    begin(json, "i", KERNEL, (uint32_t)fact->cpu, "kernel", fact->what);
    put_time(json->file, "ts", fact->time_ns);
    fprintf(json->file, ",\"s\":\"t\",\"args\":{\"op\":\"%" PRIx64 "\",\"join\":\"%s\",\"text\":\"",
            op->id, fact->guess ? "guess" : "exact");
    put_text(json->file, fact->text);
    fputs("\"}}", json->file);
}

void trace_json_op(struct trace_json *json, const struct trace_op *op)
{
    if (op->call_ns == 0 || op->called_ns == 0)
        return;
    name_loop(json, op->loop);
    put_callback(json, op);
    if (op->thread && op->performed_ns && op->done_ns)
        put_performing(json, op);
    put_arrow(json, op);
    for (const struct trace_fact *fact = op->facts; fact; fact = fact->next)
        put_fact(json, op, fact);
}

void trace_json_wait(struct trace_json *json, const struct trace_loop *loop, uint64_t from_ns,
                     uint64_t until_ns, uint64_t may_sleep_ns)
{
    name_loop(json, loop);
    begin(json, "X", loop->pid, track_of(loop), "wait", may_sleep_ns ? "asleep" : "looks");
    put_time(json->file, "ts", from_ns);
    put_time(json->file, "dur", until_ns - from_ns);
    fputc('}', json->file);
}

/* --- the whole --- */

void trace_json_begin(struct trace_json *json, FILE *file)
{
    json->file = file;
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", file);
}

void trace_json_end(struct trace_json *json)
{
    fputs("\n]}\n", json->file);
    free(json->tracks);
    json->tracks = NULL;
    json->track_count = 0;
}
